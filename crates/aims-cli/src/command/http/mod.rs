//! `aims http`.

mod base;
mod exchange;
mod key;
mod sign;
mod verify;

use clap::Subcommand;

use self::base::Base;
use self::sign::Sign;
use self::verify::Verify;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints the signature base of a signature, which is what was signed, and marks where it differs from another.
    ///
    /// The signature is not verified, and may have expired. In JSON, `same` says whether the two are the same.
    Base(Box<Base>),
    /// Signs a message, and prints it with the fields of the signature.
    ///
    /// Every other byte of the message stays as it is. Parameters stand in this order: created, expires, nonce, keyid, tag, alg,
    /// then those of --param.
    Sign(Box<Sign>),
    /// Verifies a signature of a message, and prints what it covers.
    ///
    /// A Content-Digest that is covered is compared with the content. No run remembers the nonces of another, so a message that
    /// was sent before is not noticed.
    Verify(Box<Verify>),
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Base(base) => base.run(inputs),
            Self::Sign(sign) => sign.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
        }
    }
}
