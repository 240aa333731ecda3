//! A TPM, behind a queue.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use aims_keys::Signature;
use aims_keys::backend::{self, Backend};
use zeroize::Zeroizing;

use crate::attestation_key::AttestationKey;
use crate::device::{Device, Known};
use crate::error::TpmError;
use crate::evidence::{Certification, Endorsement, EndorsementKind, Quote};
use crate::info::TpmInfo;
use crate::pcr::{PcrSelection, PcrValue};
use crate::queue::{Answer, Queue};
use crate::sealed::Sealed;
use crate::settings::TpmSettings;
use crate::signer::TpmSigner;
use crate::tcti::Tcti;

/// A TPM 2.0: one connection, one thread that uses it, and a bounded queue before that.
///
/// Cloning is cheap, and clones share the connection; it ends with the last of them, and of the stores and signers made from them.
///
/// Calls block until the TPM has answered, or until the [timeout](TpmSettings::timeout): then the caller goes on, while the TPM may
/// still do what it was asked. [`TpmSigner`] also signs without blocking. A full queue refuses with [`TpmError::Busy`].
///
/// A broken connection is made anew, and so is what was loaded over it: what was under way is done once more, and never a third time.
/// Where that fails too, the caller gets [`TpmError::DeviceGone`], and the next call tries again. It is one TPM for life: where another
/// answers, or this one was cleared, all calls get [`TpmError::Replaced`].
#[derive(Clone)]
pub struct Tpm {
    queue: Queue<Device>,
    timeout: Duration,
    tcti: Tcti,
}

impl Tpm {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`TpmError::NoTpm`], [`TpmError::NoPermission`] or [`TpmError::TctiMissing`] when there is nothing to connect to,
    /// [`TpmError::Timeout`] when nothing answers in time, [`TpmError::AuthFailed`] when the value of the owner hierarchy is wrong.
    pub fn connect(settings: TpmSettings) -> Result<Self, TpmError> {
        let (tcti, timeout, connect) = (settings.tcti.clone(), settings.timeout, settings.connect_timeout);
        let (room, settings, known) = (settings.queue, Arc::new(settings), Known::default());
        let queue = Queue::start(room, move |tenure| {
            Device::new(Arc::clone(&settings), Arc::clone(&known), tenure.clone())
        })?;
        queue.submit(connect, Device::connect)?.wait()?;
        Ok(Self { queue, timeout, tcti })
    }

    /// Ends the connection, for all clones, stores and signers too, and waits until the TPM has let go of what was loaded over it, or for the
    /// [timeout](TpmSettings::timeout).
    ///
    /// For programs that end: dropping the last clone ends the connection as well, but nobody waits, and where there is no resource manager
    /// the keys and sessions of a process that ended meanwhile keep their places (TPM-8, TPM-16).
    ///
    /// # Errors
    ///
    /// [`TpmError::Timeout`] when the TPM has not let go by then.
    pub fn close(self) -> Result<(), TpmError> {
        if self.queue.close(self.timeout) { Ok(()) } else { Err(TpmError::Timeout) }
    }

    /// What the TPM says about itself.
    ///
    /// # Errors
    ///
    /// What kept the TPM from answering.
    pub fn info(&self) -> Result<TpmInfo, TpmError> {
        self.call(Device::info)
    }

    /// The values of PCRs, in ascending order. Nobody vouches for them: see [`quote`](Self::quote).
    ///
    /// # Errors
    ///
    /// [`TpmError::PcrAbsent`] when the bank is not active.
    pub fn pcr_read(&self, pcrs: PcrSelection) -> Result<Vec<PcrValue>, TpmError> {
        self.call(move |device| device.pcr_read(pcrs))
    }

    /// The endorsement key of this kind, and its certificate if the maker left one in the TPM.
    ///
    /// # Errors
    ///
    /// [`TpmError::Unsupported`] when the TPM has no such keys.
    pub fn endorsement(&self, kind: EndorsementKind) -> Result<Endorsement, TpmError> {
        self.call(move |device| device.endorsement(kind))
    }

    /// Makes an attestation key. It is kept nowhere but in the value.
    ///
    /// # Errors
    ///
    /// What kept the TPM from making it.
    pub fn create_attestation_key(&self) -> Result<AttestationKey, TpmError> {
        self.create_attestation_key_with(backend::ring())
    }

    pub(crate) fn create_attestation_key_with(&self, backend: Backend) -> Result<AttestationKey, TpmError> {
        AttestationKey::new(self.call(Device::create_attestation_key)?, backend)
    }

    /// A statement about PCRs, bound to the nonce of whoever will appraise it: 32 bytes (TPM-18).
    ///
    /// # Errors
    ///
    /// [`TpmError::Nonce`] when it has another length; [`TpmError::PcrAbsent`] when the bank is not active;
    /// [`TpmError::BlobOfOtherTpm`] when the key is of another TPM.
    pub fn quote(&self, ak: &AttestationKey, nonce: &[u8], pcrs: PcrSelection) -> Result<Quote, TpmError> {
        let (ak, nonce) = (Arc::clone(&ak.blob), nonce.to_vec());
        self.call(move |device| device.quote(&ak, &nonce, pcrs))
    }

    /// A statement that the signer's key is in this TPM, bound to a nonce as for [`quote`](Self::quote). It is what makes a credential
    /// of that key bound to hardware: a quote alone says nothing about it (TPM-30).
    ///
    /// # Errors
    ///
    /// As for [`quote`](Self::quote); [`TpmError::AuthFailed`] when the signer has the wrong authorization value.
    pub fn certify(
        &self,
        signer: &TpmSigner,
        ak: &AttestationKey,
        nonce: &[u8],
    ) -> Result<Certification, TpmError> {
        let (key, auth) = signer.parts();
        let (ak, nonce) = (Arc::clone(&ak.blob), nonce.to_vec());
        self.call(move |device| device.certify(&key, auth.as_deref(), &ak, &nonce))
    }

    /// Opens a credential that was made for an attestation key and an endorsement key: what comes out proves that both are in one TPM.
    ///
    /// `credential` and `secret` are what `TPM2_MakeCredential` gives, without their lengths: the contents of `TPM2B_ID_OBJECT` and
    /// `TPM2B_ENCRYPTED_SECRET`.
    ///
    /// # Errors
    ///
    /// [`TpmError::CredentialRefused`] when it was made for another name or another TPM.
    pub fn activate(
        &self,
        ak: &AttestationKey,
        kind: EndorsementKind,
        credential: &[u8],
        secret: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        let (ak, credential, secret) = (Arc::clone(&ak.blob), credential.to_vec(), secret.to_vec());
        self.call(move |device| device.activate(&ak, kind, &credential, &secret))
    }

    /// Signs data of 1 to 1024 bytes with an attestation key: the TPM hashes it itself, and refuses what pretends to be an attestation
    /// (TPM-13). For certificate requests, for instance.
    ///
    /// # Errors
    ///
    /// [`TpmError::Restricted`] when the data begins as an attestation does; [`TpmError::Length`] when it is empty or longer.
    pub fn sign_data(&self, ak: &AttestationKey, data: &[u8]) -> Result<Signature, TpmError> {
        let (ak, data) = (Arc::clone(&ak.blob), data.to_vec());
        self.call(move |device| device.sign_data(&ak, &data)).map(Signature::from)
    }

    /// Seals 1 to 128 bytes: only this TPM opens them, and only while these PCRs have the values they have now. Seal a key, not what it
    /// encrypts.
    ///
    /// # Errors
    ///
    /// [`TpmError::Length`]; [`TpmError::PcrResettable`] when PCR 16 or 23 is among them; [`TpmError::PcrAbsent`] when the bank is not
    /// active.
    pub fn seal(&self, data: &[u8], pcrs: PcrSelection) -> Result<Sealed, TpmError> {
        let data = Zeroizing::new(data.to_vec());
        self.call(move |device| device.seal(&data, pcrs)).map(|blob| Sealed(Arc::new(blob)))
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    ///
    /// [`TpmError::Policy`] when PCRs have changed since; [`TpmError::BlobOfOtherTpm`] when another TPM sealed it.
    pub fn unseal(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        let blob = Arc::clone(&sealed.0);
        self.call(move |device| device.unseal(&blob))
    }

    /// Asks the TPM, and waits in the calling thread.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Device) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<T, TpmError> {
        self.submit(work)?.wait()
    }

    /// Asks the TPM.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Device) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<Answer<T>, TpmError> {
        self.queue.submit(self.timeout, work)
    }
}

impl fmt::Debug for Tpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tpm").field("tcti", &self.tcti).finish_non_exhaustive()
    }
}
