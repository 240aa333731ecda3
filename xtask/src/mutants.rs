//! `cargo xtask mutants`: does a test fail when a check is removed?

use crate::{Failure, process, tools};

const VERSION: &str = "27.1.0";

/// The crates whose refusals protect somebody.
const VERIFIERS: [&str; 4] = ["aims-id", "aims-jose", "aims-credential", "aims-proof"];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    // Everything from the first option on goes to cargo-mutants, so that `--in-diff FILE` needs no `--`.
    let options_at = args.iter().position(|arg| arg.starts_with('-')).unwrap_or(args.len());
    let (crates, options) = args.split_at(options_at);
    let options = options.strip_prefix(&["--".to_owned()]).unwrap_or(options);

    let program = tools::find_or_install("mutants", VERSION)?;
    let mut command = process::program(program);
    command.args(["mutants", "--all-features"]);
    if crates.is_empty() {
        command.args(VERIFIERS.iter().flat_map(|name| ["--package", name]));
    }
    for name in crates {
        command.args(["--package", name]);
    }
    command.args(options);
    // It copies the tree, so a path beside the repository would not be found.
    command.env("AIMS_VECTORS", process::vectors());
    Ok(process::run(&mut command)?)
}
