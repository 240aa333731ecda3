//! A connection: the primary key, one session, and the keys that were used last.

use core::str::FromStr;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;

use ring::digest::{Context as Hash, SHA256};
use tss_esapi::Context;
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Rc;
use tss_esapi::constants::{CapabilityType, SessionType, StartupType};
use tss_esapi::handles::{KeyHandle, ObjectHandle, SessionHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{
    Auth, CapabilityData, CreatePrimaryKeyResult, Private, Public, SymmetricDefinition,
};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::traits::{Marshall, UnMarshall};

use super::fault::Fault;
use super::template;
use crate::blob::{Blob, name_sha256};
use crate::error::TpmError;
use crate::public;
use crate::queue::Tenure;
use crate::settings::{AuthValue, TpmSettings};

/// TPMs promise three slots for objects: one is that of the primary, these are the others (TPM-8).
const SLOTS: usize = 2;

/// Where handles of this kind begin.
const FIRST_TRANSIENT: u32 = 0x8000_0000;
const FIRST_LOADED_SESSION: u32 = 0x0200_0000;

pub(super) struct Link {
    /// To be reached by [`Self::context`].
    context: Context,
    tenure: Tenure,
    pub(super) primary: KeyHandle,
    primary_name: Vec<u8>,
    /// Salted by the primary, encrypts what goes over the bus, and is used again and again.
    pub(super) session: AuthSession,
    /// In the order in which they were used, the last one last.
    loaded: Vec<Loaded>,
}

struct Loaded {
    /// The hash of the blob: whoever has not got all of it does not get the key.
    blob: [u8; 32],
    handle: KeyHandle,
}

impl Link {
    /// Connects, for the first time or again.
    pub(super) fn open(settings: &TpmSettings, tenure: &Tenure, again: bool) -> Result<Self, TpmError> {
        if let Some(path) = settings.tcti.device() {
            look_at(path)?;
        }
        let connected = || -> Result<Context, Fault> {
            let mut context = Context::new(TctiNameConf::from_str(&settings.tcti.to_string())?)?;
            // Where it was started already, it says so, and the library takes that for success.
            context.startup(StartupType::Clear)?;
            Ok(context)
        };
        let mut context = connected().map_err(Fault::at_connect)?;
        // It may have waited for so long that another has connected: what there is is that one's.
        if tenure.is_over() {
            return Err(TpmError::DeviceGone);
        }
        if (again || settings.exclusive) && !settings.tcti.is_managed() {
            clear(&mut context).map_err(Fault::into_error)?;
        }
        Self::prepare(&mut context, settings)
            .map(|(primary, primary_name, session)| Self {
                context,
                tenure: tenure.clone(),
                primary,
                primary_name,
                session,
                loaded: Vec::new(),
            })
            .map_err(Fault::into_error)
    }

    fn prepare(
        context: &mut Context,
        settings: &TpmSettings,
    ) -> Result<(KeyHandle, Vec<u8>, AuthSession), Fault> {
        let hierarchies = [
            (ObjectHandle::Owner, &settings.owner_auth),
            (ObjectHandle::Endorsement, &settings.endorsement_auth),
        ];
        for (hierarchy, auth) in hierarchies {
            if let Some(auth) = auth {
                context.tr_set_auth(hierarchy, auth_of(Some(auth))?)?;
            }
        }
        let primary = match settings.owner_auth {
            None => {
                context.execute_with_nullauth_session(make_primary(Hierarchy::Owner, template::primary()?))?
            }
            Some(_) => primary_by_password(context)?,
        };
        let name = name_sha256(&primary.out_public.marshall()?);
        let session = salted_session(context, primary.key_handle)?;
        Ok((primary.key_handle, name, session))
    }

    /// The library's end, for as long as this worker may use it.
    pub(super) fn context(&mut self) -> Result<&mut Context, Fault> {
        if self.tenure.is_over() {
            return Err(TpmError::DeviceGone.into());
        }
        Ok(&mut self.context)
    }

    /// Another session in the place of the one there is.
    pub(super) fn renew_session(&mut self) -> Result<(), Fault> {
        let session = self.session;
        self.context()?.flush_context(SessionHandle::from(session).into())?;
        let primary = self.primary;
        self.session = salted_session(self.context()?, primary)?;
        Ok(())
    }

    /// The name of the key below which all others are.
    pub(super) fn primary_name(&self) -> &[u8] {
        &self.primary_name
    }

    /// Calls the TPM in the session of this connection.
    pub(super) fn in_session<T>(
        &mut self,
        call: impl FnOnce(&mut Context) -> tss_esapi::Result<T>,
    ) -> Result<T, Fault> {
        let session = self.session;
        Ok(self.context()?.execute_with_session(Some(session), call)?)
    }

    /// Calls the TPM without a session.
    pub(super) fn without_session<T>(
        &mut self,
        call: impl FnOnce(&mut Context) -> tss_esapi::Result<T>,
    ) -> Result<T, Fault> {
        Ok(self.context()?.execute_without_session(call)?)
    }

    /// Loads a key, or finds it loaded. It stays so until two others were used.
    pub(super) fn load(&mut self, blob: &Blob, auth: Option<&AuthValue>) -> Result<KeyHandle, Fault> {
        self.refuse_other(blob)?;
        if blob.needs_auth && auth.is_none() {
            return Err(TpmError::AuthRequired.into());
        }
        let hash = hash_of(blob);
        let handle = match self.loaded.iter().position(|loaded| loaded.blob == hash) {
            Some(position) => {
                let loaded = self.loaded.remove(position);
                let handle = loaded.handle;
                self.loaded.push(loaded);
                handle
            }
            None => self.load_anew(blob, hash)?,
        };
        // The value belongs to the connection, not to the key: another store may have set another.
        let value = auth_of(auth.filter(|_| blob.needs_auth))?;
        self.context()?.tr_set_auth(handle.into(), value)?;
        Ok(handle)
    }

    /// What is below another primary is of another TPM, or of this one before its owner cleared it.
    pub(super) fn refuse_other(&self, blob: &Blob) -> Result<(), Fault> {
        if blob.parent == self.primary_name { Ok(()) } else { Err(TpmError::BlobOfOtherTpm.into()) }
    }

    fn load_anew(&mut self, blob: &Blob, hash: [u8; 32]) -> Result<KeyHandle, Fault> {
        public::read(blob)?;
        let public = Public::unmarshall(&blob.public).map_err(|_| TpmError::BlobCorrupt)?;
        let private = Private::try_from(blob.private.as_slice()).map_err(|_| TpmError::BlobCorrupt)?;
        self.make_room(1)?;
        let primary = self.primary;
        let handle = self.in_session(|context| context.load(primary, private, public)).map_err(|fault| {
            // It is of this TPM, for its parent is, and does not open: somebody altered it.
            let altered = [Rc::Integrity, Rc::Size, Rc::Value, Rc::Binding, Rc::Insufficient];
            if altered.into_iter().any(|kind| fault.is(kind)) { TpmError::BlobCorrupt.into() } else { fault }
        })?;
        self.loaded.push(Loaded { blob: hash, handle });
        Ok(handle)
    }

    /// Makes room for so many objects beside the primary, and keeps the keys that were used last.
    pub(super) fn make_room(&mut self, objects: usize) -> Result<(), Fault> {
        while self.loaded.len() + objects > SLOTS && !self.loaded.is_empty() {
            self.context()?;
            let oldest = self.loaded.remove(0);
            self.context.flush_context(oldest.handle.into())?;
        }
        Ok(())
    }

    /// Whether there was anything to unload.
    pub(super) fn unload_all(&mut self) -> Result<bool, Fault> {
        let any = !self.loaded.is_empty();
        self.make_room(SLOTS)?;
        Ok(any)
    }

    /// Works with an object or session that is flushed afterwards, whatever comes of it (TPM-16). After a panic the whole connection is
    /// dropped, and flushes what it knows.
    pub(super) fn flushed_after<T>(
        &mut self,
        handle: ObjectHandle,
        work: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let outcome = work(self);
        let flushed = match self.context() {
            Ok(context) => context.flush_context(handle).map_err(Fault::from),
            Err(fault) => {
                forget(&mut self.context, handle);
                Err(fault)
            }
        };
        let value = outcome?;
        flushed?;
        Ok(value)
    }

    /// Works in a policy session of this hash function, which carries what it is used for encrypted.
    pub(super) fn with_policy_session<T>(
        &mut self,
        kind: SessionType,
        hash: HashingAlgorithm,
        encrypted: bool,
        work: impl FnOnce(&mut Self, PolicySession) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let salt = (kind == SessionType::Policy).then_some(self.primary);
        let session = start_session(self.context()?, salt, kind, hash)?;
        let handle = SessionHandle::from(session).into();
        self.flushed_after(handle, |link| {
            let context = link.context()?;
            if encrypted {
                encrypt(context, session)?;
            } else {
                keep(context, session)?;
            }
            work(link, PolicySession::try_from(session)?)
        })
    }
}

/// What is open when a worker was given up has been flushed by the one in its place, and the numbers are that one's.
impl Drop for Link {
    fn drop(&mut self) {
        if self.tenure.is_over() {
            let loaded = self.loaded.drain(..).map(|loaded| loaded.handle.into());
            let ours = [self.primary.into(), SessionHandle::from(self.session).into()];
            for handle in loaded.chain(ours) {
                forget(&mut self.context, handle);
            }
        }
    }
}

/// Lets go of a handle without a word to the TPM.
fn forget(context: &mut Context, mut handle: ObjectHandle) {
    // The library calls it an error to close what it would have flushed, and closes it.
    let _ = context.tr_close(&mut handle);
}

/// Flushes what a connection that broke left in the TPM: the library cannot do that over it any more. Without a resource manager nobody
/// else does, and nobody else may use the TPM, so all there is was ours.
fn clear(context: &mut Context) -> Result<(), Fault> {
    for first in [FIRST_TRANSIENT, FIRST_LOADED_SESSION] {
        let (data, _) = context
            .execute_without_session(|context| context.get_capability(CapabilityType::Handles, first, 16))?;
        let CapabilityData::Handles(found) = data else { return Err(TpmError::Backend.into()) };
        for &handle in found.as_ref() {
            let found = context.execute_without_session(|context| context.tr_from_tpm_public(handle));
            // Of a hash that was begun there is no public part, and without one the library has no handle to flush it by.
            let object = match found.map_err(Fault::from) {
                Err(fault) if fault.is(Rc::Sequence) => continue,
                found => found?,
            };
            // The library calls it an error to flush a policy session that it did not start, and flushes it.
            let _ = context.flush_context(object);
        }
    }
    Ok(())
}

/// As the TPM takes it; none is the empty one.
pub(super) fn auth_of(auth: Option<&AuthValue>) -> Result<Auth, Fault> {
    Ok(Auth::try_from(auth.map(AuthValue::expose).unwrap_or_default())?)
}

fn hash_of(blob: &Blob) -> [u8; 32] {
    let mut hash = Hash::new(&SHA256);
    for part in [&blob.public, &blob.private] {
        hash.update(&part.len().to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 32];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finish().as_ref()) {
        *byte = *hashed;
    }
    bytes
}

/// A password that is proven in a session without a salt can be guessed by whoever has seen that. The null hierarchy has a key for salts that
/// takes no password.
fn primary_by_password(context: &mut Context) -> Result<CreatePrimaryKeyResult, Fault> {
    let make = make_primary(Hierarchy::Null, template::primary()?);
    let salt = context.execute_with_nullauth_session(make)?.key_handle;
    let session = salted_session(context, salt)?;
    let make = make_primary(Hierarchy::Owner, template::primary()?);
    let primary = context.execute_with_session(Some(session), make)?;
    context.flush_context(SessionHandle::from(session).into())?;
    context.flush_context(salt.into())?;
    Ok(primary)
}

fn make_primary(
    hierarchy: Hierarchy,
    template: Public,
) -> impl FnOnce(&mut Context) -> tss_esapi::Result<CreatePrimaryKeyResult> {
    move |context| context.create_primary(hierarchy, template, None, None, None, None)
}

/// For all that is to be kept from whoever listens.
fn salted_session(context: &mut Context, salt: KeyHandle) -> Result<AuthSession, Fault> {
    let session = start_session(context, Some(salt), SessionType::Hmac, HashingAlgorithm::Sha256)?;
    encrypt(context, session)?;
    Ok(session)
}

fn start_session(
    context: &mut Context,
    salt: Option<KeyHandle>,
    kind: SessionType,
    hash: HashingAlgorithm,
) -> Result<AuthSession, Fault> {
    let symmetric = SymmetricDefinition::AES_128_CFB;
    let session = context.execute_without_session(|context| {
        context.start_auth_session(salt, None, None, kind, symmetric, hash)
    })?;
    session.ok_or(Fault::Ours(TpmError::Backend))
}

/// The session outlives its first use, and encrypts the first parameter either way.
fn encrypt(context: &mut Context, session: AuthSession) -> Result<(), Fault> {
    let attributes = SessionAttributesBuilder::new().with_continue_session(true);
    let (attributes, mask) = attributes.with_decrypt(true).with_encrypt(true).build();
    Ok(context.tr_sess_set_attributes(session, attributes, mask)?)
}

fn keep(context: &mut Context, session: AuthSession) -> Result<(), Fault> {
    let (attributes, mask) = SessionAttributesBuilder::new().with_continue_session(true).build();
    Ok(context.tr_sess_set_attributes(session, attributes, mask)?)
}

/// What the library would only call an input or output error.
fn look_at(path: &str) -> Result<(), TpmError> {
    let metadata = fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::PermissionDenied => TpmError::NoPermission,
        _ => TpmError::NoTpm,
    })?;
    if !metadata.file_type().is_char_device() {
        return Err(TpmError::NoTpm);
    }
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => Ok(()),
        Err(e) => Err(match e.kind() {
            ErrorKind::PermissionDenied => TpmError::NoPermission,
            // `/dev/tpm0` lets in one at a time.
            ErrorKind::ResourceBusy => TpmError::Busy { retry_after: None },
            _ => TpmError::NoTpm,
        }),
    }
}
