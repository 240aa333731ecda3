//! A directory with one file for each key, for stores that keep their keys there.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeyId, StoreError, disk};
use crate::backend::Backend;

/// The files of a store: one for each key, named after it, in a directory that is ours alone.
///
/// For those who write a store: what stands in a file is theirs, and this sees that it appears whole or not at all, that
/// directory and files belong to the user of this process, and that nobody else can read them (modes 0700 and 0600); others
/// are refused. Each file is written under another name, synced, and then linked or renamed, so the file system must have
/// hard links.
///
/// After [`StoreError::Io`] a file may have been made, replaced or deleted all the same, though perhaps not on disk yet. A
/// process that is killed while it writes may leave a file `.tmp-` and 32 digits, which nobody reads or removes.
///
/// ```no_run
/// use aims_keys::backend;
/// use aims_keys::store::KeyFiles;
///
/// let files = KeyFiles::create("/var/lib/agent/keys", "handle", backend::ring())?;
/// let id = "agent-1".parse().unwrap();
/// files.write_new(&id, b"slot 9c")?;
/// assert_eq!(*files.read(&id, 64)?, b"slot 9c");
/// # Ok::<(), aims_keys::store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct KeyFiles {
    dir: PathBuf,
    extension: &'static str,
    backend: Backend,
}

impl KeyFiles {
    /// The files `<id>.<extension>` in an existing directory. The backend makes the names of temporary files.
    ///
    /// # Errors
    ///
    /// [`StoreError::Permissions`] when the directory is not ours, or others may enter it; [`StoreError::Io`] when it cannot
    /// be read.
    pub fn open(
        dir: impl Into<PathBuf>,
        extension: &'static str,
        backend: Backend,
    ) -> Result<Self, StoreError> {
        let files = Self { dir: dir.into(), extension, backend };
        disk::check_directory(&files.dir)?;
        Ok(files)
    }

    /// Like [`open`](Self::open), and makes the directory first when there is none; its parent exists.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn create(
        dir: impl Into<PathBuf>,
        extension: &'static str,
        backend: Backend,
    ) -> Result<Self, StoreError> {
        let dir = dir.into();
        disk::create_directory(&dir)?;
        Self::open(dir, extension, backend)
    }

    /// Where the key is; the directory is looked at anew each time, for it may have changed hands.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn path(&self, id: &KeyId) -> Result<PathBuf, StoreError> {
        disk::check_directory(&self.dir)?;
        Ok(self.dir.join(format!("{id}.{}", self.extension)))
    }

    /// What the file holds, at most `max` bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when there is none; [`StoreError::Corrupt`] when it is longer; [`StoreError::Permissions`]
    /// when it is no plain file, or not ours alone.
    pub fn read(&self, id: &KeyId, max: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        disk::read(&self.path(id)?, max, disk::Owner::Us).map_err(|e| missing(e, id))
    }

    /// Makes a file. Of several that do so at once, one does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when there is one, of whatever kind.
    pub fn write_new(&self, id: &KeyId, bytes: &[u8]) -> Result<(), StoreError> {
        if disk::create(&self.path(id)?, bytes, self.backend)? {
            Ok(())
        } else {
            Err(StoreError::Exists { id: id.clone() })
        }
    }

    /// Makes a file, or takes the place of the one there is; at every moment it holds either the old content or the new.
    ///
    /// # Errors
    ///
    /// What kept it from being written.
    pub fn replace(&self, id: &KeyId, bytes: &[u8]) -> Result<(), StoreError> {
        disk::replace(&self.path(id)?, bytes, self.backend)
    }

    /// Not to work in vain, where that can be known; [`write_new`](Self::write_new) decides in the end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when there is a file of this name.
    pub fn refuse_existing(&self, id: &KeyId) -> Result<(), StoreError> {
        if fs::symlink_metadata(self.path(id)?).is_ok() {
            return Err(StoreError::Exists { id: id.clone() });
        }
        Ok(())
    }

    /// The names of all keys, in ascending order. Other files in the directory are none of its business, leftovers of writes
    /// that were cut off included.
    ///
    /// # Errors
    ///
    /// What kept the directory from being read.
    pub fn list(&self) -> Result<Vec<KeyId>, StoreError> {
        disk::check_directory(&self.dir)?;
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|e| StoreError::io(&self.dir, &e))? {
            let entry = entry.map_err(|e| StoreError::io(&self.dir, &e))?;
            ids.extend(self.id_of(&entry.file_name()));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Removes the file: its name disappears, what the disk remembers of it is beyond reach.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when there is none.
    pub fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        let file = self.path(id)?;
        fs::remove_file(&file).map_err(|e| missing(StoreError::io(&file, &e), id))?;
        disk::sync_directory(&self.dir)
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    fn id_of(&self, name: &OsStr) -> Option<KeyId> {
        name.to_str()?.strip_suffix(self.extension)?.strip_suffix('.')?.parse().ok()
    }
}

fn missing(error: StoreError, id: &KeyId) -> StoreError {
    match error {
        StoreError::Io { kind: io::ErrorKind::NotFound, .. } => StoreError::NotFound { id: id.clone() },
        other => other,
    }
}
