//! Keys in the memory of this process.

use core::fmt;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, PoisonError, RwLock};

use super::{DeleteKeys, GenerateKeys, ImportKeys, KeyHandle, KeyId, KeyStore, ListKeys, StoreError};
use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::private::PrivateKey;
use crate::software::SoftwareKey;

/// A store in the memory of this process: keys live as long as it does, or as a handle to them.
pub struct MemoryStore {
    backend: Backend,
    keys: RwLock<BTreeMap<KeyId, Arc<SoftwareKey>>>,
}

impl MemoryStore {
    /// An empty store whose keys are made and sign with `backend`.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, keys: RwLock::default() }
    }

    /// Keeps a key in place of the one of this name, if there is one, and opens it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Key`] when the key is refused.
    pub fn replace(
        &self,
        id: &KeyId,
        key: &PrivateKey,
        algorithm: Algorithm,
    ) -> Result<KeyHandle, StoreError> {
        let key = Arc::new(key.load(algorithm, self.backend)?);
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), Arc::clone(&key));
        Ok(handle(id, key))
    }

    fn insert(&self, id: &KeyId, key: SoftwareKey) -> Result<KeyHandle, StoreError> {
        match self.keys.write().unwrap_or_else(PoisonError::into_inner).entry(id.clone()) {
            Entry::Occupied(_) => Err(StoreError::Exists { id: id.clone() }),
            Entry::Vacant(place) => Ok(handle(id, Arc::clone(place.insert(Arc::new(key))))),
        }
    }

    fn refuse_existing(&self, id: &KeyId) -> Result<(), StoreError> {
        if self.keys.read().unwrap_or_else(PoisonError::into_inner).contains_key(id) {
            return Err(StoreError::Exists { id: id.clone() });
        }
        Ok(())
    }
}

impl KeyStore for MemoryStore {
    fn open(&self, id: &KeyId) -> Result<KeyHandle, StoreError> {
        match self.keys.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            Some(key) => Ok(handle(id, Arc::clone(key))),
            None => Err(StoreError::NotFound { id: id.clone() }),
        }
    }
}

impl GenerateKeys for MemoryStore {
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        // Making a key may take a second: not in vain, and not under the lock.
        self.refuse_existing(id)?;
        self.insert(id, SoftwareKey::generate(algorithm, self.backend)?)
    }
}

impl ImportKeys for MemoryStore {
    fn import(&self, id: &KeyId, key: &PrivateKey, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        self.refuse_existing(id)?;
        self.insert(id, key.load(algorithm, self.backend)?)
    }
}

impl ListKeys for MemoryStore {
    fn list(&self) -> Result<Vec<KeyId>, StoreError> {
        Ok(self.keys.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect())
    }
}

impl DeleteKeys for MemoryStore {
    fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        match self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(id) {
            Some(_) => Ok(()),
            None => Err(StoreError::NotFound { id: id.clone() }),
        }
    }
}

/// Shows the names only.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("MemoryStore").field("backend", &self.backend).field("keys", &keys.keys()).finish()
    }
}

fn handle(id: &KeyId, key: Arc<SoftwareKey>) -> KeyHandle {
    KeyHandle::new(id.clone(), key)
}
