//! `aims revisions`.

use aims::credential::SPEC_REVISIONS;

use crate::output::{Fact, Facts, Report};

/// The table of specifications.
pub(crate) fn run() -> Report {
    let tables = [
        SPEC_REVISIONS,
        aims::oauth::SPEC_REVISIONS,
        aims::proof::SPEC_REVISIONS,
        aims::proof::web_bot_auth::SPEC_REVISIONS,
        aims::tls::SPEC_REVISIONS,
        aims::workload_api::SPEC_REVISIONS,
    ];
    let table = || tables.into_iter().flatten();
    let lines = table().map(|spec| format!("{} {} ({})", spec.name, spec.revision, spec.date)).collect();
    let rows = table().map(|spec| {
        Facts::new().with("name", spec.name).with("revision", spec.revision).with("date", spec.date)
    });
    Report::Lines(lines, Facts::new().with("specifications", Fact::Each(rows.collect())))
}
