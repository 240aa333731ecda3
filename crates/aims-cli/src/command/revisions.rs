//! `aims revisions`.

use aims::credential::{SPEC_REVISIONS, SpecRevision};

use crate::output::{Fact, Facts, Report};

/// The table of specifications.
pub(crate) fn run() -> Report {
    let proofs = [PROOFS];
    let tables = [SPEC_REVISIONS, &proofs, aims::tls::SPEC_REVISIONS, aims::workload_api::SPEC_REVISIONS];
    let table = || tables.into_iter().flatten();
    let lines = table().map(|spec| format!("{} {} ({})", spec.name, spec.revision, spec.date)).collect();
    let rows = table().map(|spec| {
        Facts::new().with("name", spec.name).with("revision", spec.revision).with("date", spec.date)
    });
    Report::Lines(lines, Facts::new().with("specifications", Fact::Each(rows.collect())))
}

const PROOFS: SpecRevision = SpecRevision::new("draft-ietf-wimse-wpt", "02", "2026-08-27");
