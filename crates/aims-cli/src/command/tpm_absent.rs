//! `aims tpm`, in a program that was built without it.

use std::ffi::OsString;

use crate::failure::Failure;
use crate::output::Report;

/// Whatever was asked.
#[derive(clap::Args, Debug)]
pub(crate) struct Command {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    asked: Vec<OsString>,
}

impl Command {
    /// Whether the answer is to be in JSON: the option stands behind the subcommand, where nothing else reads it.
    pub(crate) fn wants_json(&self) -> bool {
        self.asked.iter().any(|argument| argument == "--json")
    }

    #[expect(clippy::unused_self, reason = "as of every command")]
    pub(crate) fn run(self) -> Result<Report, Failure> {
        Err(explained())
    }
}

/// What is missing, and how to get it.
pub(crate) fn explained() -> Failure {
    Failure::Unusable(
        "this program was built without `aims tpm`: `cargo install --path crates/aims-cli --features tpm` builds it with, \
         where libtss2 is (Debian: libtss2-dev, pkg-config); `aims attest` needs no TPM and is there"
            .into(),
    )
}
