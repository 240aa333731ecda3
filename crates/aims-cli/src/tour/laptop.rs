//! The machine on which the story happens: a program for each workload, and sockets.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use aims::backend;
use aims::jose::base64url;

use super::account::Fault;

/// A machine without SPIRE: a directory of the tour's own, gone with this value.
///
/// All programs of the story are this one. A Workload API tells workloads apart by what they run, so each has a copy of it under a name of its
/// own; links to one copy, where the file system has links.
pub(super) struct Laptop {
    directory: PathBuf,
    user: u32,
}

impl Laptop {
    /// A machine with these programs.
    pub(super) fn new(programs: &[&str]) -> Result<Self, Fault> {
        let mut name = [0; 9];
        backend::ring().fill_random(&mut name)?;
        // Short: the path of a socket has room for about a hundred bytes.
        let directory = std::env::temp_dir().join(format!("aims-tour-{}", base64url::encode(name)));
        DirBuilder::new().mode(0o700).create(&directory)?;
        // As the kernel will see it.
        let directory = directory.canonicalize()?;
        let user = fs::metadata(&directory)?.uid();
        let laptop = Self { directory, user };
        let first = laptop.path("aims");
        fs::copy(std::env::current_exe()?, &first)?;
        // All of them now: a program that is linked while it runs looks as if somebody meddled with it.
        for program in programs {
            let path = laptop.path(program);
            fs::hard_link(&first, &path).or_else(|_| fs::copy(&first, &path).map(drop))?;
        }
        Ok(laptop)
    }

    /// The program with this name.
    pub(super) fn program(&self, name: &str) -> Result<PathBuf, Fault> {
        let path = self.path(name);
        if path.exists() { Ok(path) } else { Err(Fault::new(format!("there is no program {name}"))) }
    }

    /// Where the socket of a Workload API is.
    pub(super) fn socket(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.sock"))
    }

    /// Where a program keeps something.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path(name)
    }

    /// Who runs the tour.
    pub(super) fn user(&self) -> u32 {
        self.user
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory
            .join(name.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', "-"))
    }
}

impl Drop for Laptop {
    fn drop(&mut self) {
        // Best effort: what stays is links and sockets that nobody listens on.
        let _ = fs::remove_dir_all(Path::new(&self.directory));
    }
}
