//! `cargo xtask test`: every test there is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::stages::{Done, Stages, Stop};
use crate::{Failure, apt, features, no_arguments, peers, process, standalone};

/// How long the fuzz smoke runs, over all its targets.
const FUZZ_SECONDS: &str = "20";

/// One set of packages and features for tests and tour, so that nothing is compiled twice.
fn all_tests() -> Result<Command, String> {
    let mut command = process::cargo(&["test", "--locked", "--no-fail-fast"]);
    command.args(features::packages()?).args(features::all()?);
    Ok(command)
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments(args)?;
    let mut stages = Stages::new("test");
    stages.run("system packages", apt::stage);
    stages.run("vectors", vectors);
    stages.run("default features compile", || cargo(&["check", "--locked"]));
    // The tests of the repository itself (layers, map, weights, manifests) are among these, in `xtask/tests/`.
    stages.run("tests and doctests", || libtest(&mut all_tests()?));
    stages.run("each crate alone", standalone::stage);
    stages.run("wasm32", wasm32);
    stages.run("tour", tour);
    stages.run("fuzz smoke", fuzz_smoke);
    stages.run("packages of Python", || peers::stage(peers::PYTHON));
    stages.run("packages of Node", || peers::stage(peers::NODE));
    stages.run("interop", interop);
    let (outcome, (passed, failed)) = match stages.finish() {
        Ok(sums) => (Ok(()), sums),
        Err(sums) => (Err(Failure::Task("not everything passed".to_owned())), sums),
    };
    // The line that CI reads; nothing on standard output follows it.
    println!("test: {passed} passed, {failed} failed");
    outcome
}

fn cargo(args: &[&str]) -> Result<Done, Stop> {
    process::run(&mut process::cargo(args))?;
    Ok(Done::Ok)
}

/// Test data of others, which is not in the repository: CI must have it.
fn vectors() -> Result<Done, Stop> {
    let path = process::vectors();
    if path.is_dir() {
        return Ok(Done::Ok);
    }
    let message = "no test vectors (set AIMS_VECTORS): tests that read them skip".to_owned();
    Err(if std::env::var_os("CI").is_some() { Stop::Failed(message) } else { Stop::Skipped(message) })
}

/// Runs Rust test programs and adds up what they report.
fn libtest(command: &mut Command) -> Result<Done, Stop> {
    let (mut passed, mut failed) = (0, 0);
    let outcome = process::stream(command, |line| {
        if let Some((more_passed, more_failed)) = test_result(line) {
            passed += more_passed;
            failed += more_failed;
        }
    });
    match outcome {
        Ok(()) if failed == 0 => Ok(Done::Tests(passed)),
        Ok(()) => Err(Stop::Tests { passed, failed, message: "see above".to_owned() }),
        Err(message) => Err(Stop::Tests { passed, failed, message }),
    }
}

/// Reads `test result: ok. 12 passed; 0 failed; ...`.
fn test_result(line: &str) -> Option<(u64, u64)> {
    let counts = line.strip_prefix("test result: ")?;
    let count = |word: &str| -> Option<u64> {
        let before = counts.get(..counts.find(word)?)?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    Some((count(" passed")?, count(" failed")?))
}

fn wasm32() -> Result<Done, Stop> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let dir =
        process::output(process::program(rustc).args(["--print", "target-libdir", "--target", TARGET]))?;
    if !Path::new(dir.trim()).is_dir() {
        return Err(Stop::Skipped(format!("no {TARGET}: rustup target add {TARGET}")));
    }
    cargo(&["check", "--locked", "--target", TARGET, "--package", "aims-id", "--no-default-features"])
}

fn tour() -> Result<Done, Stop> {
    let mut command = process::program(built_program("aims")?);
    command.arg("tour");
    // CI has it: the stage of the system packages saw to that.
    if features::has_tss()? && apt::software_tpm() {
        command.arg("--tpm");
    } else {
        eprintln!("SKIPPED: the tour's chapter of keys in hardware: no swtpm, or no libtss2");
    }
    process::run(&mut command)?;
    Ok(Done::Ok)
}

/// Where the tests' build put a program. Asking the same build for it again compiles nothing.
fn built_program(name: &str) -> Result<PathBuf, String> {
    let mut command = all_tests()?;
    command.args(["--quiet", "--no-run", "--message-format", "json"]);
    let messages = process::output(&mut command)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message.pointer("/target/name").is_some_and(|found| found == name)
                && message.pointer("/target/kind/0").is_some_and(|kind| kind == "bin")
                && message.pointer("/profile/test").is_some_and(|test| test == false)
        })
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .ok_or_else(|| format!("the tests' build makes no program `{name}`"))
}

fn fuzz_smoke() -> Result<Done, Stop> {
    if !process::root().join("fuzz/Cargo.toml").exists() {
        return Err(Stop::Skipped("there is no fuzz/Cargo.toml".to_owned()));
    }
    cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--",
        "smoke",
        "--seconds",
        FUZZ_SECONDS,
    ])
}

fn interop() -> Result<Done, Stop> {
    if !process::root().join("interop/Cargo.toml").exists() {
        return Err(Stop::Skipped("there is no interop/Cargo.toml".to_owned()));
    }
    if !apt::openssl() {
        return Err(Stop::Skipped(apt::NO_OPENSSL.to_owned()));
    }
    let mut command =
        process::cargo(&["test", "--locked", "--no-fail-fast", "--manifest-path", "interop/Cargo.toml"]);
    libtest(command.env("AIMS_PEERS", peers::dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_summaries_are_read_and_other_lines_are_not() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.2s";
        assert_eq!(test_result(line), Some((12, 3)));
        assert_eq!(test_result("test result: ok. 0 passed; 0 failed; 0 ignored"), Some((0, 0)));
        assert_eq!(test_result("test wid_1_passed ... ok"), None);
        assert_eq!(test_result("test result: "), None);
    }
}
