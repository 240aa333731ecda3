//! `aims svid`.

mod authority;
mod fetch;
mod inspect;
mod issue;
mod request;
mod revoke;
mod verify;
mod watch;

use std::path::PathBuf;

use clap::Subcommand;

use crate::command::block_on;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes the certificate of an authority, signed by itself, for the trust bundle; or of one below another authority.
    Authority(Box<authority::Authority>),
    /// Asks a SPIFFE Workload API who this workload is, and shows its credentials and bundles. Keys are not shown, and are gone afterwards.
    Fetch(fetch::Fetch),
    /// Shows the certificates of a file, without checking anything about them.
    Inspect {
        /// Certificates in PEM or DER; - is standard input.
        file: PathBuf,
    },
    /// Issues a certificate, and prints the chain to present in PEM, the workload's certificate first.
    ///
    /// A request shows that the workload holds its key. With --for nobody shows that: see to it first.
    Issue(Box<issue::Issue>),
    /// Makes a certificate request (PKCS#10), which shows that its sender holds a key.
    Request(request::Request),
    /// Makes the revocation list of an authority: all that it has revoked and that has not expired.
    Revoke(Box<revoke::Revoke>),
    /// Verifies a certificate and the way from it to an authority of its own trust domain.
    ///
    /// A verified certificate is not yet an authenticated peer, since anybody can have it: it becomes one in a TLS handshake, in
    /// which the peer signs with its key.
    Verify(Box<verify::Verify>),
    /// Follows a SPIFFE Workload API: shows each rotation, and what is wrong while there is none.
    Watch(watch::Watch),
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        match self {
            Self::Authority(authority) => authority.run(inputs),
            Self::Fetch(fetch) => fetch.run(),
            Self::Inspect { file } => inspect::run(&file, inputs),
            Self::Issue(issue) => issue.run(inputs),
            Self::Request(request) => request.run(inputs),
            Self::Revoke(revoke) => revoke.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
            Self::Watch(watch) => watch.run(json),
        }
    }
}
