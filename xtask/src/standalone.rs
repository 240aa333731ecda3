//! Each library crate as a user's only dependency: outside the workspace, with its features and without.
//!
//! Inside the workspace one crate's features can hide what another forgot to ask for.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::packages::{self, Package};
use crate::process;
use crate::stages::{Done, Stop};

pub(crate) fn stage() -> Result<Done, Stop> {
    let mut bad = Vec::new();
    for package in packages::crates()?.iter().filter(|package| package.library) {
        for default_features in [true, false] {
            if let Err(message) = check(package, default_features) {
                eprintln!("{message}");
                bad.push(format!(
                    "{}{}",
                    package.name,
                    if default_features { "" } else { " without features" }
                ));
            }
        }
    }
    if bad.is_empty() { Ok(Done::Ok) } else { Err(Stop::Failed(bad.join(", "))) }
}

/// Writes a program that depends on the crate alone, and compiles it.
fn check(package: &Package, default_features: bool) -> Result<(), String> {
    let variant = if default_features { "default" } else { "no-default" };
    let name = format!("{}-{variant}", package.name);
    let dir = process::target_dir().join("standalone").join(&name);
    write(&dir.join("Cargo.toml"), &manifest(&name, package, default_features))?;
    write(
        &dir.join("src/main.rs"),
        &format!("use {} as _;\n\nfn main() {{}}\n", package.name.replace('-', "_")),
    )?;
    // The versions of the workspace, whatever is newer by now.
    let lock = fs::read(process::root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    fs::write(dir.join("Cargo.lock"), lock).map_err(|e| format!("{}: {e}", dir.display()))?;

    let mut command = process::cargo(&["check", "--quiet", "--manifest-path"]);
    command
        .arg(dir.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", process::target_dir().join("standalone-target"));
    process::run(&mut command)
}

fn manifest(name: &str, package: &Package, default_features: bool) -> String {
    let mut text = String::new();
    let path = package.dir.display();
    // Its own workspace root. Profiles as in the real one are not needed: nothing here is linked.
    let _ = write!(
        text,
        "[package]\nname = \"standalone-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\n{} = {{ path = {:?}, default-features = {default_features} }}\n\n[workspace]\n",
        package.name,
        path.to_string()
    );
    text
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let error = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(error)?;
    }
    fs::write(path, text).map_err(error)
}
