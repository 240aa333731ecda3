//! Keys in a TPM, wrapped by it into files.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aims_keys::Algorithm;
use aims_keys::backend::{self, Backend};
use aims_keys::store::{
    AttestKeys, DeleteKeys, GenerateKeys, KeyEvidence, KeyFiles, KeyHandle, KeyId, KeyStore, ListKeys,
    StoreError,
};

use crate::attestation_key::AttestationKey;
use crate::blob::{self, Blob, Kind};
use crate::error::TpmError;
use crate::pcr::PcrSelection;
use crate::public;
use crate::settings::AuthValue;
use crate::signer::TpmSigner;
use crate::tpm::Tpm;

/// Keys that are made in a TPM and never leave it: ES256, and ES384 where the TPM has P-384.
///
/// What is kept is a file for each key, `<id>.tpm`, that only this TPM can use: the public part, and the private part as the TPM wrapped
/// it. There is no limit to their number: the TPM has two or three places for keys, and those that were used last keep theirs. Directory
/// and files are ours alone (modes 0700 and 0600), and files appear whole or not at all, as those of [`KeyFiles`] do.
///
/// A file is no secret by itself. Whoever has it and may use the TPM can sign, though: an [authorization
/// value](TpmKeyStoreBuilder::auth) or a [PCR policy](TpmKeyStoreBuilder::pcr_policy) keeps others from that.
///
/// A file is lost with its TPM, or when its owner clears that: a key cannot be copied or exported, by anybody.
pub struct TpmKeyStore {
    tpm: Tpm,
    files: KeyFiles,
    attestation_files: KeyFiles,
    auth: Option<Arc<AuthValue>>,
    policy: Option<PcrSelection>,
    backend: Backend,
    attestation_key: Mutex<Option<AttestationKey>>,
}

impl TpmKeyStore {
    /// Opens the store in a directory, which is made when there is none; its parent exists. Its keys have neither authorization value
    /// nor policy.
    ///
    /// # Errors
    ///
    /// [`StoreError::Permissions`] when the directory is not ours, or others may enter it; [`StoreError::Io`] when it cannot be read.
    pub fn open(tpm: &Tpm, dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::builder(tpm, dir).open()
    }

    /// Starts from what must be said; everything else has a default.
    pub fn builder(tpm: &Tpm, dir: impl Into<PathBuf>) -> TpmKeyStoreBuilder {
        TpmKeyStoreBuilder {
            tpm: tpm.clone(),
            dir: dir.into(),
            auth: None,
            policy: None,
            backend: backend::ring(),
        }
    }

    /// Opens a key as what it is, for [`Tpm::certify`].
    ///
    /// # Errors
    ///
    /// As [`KeyStore::open`].
    pub fn signer(&self, id: &KeyId) -> Result<TpmSigner, StoreError> {
        let file = self.files.path(id)?;
        let bytes = self.files.read(id, blob::MAX)?;
        let blob = Arc::new(Blob::from_bytes(&bytes, Kind::SigningKey).map_err(|e| store_error(e, &file))?);
        let (checked, auth) = (Arc::clone(&blob), self.auth.clone());
        self.tpm
            .call(move |device| device.check(&checked, auth.as_deref()))
            .map_err(|e| store_error(e, &file))?;
        self.signer_of(blob, &file)
    }

    /// The attestation key of this store, in the file `attestation.ak`: made when it is first asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError::OtherDevice`] when the file is that of another TPM; else what kept it from being made or read.
    pub fn attestation_key(&self) -> Result<AttestationKey, StoreError> {
        let mut place = self.attestation_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*place {
            return Ok(key.clone());
        }
        let id = attestation_key_id()?;
        let file = self.attestation_files.path(&id)?;
        let failed = |e| store_error(e, &file);
        match self.attestation_files.refuse_existing(&id) {
            Err(StoreError::Exists { .. }) => {}
            refused => {
                refused?;
                let key = self.tpm.create_attestation_key_with(self.backend).map_err(failed)?;
                match self.attestation_files.write_new(&id, &key.to_bytes().map_err(failed)?) {
                    // Another process made one meanwhile: that is read then.
                    Err(StoreError::Exists { .. }) => {}
                    written => written?,
                }
            }
        }
        let bytes = self.attestation_files.read(&id, blob::MAX)?;
        let key = AttestationKey::with_backend(&bytes, self.backend).map_err(failed)?;
        let blob = Arc::clone(&key.blob);
        self.tpm.call(move |device| device.check(&blob, None)).map_err(failed)?;
        *place = Some(key.clone());
        Ok(key)
    }

    /// A store that has an attestation key is of the TPM of that: no other gets the authorization value of its keys, whoever answers.
    fn refuse_other_tpm(&self) -> Result<(), StoreError> {
        let id = attestation_key_id()?;
        let bytes = match self.attestation_files.read(&id, blob::MAX) {
            Err(StoreError::NotFound { .. }) => return Ok(()),
            read => read?,
        };
        let file = self.attestation_files.path(&id)?;
        let failed = |e| store_error(e, &file);
        let ak = Blob::from_bytes(&bytes, Kind::AttestationKey).map_err(failed)?;
        self.tpm.call(move |device| device.refuse_other(&ak)).map_err(failed)
    }

    fn signer_of(&self, blob: Arc<Blob>, file: &Path) -> Result<TpmSigner, StoreError> {
        let public_key = public::key(&blob, self.backend).map_err(|e| store_error(e, file))?;
        Ok(TpmSigner::new(self.tpm.clone(), blob, self.auth.clone(), public_key))
    }
}

/// Options of a [`TpmKeyStore`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct TpmKeyStoreBuilder {
    tpm: Tpm,
    dir: PathBuf,
    auth: Option<AuthValue>,
    policy: Option<PcrSelection>,
    backend: Backend,
}

impl TpmKeyStoreBuilder {
    /// New keys take this authorization value, and those that have one are used with it. Default: none.
    ///
    /// Wrong values do not lock the TPM out: the keys are exempt from that, so choose one that cannot be guessed.
    pub fn auth(mut self, auth: AuthValue) -> Self {
        self.auth = Some(auth);
        self
    }

    /// New keys sign only while these PCRs have the values they had when the key was made. Default: none.
    pub fn pcr_policy(mut self, pcrs: PcrSelection) -> Self {
        self.policy = Some(pcrs);
        self
    }

    /// What verifies with the public halves. Default: *ring*.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// As [`TpmKeyStore::open`]; [`StoreError::Policy`] when PCR 16 or 23 is in the policy: any software can reset them.
    pub fn open(self) -> Result<TpmKeyStore, StoreError> {
        if self.policy.is_some_and(|pcrs| pcrs.refuse_resettable().is_err()) {
            return Err(StoreError::Policy);
        }
        Ok(TpmKeyStore {
            files: KeyFiles::create(&self.dir, "tpm", self.backend)?,
            attestation_files: KeyFiles::open(&self.dir, "ak", self.backend)?,
            tpm: self.tpm,
            auth: self.auth.map(Arc::new),
            policy: self.policy,
            backend: self.backend,
            attestation_key: Mutex::new(None),
        })
    }
}

impl KeyStore for TpmKeyStore {
    fn open(&self, id: &KeyId) -> Result<KeyHandle, StoreError> {
        Ok(handle(id, self.signer(id)?))
    }
}

impl GenerateKeys for TpmKeyStore {
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        // Making a key takes a TPM up to a second: not in vain, where that can be known.
        self.files.refuse_existing(id)?;
        self.refuse_other_tpm()?;
        let file = self.files.path(id)?;
        let failed = |e| store_error(e, &file);
        let (auth, policy) = (self.auth.clone(), self.policy);
        let blob = self
            .tpm
            .call(move |device| {
                if !device.supports(algorithm)? {
                    return Err(TpmError::Unsupported);
                }
                device.create_signing_key(algorithm, auth.as_deref(), policy)
            })
            .map_err(failed)?;
        let signer = self.signer_of(Arc::new(blob), &file)?;
        self.files.write_new(id, &signer.parts().0.to_bytes().map_err(failed)?)?;
        Ok(handle(id, signer))
    }
}

impl ListKeys for TpmKeyStore {
    fn list(&self) -> Result<Vec<KeyId>, StoreError> {
        self.files.list()
    }
}

/// The file is removed; nothing of the key is in the TPM but for the time it is loaded.
impl DeleteKeys for TpmKeyStore {
    fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        self.files.delete(id)
    }
}

/// By the [attestation key](TpmKeyStore::attestation_key) of the store; the challenge has 32 bytes.
///
/// The format is `tpm2-certify-1`: the name of the attestation key, `TPMT_PUBLIC` of the key, `TPMS_ATTEST` and `TPMT_SIGNATURE`, each
/// behind its length in two bytes. There is no chain: whoever appraises it has enrolled the attestation key before.
impl AttestKeys for TpmKeyStore {
    fn attest(&self, id: &KeyId, challenge: &[u8]) -> Result<KeyEvidence, StoreError> {
        let signer = self.signer(id)?;
        let ak = self.attestation_key()?;
        let file = self.files.path(id)?;
        let certification = self.tpm.certify(&signer, &ak, challenge).map_err(|e| store_error(e, &file))?;
        let mut statement = Vec::new();
        let parts = [ak.name(), certification.public, certification.attest, certification.signature];
        for part in parts {
            statement.extend(u16::try_from(part.len()).map_err(|_| StoreError::Backend)?.to_be_bytes());
            statement.extend(part);
        }
        Ok(KeyEvidence::new("tpm2-certify-1", statement, Vec::new()))
    }
}

/// Shows nothing of the authorization value.
impl fmt::Debug for TpmKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpmKeyStore")
            .field("tpm", &self.tpm)
            .field("dir", &self.files.directory())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

fn handle(id: &KeyId, signer: TpmSigner) -> KeyHandle {
    KeyHandle::new(id.clone(), Arc::new(signer)).exportable(false)
}

/// What a caller that only knows stores can act on.
fn store_error(error: TpmError, file: &Path) -> StoreError {
    match error {
        TpmError::AuthFailed => StoreError::AuthFailed,
        TpmError::AuthRequired => StoreError::AuthRequired,
        TpmError::BlobCorrupt => StoreError::Corrupt { file: file.to_owned() },
        TpmError::BlobOfOtherTpm | TpmError::Replaced => StoreError::OtherDevice { file: file.to_owned() },
        TpmError::Busy { retry_after } => StoreError::Busy { retry_after },
        TpmError::SlotsFull => StoreError::DeviceFull,
        TpmError::Timeout => StoreError::Timeout,
        TpmError::DeviceGone | TpmError::NoTpm => StoreError::DeviceGone,
        TpmError::LockedOut => StoreError::LockedOut,
        TpmError::PcrAbsent | TpmError::PcrResettable | TpmError::Policy => StoreError::Policy,
        TpmError::Unsupported => StoreError::UnsupportedAlgorithm,
        TpmError::Nonce | TpmError::Restricted | TpmError::WrongUse => StoreError::WrongUse,
        _ => StoreError::Backend,
    }
}

fn attestation_key_id() -> Result<KeyId, StoreError> {
    "attestation".parse().map_err(|_| StoreError::Backend)
}
