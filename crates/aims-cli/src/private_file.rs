//! Secrets in files: private keys, tokens, and what was sealed.

use std::ffi::OsString;
#[cfg(unix)]
use std::fs::Metadata;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use nix::fcntl::{Flock, FlockArg};

use crate::failure::Failure;

/// Writes a secret into a file that only its owner can read; over a file that is there only when `replace` says so.
pub(crate) fn write(path: &Path, secret: &str, replace: bool) -> Result<(), Failure> {
    check(path, replace)?;
    let written = if replace { write_over(path, secret) } else { write_new(path, secret) };
    written.map_err(|error| match error.kind() {
        // It came since it was looked for.
        io::ErrorKind::AlreadyExists if !replace => NoPlace::Taken.at(path),
        _ => Failure::io(&path.display().to_string(), &error),
    })
}

/// Says before anything is asked for that there would be no place for it.
pub(crate) fn check(path: &Path, replace: bool) -> Result<(), Failure> {
    match no_place(path, replace) {
        Some(why) => Err(why.at(path)),
        None => Ok(()),
    }
}

/// A file that no other process of this program uses meanwhile.
pub(crate) struct Locked {
    #[cfg(unix)]
    _lock: Flock<File>,
}

impl Locked {
    /// Locks a file that is there, or says that somebody else has.
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let used = || Failure::Unusable(format!("{name}: another process uses it now"));
        let file = File::open(path).map_err(|error| Failure::io(&name, &error))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| used())?;
        // Whoever had it may have put another in its place since it was opened.
        let identity = |file: Metadata| (file.dev(), file.ino());
        let is_it = lock.metadata().map(identity).ok() == fs::metadata(path).map(identity).ok();
        if is_it { Ok(Self { _lock: lock }) } else { Err(used()) }
    }

    /// There are no such locks: whoever runs the program sees to it.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> Result<Self, Failure> {
        Ok(Self {})
    }
}

/// Why a secret cannot go to a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum NoPlace {
    /// A link: the file it leads to would stay as it is, and the link would be gone.
    Link,
    /// A device, a pipe, a socket or a directory: others use it by this name.
    NotAFile,
    /// `-`, which elsewhere is standard output.
    StandardOutput,
    /// A file, and it was not said that it may be replaced.
    Taken,
}

impl NoPlace {
    fn at(self, path: &Path) -> Failure {
        let path = path.display();
        Failure::Unusable(match self {
            Self::Link => {
                format!("{path}: there is a symbolic link, which is not replaced; name the file itself")
            }
            Self::NotAFile => {
                format!("{path}: what is there is not a file: it is not replaced, nor written to")
            }
            Self::StandardOutput => "- is no name for a file that only its owner can read".into(),
            Self::Taken => format!("{path}: there is a file already; --force replaces it"),
        })
    }
}

fn no_place(path: &Path, replace: bool) -> Option<NoPlace> {
    if path.as_os_str() == "-" {
        return Some(NoPlace::StandardOutput);
    }
    // What cannot be looked at cannot be written either, and that says why.
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    match () {
        () if kind.is_symlink() => Some(NoPlace::Link),
        () if !kind.is_file() => Some(NoPlace::NotAFile),
        () if !replace => Some(NoPlace::Taken),
        () => None,
    }
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
