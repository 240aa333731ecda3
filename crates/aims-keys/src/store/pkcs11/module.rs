//! Modules, which are loaded once in a process, and the tokens behind them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};

use super::fault::Fault;
use super::pin::Pin;
use crate::store::StoreError;

/// Loads the module at an absolute path, or finds it among those that are loaded.
///
/// It stays until the process ends: a module that is unloaded while another part of the process uses it takes that part
/// with it, and many do not survive a second load.
fn load(path: &Path) -> Result<(PathBuf, Pkcs11), StoreError> {
    let refused = |kind| StoreError::Io { file: path.to_owned(), kind };
    // The loader would search its own folders for a mere name.
    if !path.is_absolute() {
        return Err(refused(io::ErrorKind::InvalidInput));
    }
    let path = fs::canonicalize(path).map_err(|e| refused(e.kind()))?;
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, module)) = modules.iter().find(|(known, _)| *known == path) {
        return Ok((path, module.clone()));
    }
    let module = Pkcs11::new(&path).map_err(|_| refused(io::ErrorKind::InvalidData))?;
    initialize(&module).map_err(Fault::of_token)?;
    modules.push((path.clone(), module.clone()));
    Ok((path, module))
}

/// Another part of the process may have done it.
fn initialize(module: &Pkcs11) -> Result<(), Fault> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// How a token is found among those of a module.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenName {
    /// The label it was given; of two tokens of one label, none is found.
    Label(String),
    /// The serial number it was made with.
    Serial(String),
}

/// One token, in this process. Whoever is logged in to it is so in all sessions of the process (PKCS #11 v3.1 §5.6.8), so
/// stores of one token share this.
pub(super) struct Token {
    module: Pkcs11,
    path: PathBuf,
    serial: String,
    pin: Option<Pin>,
    login: Mutex<Login>,
    /// Held by who makes or deletes a key: a token has no names, and so no unique ones.
    pub(super) changing: Mutex<()>,
}

#[derive(Default)]
struct Login {
    /// Keeps the login: it ends with the last session.
    session: Option<Session>,
    /// The token said no. It is not asked again with the same PIN, for it counts.
    refused: Option<Fault>,
}

impl Token {
    /// Finds the token and logs in.
    pub(super) fn open(path: &Path, name: &TokenName, pin: Option<Pin>) -> Result<Arc<Self>, StoreError> {
        let (path, module) = load(path)?;
        let serial = find(&module, name).map_err(Fault::of_token)?.1;
        let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|token| token.strong_count() > 0);
        let open = tokens.iter().filter_map(Weak::upgrade);
        for token in open.filter(|token| token.path == path && token.serial == serial) {
            let same = match (&token.pin, &pin) {
                (Some(ours), Some(theirs)) => ours.equals(theirs),
                (None, None) => true,
                _ => false,
            };
            if same {
                token.log_in().map_err(Fault::of_token)?;
                return Ok(token);
            }
            // While one is logged in, the token would take any PIN for another session.
            if token.is_logged_in() {
                return Err(if pin.is_some() { StoreError::AuthFailed } else { StoreError::AuthRequired });
            }
        }
        let token =
            Arc::new(Self { module, path, serial, pin, login: Mutex::default(), changing: Mutex::default() });
        token.log_in().map_err(Fault::of_token)?;
        tokens.push(Arc::downgrade(&token));
        Ok(token)
    }

    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    /// A session of a user who is logged in.
    pub(super) fn session(&self, writes: bool) -> Result<Session, Fault> {
        self.log_in()?;
        let session = self.open_session(writes)?;
        if self.check_login(&session).is_ok() {
            return Ok(session);
        }
        self.look_at_login();
        self.log_in()?;
        self.open_session(writes)
    }

    /// Whoever is not logged in sees no private key, and is not told so.
    pub(super) fn check_login(&self, session: &Session) -> Result<(), Fault> {
        if self.pin.is_none() || is_of_a_user(session) { Ok(()) } else { Err(Fault::LoggedOut) }
    }

    /// Modules seldom say that a token is gone; they fail somehow.
    pub(super) fn gone_or(&self, fault: Fault) -> Fault {
        if fault == Fault::Backend && self.slot().is_err() { Fault::DeviceGone } else { fault }
    }

    /// Forgets the login if it is not one any more, so that the next session logs in anew.
    pub(super) fn look_at_login(&self) {
        let mut login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        if !login.session.as_ref().is_some_and(is_of_a_user) {
            login.session = None;
        }
    }

    fn is_logged_in(&self) -> bool {
        let login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        login.session.as_ref().is_some_and(is_of_a_user)
    }

    fn log_in(&self) -> Result<(), Fault> {
        let mut login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fault) = &login.refused {
            return Err(fault.clone());
        }
        if login.session.is_some() {
            return Ok(());
        }
        let session = self.open_session(false)?;
        if let Some(pin) = &self.pin {
            match session.login(UserType::User, Some(&pin.for_login())) {
                Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(error) => {
                    let fault = Fault::from(error);
                    if matches!(fault, Fault::AuthFailed | Fault::LockedOut) {
                        login.refused = Some(fault.clone());
                    }
                    return Err(fault);
                }
            }
        } else if self.module.get_token_info(self.slot()?)?.login_required() && !is_of_a_user(&session) {
            return Err(Fault::AuthRequired);
        }
        login.session = Some(session);
        Ok(())
    }

    fn open_session(&self, writes: bool) -> Result<Session, Fault> {
        let slot = self.slot()?;
        let session =
            if writes { self.module.open_rw_session(slot) } else { self.module.open_ro_session(slot) };
        Ok(session?)
    }

    /// Where the token is now: it may have been put into another slot.
    fn slot(&self) -> Result<Slot, Fault> {
        let serial = TokenName::Serial(self.serial.clone());
        match find(&self.module, &serial) {
            // Another part of the process ended the module's work.
            Err(Fault::SessionLost) => {
                initialize(&self.module)?;
                Ok(find(&self.module, &serial)?.0)
            }
            found => Ok(found?.0),
        }
    }
}

fn is_of_a_user(session: &Session) -> bool {
    session
        .get_session_info()
        .is_ok_and(|info| matches!(info.session_state(), SessionState::RoUser | SessionState::RwUser))
}

/// The one token that is meant, and its serial number. None is [`Fault::DeviceGone`], several are [`Fault::Backend`].
fn find(module: &Pkcs11, name: &TokenName) -> Result<(Slot, String), Fault> {
    let mut found = None;
    for slot in module.get_slots_with_token()? {
        // A token that is pulled out in the meantime is none, and neither is one that was never set up.
        let Some(info) = module.get_token_info(slot).ok().filter(TokenInfo::token_initialized) else {
            continue;
        };
        let is_meant = match name {
            TokenName::Label(label) => info.label() == label,
            TokenName::Serial(serial) => info.serial_number() == serial,
        };
        if is_meant && found.replace((slot, info.serial_number().to_owned())).is_some() {
            return Err(Fault::Backend);
        }
    }
    found.ok_or(Fault::DeviceGone)
}

static MODULES: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());
static TOKENS: Mutex<Vec<Weak<Token>>> = Mutex::new(Vec::new());
