//! Keys in files, sealed at rest.

mod seal;
mod secret;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::secret::{Argon2Cost, HostKey, Passphrase, Sealing};
use super::{
    DeleteKeys, GenerateKeys, ImportKeys, KeyFiles, KeyHandle, KeyId, KeyStore, ListKeys, StoreError,
};
use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::private::PrivateKey;

/// A store in a directory: one sealed file per key, `<id>.key`.
///
/// A file is sealed with a passphrase or with the key of the host (see [`Sealing`]) by ChaCha20-Poly1305, bound to its
/// header and to the name of the key, so a file that is altered, cut short or renamed does not open, and the error names
/// it. The other keys stay usable. Directory and files belong to the user of this process, and nobody else can access them
/// (modes 0700 and 0600); others are refused.
///
/// Files appear whole or not at all: each is written under another name, synced, and then linked or renamed. Of several
/// processes that make a key of one name, one does: the file system must have hard links. An existing key is replaced by
/// [`replace`](Self::replace) only.
///
/// After [`StoreError::Io`] a key may have been made, replaced or deleted all the same, though perhaps not on disk yet: only
/// the sync of the directory may have failed. [`open`](KeyStore::open) tells. A process that is killed while it writes may leave a
/// file `.tmp-` and 32 digits, which no store reads or removes; remove it when nobody is writing.
///
/// A file does not say to which store it belongs, nor which write of its name is the latest: whoever can write to the
/// directory can put back an older file, or one of another store with the same passphrase or host key.
///
/// What is sealed is safe from whoever reads the disk, or a backup of it, later. It is not safe from whoever controls this
/// process, or reads passphrase or host key too.
///
/// ```no_run
/// use aims_keys::store::{FileStore, GenerateKeys, HostKey, KeyStore, Sealing};
/// use aims_keys::{Algorithm, backend};
///
/// let host = HostKey::open_or_create("/etc/agent/host.key", backend::ring())?;
/// let store = FileStore::create("/var/lib/agent/keys", Sealing::host_key(host), backend::ring())?;
/// let id = "agent-1".parse().unwrap();
/// store.generate(&id, Algorithm::Es256)?;
/// let signer = store.open(&id)?.signer().clone();
/// # Ok::<(), aims_keys::store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct FileStore {
    files: KeyFiles,
    sealing: Sealing,
    backend: Backend,
}

impl FileStore {
    /// Opens the store in an existing directory. Keys are made and sign with `backend`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Permissions`] when the directory is not ours, or others may enter it; [`StoreError::Io`] when it cannot
    /// be read.
    pub fn open(dir: impl Into<PathBuf>, sealing: Sealing, backend: Backend) -> Result<Self, StoreError> {
        Ok(Self { files: KeyFiles::open(dir, EXTENSION, backend)?, sealing, backend })
    }

    /// Like [`open`](Self::open), and makes the directory first when there is none; its parent exists.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn create(dir: impl Into<PathBuf>, sealing: Sealing, backend: Backend) -> Result<Self, StoreError> {
        Ok(Self { files: KeyFiles::create(dir, EXTENSION, backend)?, sealing, backend })
    }

    /// Keeps a key in place of the one of this name, if there is one, and opens it.
    ///
    /// At every moment the file holds either the old key or the new one.
    ///
    /// # Errors
    ///
    /// As [`ImportKeys::import`], without [`StoreError::Exists`].
    pub fn replace(
        &self,
        id: &KeyId,
        key: &PrivateKey,
        algorithm: Algorithm,
    ) -> Result<KeyHandle, StoreError> {
        // Where it cannot be written, it is not sealed in vain.
        self.files.path(id)?;
        let handle = self.load(id, key, algorithm)?;
        let sealed = seal::seal(&self.sealing, id, algorithm, key, self.backend)?;
        self.files.replace(id, &sealed)?;
        Ok(handle)
    }

    fn keep(&self, id: &KeyId, key: &PrivateKey, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        let handle = self.load(id, key, algorithm)?;
        let sealed = seal::seal(&self.sealing, id, algorithm, key, self.backend)?;
        self.files.write_new(id, &sealed)?;
        Ok(handle)
    }

    fn load(&self, id: &KeyId, key: &PrivateKey, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        let key = key.load(algorithm, self.backend)?;
        Ok(KeyHandle::new(id.clone(), Arc::new(key)))
    }
}

impl KeyStore for FileStore {
    fn open(&self, id: &KeyId) -> Result<KeyHandle, StoreError> {
        let file = self.files.path(id)?;
        let sealed = self.files.read(id, seal::MAX_FILE)?;
        let (key, algorithm) = seal::unseal(&self.sealing, id, &file, &sealed)?;
        self.load(id, &key, algorithm)
    }
}

impl GenerateKeys for FileStore {
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        // Not in vain, where that can be known; the file system decides in the end.
        self.files.refuse_existing(id)?;
        self.keep(id, &PrivateKey::generate(algorithm, self.backend)?, algorithm)
    }
}

impl ImportKeys for FileStore {
    fn import(&self, id: &KeyId, key: &PrivateKey, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        self.files.refuse_existing(id)?;
        self.keep(id, key, algorithm)
    }
}

/// Other files in the directory are none of its business, leftovers of writes that were cut off included.
impl ListKeys for FileStore {
    fn list(&self) -> Result<Vec<KeyId>, StoreError> {
        self.files.list()
    }
}

/// The name disappears from the directory; what the disk remembers of the sealed file is beyond reach.
impl DeleteKeys for FileStore {
    fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        self.files.delete(id)
    }
}

const EXTENSION: &str = "key";
