//! Secrets in files: private keys, tokens, and what was sealed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Writes a secret into a file that only its owner can read; over a file that is there only when `replace` says so.
pub(crate) fn write(path: &Path, secret: &str, replace: bool) -> Result<(), Failure> {
    let written = if replace { write_over(path, secret) } else { write_new(path, secret) };
    written.map_err(|error| {
        if !replace && error.kind() == io::ErrorKind::AlreadyExists {
            taken(path)
        } else {
            Failure::io(&path.display().to_string(), &error)
        }
    })
}

/// Says before anything is asked for that there would be no place for it.
pub(crate) fn check(path: &Path, replace: bool) -> Result<(), Failure> {
    if !replace && fs::symlink_metadata(path).is_ok() { Err(taken(path)) } else { Ok(()) }
}

fn taken(path: &Path) -> Failure {
    Failure::Unusable(format!("{}: there is a file already; --force replaces it", path.display()))
}

fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let mut file = create(path)?;
    let written = file.write_all(secret.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a secret is of use to nobody; why it could not be written is what matters.
        let _ = fs::remove_file(path);
    }
    written
}

/// Writes beside the file first: whatever happens, there is the old one or the new one.
fn write_over(path: &Path, secret: &str) -> io::Result<()> {
    let beside = beside(path)?;
    write_new(&beside, secret)?;
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(beside))
}

/// Creates a file that was not there, for its owner only from its first moment on.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
