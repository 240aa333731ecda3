#![doc = include_str!("../README.md")]

mod tour;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keys, identifiers, Workload Identity Tokens and proofs on the command line; and the tour.
#[derive(Debug, Parser)]
#[command(name = "aims", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole story on this machine: real processes, real sockets, real attacks.
    Tour(tour::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Tour(args) => tour::run(&args),
    }
}
