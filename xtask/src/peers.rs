//! Packages of other languages that `interop/` has as oracles: pinned by the lock files in `interop/peers`, installed into `target/peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::stages::{Done, Stop};

/// A language whose packages are installed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Language {
    /// The folder of its lock file.
    name: &'static str,
    /// What says which packages; all of it is copied.
    files: &'static [&'static str],
    /// What must run first to install them, in the folder that they go to.
    install: fn(&Path) -> Result<(), String>,
}

pub(crate) const PYTHON: Language =
    Language { name: "python", files: &["requirements.txt"], install: install_python };

pub(crate) const NODE: Language =
    Language { name: "node", files: &["package.json", "package-lock.json"], install: install_node };

/// Where they go.
pub(crate) fn dir() -> PathBuf {
    process::target_dir().join("peers")
}

/// Installs what the lock file names, unless it is there. Without the language, or without a registry, the tests of `interop/` that want it are
/// skipped and say so; in CI that is a failure.
pub(crate) fn stage(language: Language) -> Result<Done, Stop> {
    let from = process::root().join("interop/peers").join(language.name);
    let why = match install(language, &from, &dir().join(language.name)) {
        Ok(()) => return Ok(Done::Ok),
        Err(why) => format!("{why}: tests against its packages skip"),
    };
    Err(if std::env::var_os("CI").is_some() { Stop::Failed(why) } else { Stop::Skipped(why) })
}

fn install(language: Language, from: &Path, to: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", language.name);
    let lock = language.files.iter().map(|name| fs::read(from.join(name))).collect::<Result<Vec<_>, _>>();
    let lock = lock.map_err(fail)?.concat();
    let mark = to.join("installed");
    if fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // Of another lock file, or half of this one.
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).map_err(fail)?;
    for name in language.files {
        fs::copy(from.join(name), to.join(name)).map_err(fail)?;
    }
    if let Err(error) = (language.install)(to) {
        // The tests are to miss it, not to find half of it.
        let _ = fs::remove_dir_all(to);
        return Err(error);
    }
    fs::write(mark, lock).map_err(fail)
}

/// Into an environment of its own; every file must have one of the hashes.
fn install_python(to: &Path) -> Result<(), String> {
    process::run(Command::new("python3").args(["-m", "venv"]).arg(to))?;
    let mut pip = Command::new(to.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--requirement",
    ]);
    process::run(pip.arg(to.join("requirements.txt")))
}

/// Exactly what is in the lock file; no package runs anything.
fn install_node(to: &Path) -> Result<(), String> {
    process::run(Command::new("npm").current_dir(to).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_once_and_wholly_or_not_at_all() {
        const GOOD: Language = Language {
            name: "good",
            files: &["lock"],
            install: |to| fs::write(to.join("package"), "here").map_err(|error| error.to_string()),
        };
        const BAD: Language = Language { install: |_| Err("no registry".to_owned()), ..GOOD };
        let folder = std::env::temp_dir().join(format!("aims-peers-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(&from).unwrap();

        fs::write(from.join("lock"), "1").unwrap();
        assert_eq!(install(BAD, &from, &to), Err("no registry".to_owned()));
        assert!(!to.exists());
        assert_eq!(install(GOOD, &from, &to), Ok(()));
        assert!(to.join("package").exists() && to.join("lock").exists());
        // What is there needs no registry.
        assert_eq!(install(BAD, &from, &to), Ok(()));
        // Other packages do.
        fs::write(from.join("lock"), "2").unwrap();
        assert!(install(BAD, &from, &to).is_err() && !to.exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_lock_files_are_there() {
        for language in [PYTHON, NODE] {
            let from = process::root().join("interop/peers").join(language.name);
            assert!(language.files.iter().all(|name| from.join(name).is_file()), "{}", language.name);
        }
    }
}
