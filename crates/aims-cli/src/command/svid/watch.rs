//! `aims svid watch`.

use std::time::SystemTime;

use aims::CredentialSource;
use aims::keys::UnixTime;
use aims::workload_api::{SourceStatus, WorkloadSource};

use super::fetch::Api;
use crate::failure::Failure;
use crate::output::{Fact, Facts, Report};

/// Shows the credentials of this workload as they change: a few lines, or with --json one, for each change.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    api: Api,
    /// Ends after so many changes. Default: never.
    #[arg(long, value_name = "NUMBER")]
    changes: Option<u64>,
}

impl Watch {
    pub(super) fn run(self, json: bool) -> Result<Report, Failure> {
        let api = self.api.connect()?;
        super::block_on(async {
            let mut source = WorkloadSource::builder(api).start_without_waiting();
            let mut left = self.changes;
            let mut shown = None;
            loop {
                let status = source.changed().await;
                let facts = facts(&source, &status)?;
                let text = facts.text();
                // Two streams may say one thing.
                if shown.as_ref() == Some(&text) {
                    continue;
                }
                shown = Some(text);
                left = left.map(|left| left.saturating_sub(1));
                if left == Some(0) {
                    return Ok(Report::Facts(facts));
                }
                let print = Report::Facts(facts).print(json);
                print.map_err(|error| Failure::io("standard output", &error))?;
                if !json {
                    println!();
                }
            }
        })
    }
}

fn facts(source: &WorkloadSource, status: &SourceStatus) -> Result<Facts, Failure> {
    let mut facts = Facts::new().with("at", UnixTime::try_from(SystemTime::now())?);
    if let Ok(holder) = source.x509().holder() {
        facts = facts.with("subject", holder.subject().to_string()).with("not_after", holder.not_after());
    }
    let streams = status.streams.iter().map(|(name, stream)| {
        let error = stream.last_error.as_ref();
        Facts::new()
            .with("name", *name)
            .with("state", stream.state.name())
            .with("updates", Fact::Number(stream.updates))
            .with_some("next_attempt", stream.next_attempt)
            .with_some("last_error", error.map(|error| format!("{} ({})", error.code(), error.rule())))
    });
    Ok(facts.with("streams", Fact::Each(streams.collect())))
}
