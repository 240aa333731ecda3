//! `aims id`.

use aims::id::{IdPattern, WorkloadId};
use clap::Subcommand;

use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};
use crate::output::{Fact, Facts, Report};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Takes an identifier apart; refuses what is none.
    Inspect {
        /// The identifier; @FILE reads it from a file, - from standard input.
        id: String,
    },
    /// Whether a pattern matches an identifier.
    ///
    /// A pattern is an origin and whole path segments; * stands for one segment, ** at the end for one or more.
    Match {
        /// The pattern, such as `spiffe://acme.example/agents/*`.
        pattern: String,
        /// The identifier; @FILE reads it from a file, - from standard input.
        id: String,
    },
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Inspect { id } => Ok(Report::Facts(inspect(&parse(&inputs.text(&id)?)?))),
            Self::Match { pattern, id } => {
                let pattern: IdPattern = pattern.parse()?;
                let id = parse(&inputs.text(&id)?)?;
                if !pattern.matches(&id) {
                    return Err(Failure::refused(
                        "no_match",
                        "WID-17",
                        "the pattern does not match the identifier",
                    ));
                }
                Ok(Report::Facts(Facts::new().with("pattern", pattern.as_str()).with("id", id.as_str())))
            }
        }
    }
}

fn parse(input: &Input) -> Result<WorkloadId, Failure> {
    input.text.parse::<WorkloadId>().about(input)
}

fn inspect(id: &WorkloadId) -> Facts {
    Facts::new()
        .with("id", id.as_str())
        .with("scheme", id.scheme().as_str())
        .with("trust_domain", id.trust_domain())
        .with("origin", id.origin_str())
        .with("path", id.path())
        .with("segments", Fact::Texts(id.segments().map(str::to_owned).collect()))
}
