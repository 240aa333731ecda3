//! Places that keep private keys and let them sign, without ever giving them out.
//!
//! Each thing a store can do is a trait of its own, so that a store implements what it can and no more (TPM-40, TPM-45):
//! [`KeyStore`] opens keys; [`GenerateKeys`], [`ImportKeys`], [`ListKeys`], [`DeleteKeys`] and [`AttestKeys`] are beside
//! it. No trait exports a private key. All are object-safe, and their calls may block.
//!
//! ```
//! use aims_keys::store::{GenerateKeys, KeyStore, MemoryStore};
//! use aims_keys::{Algorithm, SignInput, Signer, backend};
//!
//! let store = MemoryStore::new(backend::ring());
//! let id = "agent-1".parse().unwrap();
//! store.generate(&id, Algorithm::Es256)?;
//!
//! let handle = store.open(&id)?;
//! let signature = handle.signer().sign(SignInput::Message(b"message")).unwrap();
//! assert!(handle.public_key().verify(b"message", signature.as_bytes()).is_ok());
//! # Ok::<(), aims_keys::store::StoreError>(())
//! ```

#[cfg(all(feature = "key-files", unix))]
mod disk;
mod error;
#[cfg(all(feature = "file-store", unix))]
mod file;
mod handle;
mod id;
#[cfg(all(feature = "key-files", unix))]
mod key_files;
mod memory;
#[cfg(feature = "pkcs11")]
mod pkcs11;

use core::fmt;

pub use self::error::StoreError;
#[cfg(all(feature = "file-store", unix))]
pub use self::file::{Argon2Cost, FileStore, HostKey, Passphrase, Sealing};
pub use self::handle::{KeyEvidence, KeyHandle};
pub use self::id::{BadKeyId, KeyId};
#[cfg(all(feature = "key-files", unix))]
pub use self::key_files::KeyFiles;
pub use self::memory::MemoryStore;
#[cfg(feature = "pkcs11")]
pub use self::pkcs11::{Pin, Pkcs11Store, Pkcs11StoreBuilder, TokenName};
use crate::algorithm::Algorithm;
use crate::private::PrivateKey;

/// A place that keeps keys, and opens them for signing.
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// Opens a key.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when there is none of this name; else what kept the store from opening it.
    fn open(&self, id: &KeyId) -> Result<KeyHandle, StoreError>;
}

/// A store that makes keys.
pub trait GenerateKeys: fmt::Debug + Send + Sync {
    /// Makes a key, keeps it, and opens it. Of several callers that name one key at once, one makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when there is a key of this name; [`StoreError::UnsupportedAlgorithm`] when the store makes
    /// none for this algorithm.
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError>;
}

/// A store that takes in keys made elsewhere.
pub trait ImportKeys: fmt::Debug + Send + Sync {
    /// Keeps a key, bound to one algorithm, and opens it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when there is a key of this name; [`StoreError::Key`] when the key is refused.
    fn import(&self, id: &KeyId, key: &PrivateKey, algorithm: Algorithm) -> Result<KeyHandle, StoreError>;
}

/// A store that says what it keeps.
pub trait ListKeys: fmt::Debug + Send + Sync {
    /// The names of all keys, in ascending order. That a name is listed does not mean that its key opens.
    ///
    /// # Errors
    ///
    /// What kept the store from listing.
    fn list(&self) -> Result<Vec<KeyId>, StoreError>;
}

/// A store that deletes keys.
pub trait DeleteKeys: fmt::Debug + Send + Sync {
    /// Deletes a key. Handles that are open go on signing until they are dropped where the store keeps keys in memory or
    /// files; where the key is in a device, it is gone, and they end with
    /// [`SignError::NotFound`](crate::SignError::NotFound).
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when there is none of this name.
    fn delete(&self, id: &KeyId) -> Result<(), StoreError>;
}

/// A store that proves where its keys are kept.
pub trait AttestKeys: fmt::Debug + Send + Sync {
    /// A statement of the device about a key, bound to the challenge of whoever will appraise it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when there is none of this name; [`StoreError::WrongUse`] when the challenge has a length
    /// the device does not take.
    fn attest(&self, id: &KeyId, challenge: &[u8]) -> Result<KeyEvidence, StoreError>;
}
