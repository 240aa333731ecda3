//! Running Cargo and other programs from the repository's root.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The repository's root: the parent of this crate's folder.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map(PathBuf::from).unwrap_or(own)
}

/// Where builds go: `CARGO_TARGET_DIR`, or `target/` in the repository.
pub(crate) fn target_dir() -> PathBuf {
    let root = root();
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}

/// The Cargo that runs this program.
pub(crate) fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A Cargo command in the root, with these arguments.
pub(crate) fn cargo<S: AsRef<str>>(args: &[S]) -> Command {
    let mut command = program(cargo_program());
    command.args(args.iter().map(AsRef::as_ref));
    // Tests in a workspace of their own look beside that one.
    let vectors = vectors();
    if vectors.is_dir() {
        command.env("AIMS_VECTORS", vectors);
    }
    // What Cargo tells this program about its own package would mislead a Cargo below it.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    command
}

/// A command in the root.
pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.current_dir(root());
    command
}

/// Prints the command line, runs it and fails unless it exits with 0.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command.status().map_err(|e| format!("cannot run `{line}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}`: {status}")) }
}

/// Runs it and returns standard output; standard error passes through.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let line = line(command);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|e| format!("cannot run `{line}`: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{line}`: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("`{line}`: {e}"))
}

/// Whether it runs and exits with 0; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Runs it, shows standard output line by line as it comes and hands each line to `see`.
pub(crate) fn stream(command: &mut Command, mut see: impl FnMut(&str)) -> Result<(), String> {
    let line = line(command);
    eprintln!("$ {line}");
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|e| format!("cannot run `{line}`: {e}"))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes).map_err(|e| format!("`{line}`: {e}"))?;
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            print!("{text}");
            see(text.trim_end());
        }
    }
    let status = child.wait().map_err(|e| format!("`{line}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}`: {status}")) }
}

/// The command as one would type it, with `cargo` for whatever Cargo is used.
fn line(command: &Command) -> String {
    let name = command.get_program();
    let mut line =
        if *name == *cargo_program() { "cargo".to_owned() } else { name.to_string_lossy().into_owned() };
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// The test vectors, as an absolute path: `AIMS_VECTORS`, or `shared/vectors` beside the repository.
pub(crate) fn vectors() -> PathBuf {
    let root = root();
    match std::env::var_os("AIMS_VECTORS") {
        Some(path) => root.join(path),
        None => root.parent().map(|parent| parent.join("shared").join("vectors")).unwrap_or_default(),
    }
}
