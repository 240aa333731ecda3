#![doc = include_str!("../README.md")]

mod algorithm;
mod command;
mod document;
mod failure;
mod hex;
mod input;
mod keyfile;
mod message;
mod output;
mod pem;
mod private_file;
mod time;
mod tour;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::input::Inputs;

/// Keys, identifiers, workload credentials, proofs, signed HTTP messages, trust bundles and the OAuth client on the command line; and the tour.
///
/// Ends with 0 when all is well, with 1 when something was refused (its code and rule are on standard error), and with 2
/// when the command line makes no sense or a file cannot be read or written.
#[derive(Debug, Parser)]
#[command(name = "aims", version)]
struct Cli {
    /// Prints results, and refusals on standard error, as one line of JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evidence: TPMs are enrolled, and what they say is verified.
    #[command(subcommand)]
    Attest(command::attest::Command),
    /// Trust bundles as SPIFFE documents: what the credentials of a trust domain are verified with.
    #[command(subcommand)]
    Bundle(command::bundle::Command),
    /// HTTP messages as text: signed, verified, and what was signed (RFC 9421).
    #[command(subcommand)]
    Http(command::http::Command),
    /// Workload identifiers: spiffe://... and wimse://...
    #[command(subcommand)]
    Id(command::id::Command),
    /// Public keys as JSON Web Keys (RFC 7517), and sets of them.
    #[command(subcommand)]
    Jwk(command::jwk::Command),
    /// JWT-SVIDs: bearer tokens, for peers that know nothing better.
    #[command(subcommand)]
    JwtSvid(command::jwt_svid::Command),
    /// Private keys.
    #[command(subcommand)]
    Key(command::key::Command),
    /// The OAuth client: finds authorization servers, and gets tokens from them.
    #[command(subcommand)]
    Oauth(command::oauth::Command),
    /// Prints which revisions of the specifications this program follows.
    Revisions,
    /// X.509-SVIDs and Workload Identity Certificates: who a workload is, for TLS.
    #[command(subcommand)]
    Svid(command::svid::Command),
    /// OAuth access tokens (RFC 9068): what an agent may do, and for whom; and DPoP proofs.
    #[command(subcommand)]
    Token(command::access_token::Command),
    /// The TPM of this machine: keys in it, its enrolment, and evidence from it.
    ///
    /// The library that reaches it, libtss2, writes errors of its own on standard error, beside those of this program: `TSS2_LOG=all+NONE` in the environment stops
    /// that.
    #[cfg(feature = "tpm")]
    #[command(subcommand)]
    Tpm(command::tpm::Command),
    /// The TPM of this machine; this program was built without it (feature `tpm`).
    #[cfg(not(feature = "tpm"))]
    #[command(disable_help_flag = true)]
    Tpm(command::tpm_absent::Command),
    /// Runs the whole story on this machine: real processes, real sockets, real attacks.
    Tour(tour::Args),
    /// Workload Identity Tokens: who a workload is, and the key it proves that with.
    #[command(subcommand)]
    Wit(command::wit::Command),
    /// Workload Proof Tokens: possession of the key, for one request.
    #[command(subcommand)]
    Wpt(command::wpt::Command),
}

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| input::holds_key(&argument)) {
        let why = "an argument holds a key: keys are read from files, or from standard input as -";
        return fail(&Failure::Unusable(why.into()), false);
    }
    let Cli { json, command } = Cli::parse();
    #[cfg(not(feature = "tpm"))]
    let json = json || matches!(&command, Command::Tpm(command) if command.wants_json());
    let mut inputs = Inputs::default();
    let result = match command {
        Command::Attest(command) => command.run(&mut inputs),
        Command::Bundle(command) => command.run(&mut inputs),
        Command::Http(command) => command.run(&mut inputs),
        Command::Id(command) => command.run(&mut inputs),
        Command::Jwk(command) => command.run(&mut inputs),
        Command::JwtSvid(command) => command.run(&mut inputs),
        Command::Key(command) => command.run(&mut inputs, json),
        Command::Oauth(command) => command.run(&mut inputs, json),
        Command::Revisions => Ok(command::revisions::run()),
        Command::Svid(command) => command.run(&mut inputs, json),
        Command::Token(command) => command.run(&mut inputs),
        #[cfg(feature = "tpm")]
        Command::Tpm(command) => command.run(&mut inputs),
        #[cfg(not(feature = "tpm"))]
        Command::Tpm(command) => command.run(),
        Command::Tour(args) => return tour::run(&args),
        Command::Wit(command) => command.run(&mut inputs),
        Command::Wpt(command) => command.run(&mut inputs),
    };
    #[cfg(feature = "tpm")]
    let result = {
        let result = result.map_err(|failure| inputs.naming_key(failure));
        // Refused or not.
        let closed = inputs.close();
        result.and_then(|report| closed.map(|()| report))
    };
    let printed = result.and_then(|report| match report.print(json) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(report.exit_code()),
        printed => {
            printed.map(|()| report.exit_code()).map_err(|error| Failure::io("standard output", &error))
        }
    });
    match printed {
        Ok(code) => code,
        Err(failure) => fail(&failure, json),
    }
}

fn fail(failure: &Failure, json: bool) -> ExitCode {
    eprintln!("{}", if json { failure.to_json() } else { failure.to_text() });
    failure.exit_code()
}
