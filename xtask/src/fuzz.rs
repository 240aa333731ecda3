//! `cargo xtask fuzz`: the targets of `fuzz/`, plain functions that need no nightly compiler.

use crate::{Failure, process};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = process::cargo(&[
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--",
    ]);
    Ok(process::run(command.args(args))?)
}
