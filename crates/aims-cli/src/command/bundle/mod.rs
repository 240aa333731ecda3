//! `aims bundle`.

mod fetch;
mod inspect;
mod issue;
mod serve;
mod verify;

use std::path::PathBuf;

use aims::{TrustBundle, backend};
use clap::Subcommand;

use crate::command::block_on;
use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetches the bundle document of another trust domain from its endpoint, as SPIFFE Federation has it, and prints it as it came.
    Fetch(Box<fetch::Fetch>),
    /// Shows what a bundle document holds, and what would be left out and why.
    Inspect {
        /// A SPIFFE bundle document; - is standard input.
        file: PathBuf,
    },
    /// Writes the bundle document of a trust domain.
    Issue(Box<issue::Issue>),
    /// Serves a bundle document as the endpoint of its trust domain, over TLS, until it is stopped.
    Serve(Box<serve::Serve>),
    /// Checks that a bundle document is one that every reader takes, and that it may take the place of another.
    Verify(verify::Verify),
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Fetch(fetch) => fetch.run(inputs),
            Self::Inspect { file } => {
                let file = inputs.file(&file)?;
                Ok(Report::Facts(inspect::facts(&read(&file)?).about(&file)?))
            }
            Self::Issue(issue) => issue.run(inputs),
            Self::Serve(serve) => serve.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
        }
    }
}

/// Reads a document as verifiers do.
fn read(input: &Input) -> Result<TrustBundle, Failure> {
    let origin = SOME_ORIGIN.parse().about(input)?;
    TrustBundle::from_spiffe(origin, &input.text, backend::ring()).about(input)
}

/// A document does not say whose it is (BND-1), and nothing that is asked about it here depends on that.
const SOME_ORIGIN: &str = "spiffe://bundle.invalid";
