//! The tour: one story, told by real processes.

use std::process::ExitCode;

/// Options of `aims tour`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs one chapter only.
    #[arg(long)]
    chapter: Option<String>,
    /// Prints a line of JSON per step.
    #[arg(long)]
    json: bool,
}

/// Runs the tour.
pub(crate) fn run(_args: &Args) -> ExitCode {
    ExitCode::FAILURE
}
