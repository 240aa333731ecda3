//! `cargo xtask bench`: the paired table of `benches/`, ours and the raw backend call in turns.

use crate::{Failure, process};

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = process::cargo(&[
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        "benches/Cargo.toml",
        "--bin",
        "paired",
        "--",
    ]);
    Ok(process::run(command.args(args))?)
}
