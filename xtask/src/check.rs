//! `cargo xtask check`: what must hold before a change is taken, beside the tests.

use crate::stages::{Done, Stages, Stop};
use crate::{Failure, apt, conformance, features, no_arguments, process, tools};

const CARGO_DENY: &str = "0.20.2";

/// Workspaces of their own, outside the members.
const OUTSIDE: [&str; 3] = ["benches", "fuzz", "interop"];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments(args)?;
    let mut stages = Stages::new("check");
    stages.run("fmt", fmt);
    stages.run("clippy", clippy);
    stages.run("rustdoc", rustdoc);
    stages.run("cargo-deny", deny);
    stages.run("benches", benches);
    stages.run("conformance", || Ok(conformance::check().map(|()| Done::Ok)?));
    match stages.finish() {
        Ok(_) => {
            println!("check: ok");
            Ok(())
        }
        Err((_, failed)) => Err(Failure::Task(format!("{failed} stages failed"))),
    }
}

fn fmt() -> Result<Done, Stop> {
    let mut bad = Vec::new();
    if process::run(&mut process::cargo(&["fmt", "--all", "--", "--check"])).is_err() {
        bad.push("the workspace");
    }
    for name in outside() {
        let manifest = format!("{name}/Cargo.toml");
        if process::run(&mut process::cargo(&["fmt", "--manifest-path", &manifest, "--", "--check"])).is_err()
        {
            bad.push(name);
        }
    }
    if bad.is_empty() {
        Ok(Done::Ok)
    } else {
        Err(Stop::Failed(format!("not formatted: {}", bad.join(", "))))
    }
}

fn clippy() -> Result<Done, Stop> {
    // What only one choice of features shows (an unused field, a missing import) is a warning too.
    let mut all = features::all()?;
    all.push("--all-targets".to_owned());
    let choices = [all, Vec::new(), vec!["--no-default-features".to_owned()]];
    let mut bad = Vec::new();
    for choice in choices {
        let mut command = process::cargo(&["clippy", "--locked"]);
        command.args(features::packages()?);
        if let Err(message) = process::run(command.args(choice).args(["--", "-D", "warnings"])) {
            bad.push(message);
        }
    }
    if bad.is_empty() { Ok(Done::Ok) } else { Err(Stop::Failed(bad.join("; "))) }
}

fn rustdoc() -> Result<Done, Stop> {
    let mut command = process::cargo(&["doc", "--no-deps", "--locked"]);
    command.args(features::packages()?).args(features::all()?);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Done::Ok)
}

fn deny() -> Result<Done, Stop> {
    let program = tools::find_or_install("deny", CARGO_DENY)?;
    let mut command = process::program(program);
    command.args([
        "deny",
        "--workspace",
        "--all-features",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    process::run(&mut command)?;
    Ok(Done::Ok)
}

fn benches() -> Result<Done, Stop> {
    if !outside().any(|name| name == "benches") {
        return Err(Stop::Skipped("there is no benches/Cargo.toml".to_owned()));
    }
    if !apt::openssl() {
        return Err(Stop::Skipped(apt::NO_OPENSSL.to_owned()));
    }
    let mut command =
        process::cargo(&["clippy", "--manifest-path", "benches/Cargo.toml", "--all-targets", "--locked"]);
    if features::has_tss()? {
        command.args(["--features", "tpm"]);
    }
    process::run(command.args(["--", "-D", "warnings"]))?;
    Ok(Done::Ok)
}

/// Those of [`OUTSIDE`] that exist.
fn outside() -> impl Iterator<Item = &'static str> {
    OUTSIDE.into_iter().filter(|name| process::root().join(name).join("Cargo.toml").exists())
}
