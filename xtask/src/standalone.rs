//! Each library crate as a user's only dependency: outside the workspace, with its features and without.
//!
//! Inside the workspace one crate's features can hide what another forgot to ask for.

use std::fs;
use std::path::Path;

use crate::packages::{self, Package};
use crate::stages::{Done, Stop};
use crate::{features, process};

pub(crate) fn stage() -> Result<Done, Stop> {
    let mut bad = Vec::new();
    let tss = features::has_tss()?;
    let can = |package: &&Package| package.library && (tss || package.name != features::WITH_TSS);
    for package in packages::crates()?.iter().filter(can) {
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
    write(&dir.join("Cargo.toml"), &manifest(&name, package, default_features)?)?;
    write(
        &dir.join("src/main.rs"),
        &format!("use {} as _;\n\nfn main() {{}}\n", package.name.replace('-', "_")),
    )?;
    // The versions of the workspace, whatever is newer by now.
    let lock = fs::read(process::root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    fs::write(dir.join("Cargo.lock"), lock).map_err(|e| format!("{}: {e}", dir.display()))?;

    // In the folder of the workspace's own builds: with the same profile, what they compiled is there already.
    let mut command = process::cargo(&["check", "--quiet", "--manifest-path"]);
    command.arg(dir.join("Cargo.toml")).env("CARGO_TARGET_DIR", process::target_dir());
    process::run(&mut command)
}

/// A package that is its own workspace, with the profiles of the real one.
fn manifest(name: &str, package: &Package, default_features: bool) -> Result<String, String> {
    let workspace =
        fs::read_to_string(process::root().join("Cargo.toml")).map_err(|e| format!("Cargo.toml: {e}"))?;
    Ok(format!(
        "[package]\nname = \"standalone-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\n{} = {{ path = '{}', default-features = {default_features} }}\n\n[workspace]\n\n{}",
        package.name,
        package.dir.display(),
        dev_profile(&workspace)
    ))
}

/// The tables `[profile.dev]` and `[profile.dev.*]` of a manifest.
fn dev_profile(manifest: &str) -> String {
    let mut inside = false;
    let mut tables = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[profile.dev]") || line.starts_with("[profile.dev.");
        }
        if inside {
            tables.push_str(line);
            tables.push('\n');
        }
    }
    tables
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let error = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(error)?;
    }
    fs::write(path, text).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dev_profile_is_taken_and_nothing_else() {
        let text = "[package]\nname = \"x\"\n[profile.dev]\ndebug = 1\n\n[profile.dev.package.\"*\"]\ndebug = false\n\
                    [profile.bench]\nlto = true\n[profile.device]\nx = 1\n";
        assert_eq!(
            dev_profile(text),
            "[profile.dev]\ndebug = 1\n\n[profile.dev.package.\"*\"]\ndebug = false\n"
        );
    }
}
