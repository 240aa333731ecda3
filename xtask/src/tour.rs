//! `cargo xtask tour`: the `aims` program's tour, built from this tree.

use crate::{Failure, process};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = process::cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "aims-cli",
        "--bin",
        "aims",
        "--",
        "tour",
    ]);
    Ok(process::run(command.args(args))?)
}
