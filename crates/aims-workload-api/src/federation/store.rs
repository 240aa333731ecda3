//! Where the latest bundle of each trust domain survives a restart.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aims_id::Origin;

/// Keeps the latest bundle document of each trust domain, as it came (FED-9).
///
/// Its methods may block; they are called where that is allowed. Documents are not secret, but whoever can change them decides who is
/// trusted.
pub trait BundleStore: fmt::Debug + Send + Sync {
    /// The document of this origin, if there is one.
    ///
    /// # Errors
    ///
    /// [`BundleStoreError`]; a document that may have been changed by others is none.
    fn load(&self, origin: &Origin) -> Result<Option<String>, BundleStoreError>;

    /// Keeps the document of this origin, in place of the one before, as a whole or not at all.
    ///
    /// # Errors
    ///
    /// [`BundleStoreError`].
    fn save(&self, origin: &Origin, document: &str) -> Result<(), BundleStoreError>;

    /// Forgets the document of this origin, if there is one.
    ///
    /// # Errors
    ///
    /// [`BundleStoreError`].
    fn delete(&self, origin: &Origin) -> Result<(), BundleStoreError>;
}

impl<S: BundleStore + ?Sized> BundleStore for Arc<S> {
    fn load(&self, origin: &Origin) -> Result<Option<String>, BundleStoreError> {
        (**self).load(origin)
    }

    fn save(&self, origin: &Origin, document: &str) -> Result<(), BundleStoreError> {
        (**self).save(origin, document)
    }

    fn delete(&self, origin: &Origin) -> Result<(), BundleStoreError> {
        (**self).delete(origin)
    }
}

/// Bundle documents in memory, which end with the process; clones share them.
#[derive(Clone, Default)]
pub struct MemoryBundleStore(Arc<Mutex<HashMap<Origin, String>>>);

impl MemoryBundleStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn documents(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BundleStore for MemoryBundleStore {
    fn load(&self, origin: &Origin) -> Result<Option<String>, BundleStoreError> {
        Ok(self.documents().get(origin).cloned())
    }

    fn save(&self, origin: &Origin, document: &str) -> Result<(), BundleStoreError> {
        self.documents().insert(origin.clone(), document.to_owned());
        Ok(())
    }

    fn delete(&self, origin: &Origin) -> Result<(), BundleStoreError> {
        self.documents().remove(origin);
        Ok(())
    }
}

/// Shows whose bundles it has.
impl fmt::Debug for MemoryBundleStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.documents().keys().map(Origin::as_str)).finish()
    }
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleStoreError {
    /// The file is not one that was stored for this trust domain.
    #[error("the file {} is not a bundle stored for this trust domain", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
    },
    /// The operating system, or another store, refused.
    #[error("{}: {kind}", file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// The file or directory is not a plain one, belongs to another user, or can be changed by others.
    #[error("{} must be a plain file or directory of our own that nobody else can change", file.display())]
    Permissions {
        /// The file or directory.
        file: PathBuf,
    },
}

impl BundleStoreError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "corrupt_bundle_file",
            Self::Io { .. } => "bundle_store_io",
            Self::Permissions { .. } => "bundle_store_permissions",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "FED-11",
            Self::Io { .. } | Self::Permissions { .. } => "FED-9",
        }
    }
}
