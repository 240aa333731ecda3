//! `cargo xtask tour`: the `aims` program's tour, built from this tree.

use crate::{Failure, process};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command =
        process::cargo(&["run", "--quiet", "--locked", "--package", "aims-cli", "--bin", "aims"]);
    // Whoever asks for a TPM has libtss2; the others need nothing but Rust (TPM-1).
    if args.iter().any(|arg| arg == "--tpm" || arg == "hardware" || arg == "--chapter=hardware") {
        command.args(["--features", "tpm"]);
    }
    Ok(process::run(command.args(["--", "tour"]).args(args))?)
}
