//! `aims bundle verify`.

use std::path::PathBuf;

use aims::credential::Freshness;
use aims::{TrustBundle, backend};

use super::{SOME_ORIGIN, inspect, read};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Facts, Report};

/// What to verify.
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    /// A SPIFFE bundle document; - is standard input.
    file: PathBuf,
    /// Refuses a document with an element that would be left out.
    #[arg(long)]
    complete: bool,
    /// The document that is in force: one with a smaller sequence number does not take its place.
    #[arg(long, value_name = "FILE")]
    stored: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let file = inputs.file(&self.file)?;
        let origin = SOME_ORIGIN.parse().about(&file)?;
        let bundle = TrustBundle::from_spiffe_strict(origin, &file.text, backend::ring()).about(&file)?;
        if let Some(skipped) = bundle.skipped().first().filter(|_| self.complete) {
            return Err(skipped.reason.clone()).about(&file);
        }
        let mut facts = Facts::new().with("verified", true);
        if let Some(path) = &self.stored {
            let freshness = Freshness::of(&read(&inputs.file(path)?)?, &bundle);
            if freshness == Freshness::Older {
                let older = "the sequence number is smaller than that of the bundle in force";
                return Err(Failure::refused("older_bundle", "BND-8", older)).about(&file);
            }
            facts = facts
                .with("freshness", name(freshness))
                .with("replaces", freshness.replaces())
                .with("to_be_reported", freshness.is_to_be_reported());
        }
        Ok(Report::Facts(facts.with_all(inspect::facts(&bundle).about(&file)?)))
    }
}

fn name(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Changed => "changed",
        Freshness::Foreign => "foreign",
        Freshness::Newer => "newer",
        Freshness::Older => "older",
        Freshness::Same => "same",
        Freshness::Unordered => "unordered",
    }
}
