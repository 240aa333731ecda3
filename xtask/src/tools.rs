//! Programs that the checks use and that come from the registry: found, or installed into `target/tools`.

use std::path::PathBuf;

use crate::process;

/// The program `cargo-NAME` in `version`: the one in `target/tools` or on the path if it is that version, else a new
/// one.
pub(crate) fn find_or_install(name: &str, version: &str) -> Result<PathBuf, String> {
    let program = format!("cargo-{name}");
    let tools = process::target_dir().join("tools");
    let own = tools.join("bin").join(&program);
    for candidate in [own.clone(), PathBuf::from(&program)] {
        if is_version(&candidate, name, version) {
            return Ok(candidate);
        }
    }
    // Without optimisation: it runs for seconds, and compiling it takes minutes on a small machine.
    let mut install =
        process::cargo(&["install", &program, "--version", version, "--locked", "--debug", "--force"]);
    install.arg("--root").arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "false");
    // Kept apart from the workspace's own artifacts, and kept, so that a broken download can go on.
    install.env("CARGO_TARGET_DIR", tools.join("build"));
    process::run(&mut install)
        .map_err(|e| format!("{program} {version} is missing and cannot be installed: {e}"))?;
    Ok(own)
}

fn is_version(program: &PathBuf, name: &str, version: &str) -> bool {
    let mut command = process::program(program);
    // A Cargo subcommand is called with its own name first.
    command.args([name, "--version"]).stderr(std::process::Stdio::null());
    command.output().is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with(version))
}
