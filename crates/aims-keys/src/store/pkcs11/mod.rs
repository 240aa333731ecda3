//! Keys on a token that speaks PKCS #11.

mod fault;
mod key;
mod module;
mod pin;
mod pool;
mod signer;

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use self::fault::Fault;
use self::key::Found;
use self::module::Token;
pub use self::module::TokenName;
pub use self::pin::Pin;
use self::pool::Pool;
use self::signer::TokenKey;
use super::{DeleteKeys, GenerateKeys, KeyHandle, KeyId, KeyStore, ListKeys, StoreError};
use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::signer::Protection;

/// A store on a token that speaks PKCS #11: a hardware security module, a card, `SoftHSM`. ES256, ES384 and, where the token has
/// it, Ed25519.
///
/// The name of a key is its label (`CKA_LABEL`); keys made here have it as `CKA_ID` too. They are sensitive and never
/// extractable, and a token that makes others is refused. Keys made by other tools open as well, and
/// [`KeyHandle::is_exportable`] says what the token says of them; a private key needs its public half beside it, under the
/// same `CKA_ID`.
///
/// - Login belongs to the process, not to a session: stores of one token share it, and the first of them gives the PIN. A
///   later store with another PIN is refused, without asking the token.
/// - A wrong PIN is given to the token once: it counts, and locks.
/// - What fails because a session, the login or a handle was lost is done once more; making and deleting keys never is.
/// - Signatures over messages are verified before they are given out.
/// - A token has no unique names. In one process, one of many makes a key. Several processes that make a key of one name at once
///   look for each other's, and take their own back; should two remain, that name is ambiguous, and opens none.
/// - The module runs in this process, with all its rights: name only one that nobody else can write to. It stays loaded.
///
/// Calls block, for as long as the token does: see [`Blocking`](crate::Blocking) for executors.
///
/// ```no_run
/// use aims_keys::store::{GenerateKeys, KeyStore, Pin, Pkcs11Store, TokenName};
/// use aims_keys::{Algorithm, backend};
///
/// # let read_pin = || String::new();
/// let token = TokenName::Label("agents".to_owned());
/// let store = Pkcs11Store::builder("/usr/lib/softhsm/libsofthsm2.so", token, backend::ring())
///     .pin(Pin::new(read_pin())?)
///     .open()?;
/// let id = "agent-1".parse().unwrap();
/// store.generate(&id, Algorithm::Es256)?;
/// let signer = store.open(&id)?.signer().clone();
/// # Ok::<(), aims_keys::store::StoreError>(())
/// ```
pub struct Pkcs11Store {
    pool: Arc<Pool>,
    backend: Backend,
    protection: Protection,
}

impl Pkcs11Store {
    /// Starts from the absolute path of the module, the token, and the backend that verifies and hashes.
    pub fn builder(module: impl Into<PathBuf>, token: TokenName, backend: Backend) -> Pkcs11StoreBuilder {
        Pkcs11StoreBuilder {
            module: module.into(),
            token,
            backend,
            pin: None,
            sessions: 4,
            patience: Duration::from_secs(10),
            protection: Protection::Hsm,
        }
    }

    /// The key, and the generation of sessions in which it was found.
    fn handle(&self, id: &KeyId, found: (Found, u64)) -> Result<KeyHandle, Fault> {
        let exportable = found.0.exportable;
        let key = TokenKey::new(&self.pool, id, found, self.protection)?;
        Ok(KeyHandle::new(id.clone(), Arc::new(key)).exportable(exportable))
    }

    /// A key that signs nothing its public half verifies does not stay.
    fn handle_of_new(&self, id: &KeyId, found: (Found, u64)) -> Result<KeyHandle, Fault> {
        self.handle(id, found).inspect_err(|_| {
            // Best effort: the first error is the one to tell.
            let _ = self.pool.write(|session, _| key::destroy(session, id));
        })
    }
}

impl KeyStore for Pkcs11Store {
    fn open(&self, id: &KeyId) -> Result<KeyHandle, StoreError> {
        self.pool
            .read(|session, generation| Ok((key::find(session, id, self.backend)?, generation)))
            .and_then(|found| self.handle(id, found))
            .map_err(|fault| fault.of_store(id))
    }
}

/// `EdDSA` is not supported, `Ed25519` is: a token keeps no second name.
impl GenerateKeys for Pkcs11Store {
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        let _alone = self.pool.token.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.pool
            .write(|session, generation| match key::find_private(session, id) {
                Err(Fault::NoObject) => {
                    Ok(Some((key::generate(session, id, algorithm, self.backend)?, generation)))
                }
                Ok(_) | Err(Fault::Several) => Ok(None),
                Err(fault) => Err(fault),
            })
            .and_then(|found| found.map(|found| self.handle_of_new(id, found)).transpose())
            .map_err(|fault| match fault {
                // One of another process came in between; ours was taken back.
                Fault::Several => StoreError::Exists { id: id.clone() },
                fault => fault.of_store(id),
            })?
            .ok_or_else(|| StoreError::Exists { id: id.clone() })
    }
}

/// Private keys whose label is the name of a key; others are none of its business.
impl ListKeys for Pkcs11Store {
    fn list(&self) -> Result<Vec<KeyId>, StoreError> {
        self.pool
            .read(|session, _| {
                self.pool.token.check_login(session)?;
                key::names(session)
            })
            .map_err(Fault::of_token)
    }
}

/// Both halves go. Handles that are open end with [`SignError::NotFound`](crate::SignError::NotFound).
impl DeleteKeys for Pkcs11Store {
    fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        let _alone = self.pool.token.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.pool.write(|session, _| key::destroy(session, id)).map_err(|fault| fault.of_store(id))
    }
}

/// Shows the serial number of the token, and neither PIN nor handles.
impl fmt::Debug for Pkcs11Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Store")
            .field("token", &self.pool.token.serial())
            .field("backend", &self.backend)
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}

/// Options of a [`Pkcs11Store`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct Pkcs11StoreBuilder {
    module: PathBuf,
    token: TokenName,
    backend: Backend,
    pin: Option<Pin>,
    sessions: usize,
    patience: Duration,
    protection: Protection,
}

impl Pkcs11StoreBuilder {
    /// The PIN of the token's user. Tokens that want none do without.
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pin = Some(pin);
        self
    }

    /// How many sessions the store has with the token at most, beside the one that is logged in. Default: 4, at least 1.
    pub fn sessions(mut self, most: usize) -> Self {
        self.sessions = most.max(1);
        self
    }

    /// How long a call waits for one of them before it ends as busy. Default: 10 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What guards the keys. No module proves that: whoever sets up the store knows what the token is, and software tokens are
    /// [`Protection::Software`]. Default: [`Protection::Hsm`].
    pub fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the module is not there, its path is not absolute, or it is none;
    /// [`StoreError::DeviceGone`] when there is no such token; [`StoreError::AuthFailed`], [`StoreError::AuthRequired`] and
    /// [`StoreError::LockedOut`] as for the PIN; [`StoreError::Backend`] when there are several such tokens.
    pub fn open(self) -> Result<Pkcs11Store, StoreError> {
        let token = Token::open(&self.module, &self.token, self.pin)?;
        let pool = Arc::new(Pool::new(token, self.sessions, self.patience));
        Ok(Pkcs11Store { pool, backend: self.backend, protection: self.protection })
    }
}
