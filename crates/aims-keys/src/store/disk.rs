//! Files that appear whole or not at all, that are ours, and that nobody else can read.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::StoreError;
use crate::backend::Backend;

pub(super) fn check_directory(dir: &Path) -> Result<(), StoreError> {
    let metadata = fs::metadata(dir).map_err(|e| StoreError::io(dir, &e))?;
    if !metadata.is_dir() || !is_private(&metadata) || metadata.uid() != own_uid(dir)? {
        return Err(StoreError::Permissions { file: dir.to_owned() });
    }
    Ok(())
}

/// Whether nobody but us and root can put another file in the place of this one.
#[cfg(feature = "file-store")]
pub(super) fn check_place(file: &Path) -> Result<(), StoreError> {
    let dir = directory(file);
    let metadata = fs::metadata(dir).map_err(|e| StoreError::io(dir, &e))?;
    let shared = metadata.mode() & WRITABLE_BY_OTHERS != 0 && metadata.mode() & STICKY == 0;
    if shared || !Owner::UsOrRoot.admits(metadata.uid(), dir)? {
        return Err(StoreError::Permissions { file: dir.to_owned() });
    }
    Ok(())
}

/// Whose a file has to be.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    Us,
    #[cfg(feature = "file-store")]
    UsOrRoot,
}

impl Owner {
    fn admits(self, uid: u32, file: &Path) -> Result<bool, StoreError> {
        Ok(match self {
            Self::Us => uid == own_uid(file)?,
            #[cfg(feature = "file-store")]
            Self::UsOrRoot => uid == ROOT || uid == own_uid(file)?,
        })
    }
}

pub(super) fn create_directory(dir: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(StoreError::io(dir, &e)),
        Err(_) => Ok(()),
        Ok(()) => sync_directory(directory(dir)),
    }
}

/// The content of a plain file that belongs to its owner alone, at most `max` bytes of it.
pub(super) fn read(file: &Path, max: usize, owner: Owner) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let failed = |e: io::Error| StoreError::io(file, &e);

    let refused = || StoreError::Permissions { file: file.to_owned() };

    // Opened first and looked at then, so that what is looked at is what is read. A link may lead anywhere, a pipe would
    // wait for a writer, and a terminal would take hold of the process.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = match OpenOptions::new().read(true).custom_flags(flags).open(file) {
        // A link, by its names on several systems, and a socket.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ELOOP | libc::EMLINK | libc::ENXIO)) => {
            return Err(refused());
        }
        opened => opened.map_err(failed)?,
    };
    let metadata = opened.metadata().map_err(failed)?;
    if !metadata.is_file() || !is_private(&metadata) || !owner.admits(metadata.uid(), file)? {
        return Err(refused());
    }
    let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if len > max {
        return Err(StoreError::Corrupt { file: file.to_owned() });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(len));
    // Bounded again: a file may grow while it is read.
    opened.take(len as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Makes a file; `false` when there is one of this name, of whatever kind. Either way the name is on disk afterwards.
pub(super) fn create(file: &Path, bytes: &[u8], backend: Backend) -> Result<bool, StoreError> {
    let temporary = Temporary::write(file, bytes, backend)?;
    // Unlike a rename, a link never takes the place of a file.
    match fs::hard_link(&temporary.0, file) {
        // Whoever made it may not have come to this yet.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => sync_directory(directory(file)).map(|()| false),
        Err(e) => Err(StoreError::io(file, &e)),
        Ok(()) => {
            drop(temporary);
            sync_directory(directory(file)).map(|()| true)
        }
    }
}

/// Makes a file, or takes the place of the one of this name.
pub(super) fn replace(file: &Path, bytes: &[u8], backend: Backend) -> Result<(), StoreError> {
    let temporary = Temporary::write(file, bytes, backend)?;
    fs::rename(&temporary.0, file).map_err(|e| StoreError::io(file, &e))?;
    sync_directory(directory(file))
}

/// A rename or link is on disk only once its directory is.
pub(super) fn sync_directory(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| StoreError::io(dir, &e))
}

/// A file under another name, which is removed when it is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn write(target: &Path, bytes: &[u8], backend: Backend) -> Result<Self, StoreError> {
        let failed = |e: io::Error| StoreError::io(target, &e);

        let mut name = [0; 16];
        backend.fill_random(&mut name)?;
        let path = directory(target).join(format!(".tmp-{:032x}", u128::from_be_bytes(name)));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        let temporary = Self(path);
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, and a leftover is read by nobody.
        let _ = fs::remove_file(&self.0);
    }
}

/// The user whose files this process makes, which std has no name for: the owner of a pipe made just now. Unlike a file it
/// can be made where nothing can be written.
fn own_uid(file: &Path) -> Result<u32, StoreError> {
    let pipe = io::pipe().and_then(|(reader, _)| File::from(OwnedFd::from(reader)).metadata());
    Ok(pipe.map_err(|e| StoreError::io(file, &e))?.uid())
}

fn is_private(metadata: &Metadata) -> bool {
    metadata.mode() & GROUP_AND_OTHERS == 0
}

/// The directory of a file that was made by joining one to a name.
pub(super) fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

const GROUP_AND_OTHERS: u32 = 0o077;
#[cfg(feature = "file-store")]
const WRITABLE_BY_OTHERS: u32 = 0o022;
#[cfg(feature = "file-store")]
const STICKY: u32 = 0o1000;
#[cfg(feature = "file-store")]
const ROOT: u32 = 0;
