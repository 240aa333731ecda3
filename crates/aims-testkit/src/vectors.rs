//! Test vectors, found through `AIMS_VECTORS` or in `shared/vectors` beside the repository.
//!
//! They are not part of this repository (their owners' licences differ), so a machine without them skips, and says
//! so; with `CI` set a missing file is an error.

use std::path::PathBuf;

/// The file `name` below the vectors folder, or `None` after a line on standard error that says what is skipped.
///
/// # Panics
///
/// When the file is missing and the environment variable `CI` is set: CI must not skip.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    let path = root().map(|root| root.join(name)).filter(|path| path.exists());
    if path.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI has no vectors/{name}: set AIMS_VECTORS");
        eprintln!("SKIPPED: no vectors/{name} (set AIMS_VECTORS to the vectors folder)");
    }
    path
}

/// The JSON file `name` below the vectors folder; `None` as for [`path`].
///
/// # Panics
///
/// When the file is there but is not JSON, or cannot be read.
#[must_use]
#[expect(clippy::panic, reason = "a test helper: an unreadable vector must fail the test")]
pub fn json(name: &str) -> Option<serde_json::Value> {
    let path = path(name)?;
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn root() -> Option<PathBuf> {
    if let Some(root) = std::env::var_os("AIMS_VECTORS") {
        return Some(root.into());
    }
    // The workspace root is where `Cargo.lock` is; tests run in their own crate's folder.
    let mut dir = std::env::current_dir().ok()?;
    while !dir.join("Cargo.lock").exists() {
        dir = dir.parent()?.to_owned();
    }
    Some(dir.parent()?.join("shared").join("vectors"))
}
