//! How many crates a user of a crate compiles: itself and proc-macros included, build dependencies not.

use std::collections::BTreeSet;
use std::process::Command;

use xtask::packages;

#[test]
fn aims_id_is_light() {
    weighs_at_most("aims-id", &[], 7);
    weighs_at_most("aims-id", &["--features", "serde"], 10);
}

#[test]
fn aims_jose_is_light() {
    weighs_at_most("aims-jose", &[], 25);
}

#[test]
fn aims_httpsig_is_light() {
    weighs_at_most("aims-httpsig", &[], 25);
}

#[test]
fn aims_proof_is_light() {
    weighs_at_most("aims-proof", &[], 35);
}

#[test]
fn aims_is_light() {
    weighs_at_most("aims", &[], 60);
}

#[test]
fn fetching_and_federation_need_no_grpc() {
    weighs_at_most("aims-workload-api", &["--no-default-features", "--features", "federation"], 65);
}

#[track_caller]
fn weighs_at_most(name: &str, features: &[&str], limit: usize) {
    if !packages::crates().unwrap().iter().any(|package| package.name == name) {
        eprintln!("SKIPPED: {name} does not exist yet");
        return;
    }
    let output = Command::new(std::env::var_os("CARGO").unwrap())
        .current_dir(packages::root())
        .args(["tree", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}", "--package", name])
        .args(features)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // A crate that is there again is marked `(*)`.
    let crates: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(crates.iter().any(|line| line.starts_with(&format!("{name} "))), "{text}");
    assert!(
        crates.len() <= limit,
        "{name} {features:?} weighs {}, at most {limit}: {crates:#?}",
        crates.len()
    );
}
