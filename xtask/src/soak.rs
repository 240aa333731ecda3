//! `cargo xtask soak`: identities that are renewed all the time, for five minutes.

use crate::{Failure, process};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = process::cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "aims-examples",
        "--bin",
        "soak",
        "--",
    ]);
    Ok(process::run(command.args(args))?)
}
