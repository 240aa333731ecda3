//! Tasks of this repository: `cargo xtask help`.
//!
//! One file per subcommand. Everything runs through Cargo and the standard library, so that a fresh machine needs
//! only Rust and a C compiler to start.

use std::process::ExitCode;

mod apt;
mod bench;
mod check;
mod conformance;
mod features;
mod fuzz;
pub mod map;
mod mutants;
pub mod packages;
mod peers;
mod process;
mod soak;
mod stages;
mod standalone;
mod test;
mod tools;
mod tour;

const HELP: &str = "\
cargo xtask <TASK>

  test                              every test: crates, doctests, repository, tour, fuzz smoke, interop
  check                             fmt, clippy, rustdoc, cargo-deny, clippy of the benches, conformance
  tour [--chapter N] [--json]       the tour: real processes, real HTTP, and the attacks they refuse
  conformance [--check] [--json]    which requirement of docs/spec/ is tested where; writes docs/conformance.md
  bench [FILTER] [--json]           the paired benchmark table
  fuzz [TARGET] [--seconds N]       the fuzz targets, on stable Rust
  soak [SECONDS] [CALLERS]          identities renewed all the time: no request fails, memory stays (300 s, 200 callers)
  mutants [CRATE..] [-- ARGS]       mutation tests of the verifying crates, with cargo-mutants
  help                              this text";

/// Runs one task; the exit code is 0 for success, 1 for a failed task and 2 for wrong usage.
#[must_use]
pub fn run(args: &[String]) -> ExitCode {
    let Some((task, rest)) = args.split_first() else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    let outcome = match task.as_str() {
        "bench" => bench::run(rest),
        "check" => check::run(rest),
        "conformance" => conformance::run(rest),
        "fuzz" => fuzz::run(rest),
        "mutants" => mutants::run(rest),
        "soak" => soak::run(rest),
        "test" => test::run(rest),
        "tour" => tour::run(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(Failure::Usage(format!("no task `{task}`"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Task(message)) => {
            eprintln!("xtask {task}: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            eprintln!("xtask: {message}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

/// Why a task did not succeed.
#[derive(Debug)]
enum Failure {
    /// It ran, and what it checks does not hold.
    Task(String),
    /// It was called wrongly.
    Usage(String),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Task(message)
    }
}

/// Refuses arguments of a task that has none.
fn no_arguments(args: &[String]) -> Result<(), Failure> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Failure::Usage(format!("unexpected argument `{arg}`"))),
    }
}
