//! Which attestation keys are believed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aims_keys::{Backend, KeyError, PublicKey, UnixTime};

use super::signature::algorithm_of;
use super::{PcrBank, TpmName, TpmPublic, TpmPublicError, TpmReadError, TpmScheme, TpmSignature};

/// A TPM whose attestation key was enrolled: an activated credential has shown that the key is in the TPM whose endorsement key is named here (TPM-29).
#[derive(Clone)]
pub struct TpmDevice {
    ak: TpmName,
    key: PublicKey,
    hash: PcrBank,
    ek_sha256: [u8; 32],
    manufacturer: Option<String>,
    not_after: UnixTime,
    is_revoked: bool,
}

impl TpmDevice {
    /// A TPM by the `TPMT_PUBLIC` of its attestation key, from which the name is computed, and by SHA-256 of the `SubjectPublicKeyInfo` of its endorsement key.
    ///
    /// # Errors
    ///
    /// [`TpmDeviceError`]: the key is not one with which a TPM signs nothing but what it says itself (TPM-23).
    pub fn new(ak_public: &[u8], ek_sha256: [u8; 32], backend: Backend) -> Result<Self, TpmDeviceError> {
        let public = TpmPublic::parse(ak_public).map_err(TpmDeviceError::Public)?;
        let attributes = public.attributes();
        let is_of_tpm =
            attributes.fixed_tpm() && attributes.fixed_parent() && attributes.sensitive_data_origin();
        if !is_of_tpm || !attributes.restricted() || !attributes.sign() || attributes.decrypt() {
            return Err(TpmDeviceError::Attributes);
        }
        let scheme = public.scheme();
        let (TpmScheme::Ecdsa(hash) | TpmScheme::RsaPkcs1(hash) | TpmScheme::RsaPss(hash)) = scheme else {
            return Err(TpmDeviceError::Algorithm);
        };
        let numbers = public.public_numbers().ok_or(TpmDeviceError::Algorithm)?;
        let algorithm = algorithm_of(scheme, numbers).ok_or(TpmDeviceError::Algorithm)?;
        let hash = PcrBank::from_hash(hash).ok_or(TpmDeviceError::Algorithm)?;
        let key = PublicKey::load(numbers.clone(), algorithm, backend).map_err(TpmDeviceError::Key)?;
        let ak = public.name(backend);
        Ok(Self { ak, key, hash, ek_sha256, manufacturer: None, not_after: UnixTime::MAX, is_revoked: false })
    }

    /// Says who made the TPM, as the endorsement certificate has it, such as `id:414D4400`.
    #[must_use]
    pub fn with_manufacturer(mut self, manufacturer: impl Into<String>) -> Self {
        self.manufacturer = Some(manufacturer.into());
        self
    }

    /// The last second to which its endorsement counts: nothing that it says counts for longer (ATT-24). Default: for ever.
    #[must_use]
    pub fn with_not_after(mut self, not_after: UnixTime) -> Self {
        self.not_after = not_after;
        self
    }

    /// Says that it is not believed any more.
    #[must_use]
    pub fn revoked(mut self) -> Self {
        self.is_revoked = true;
        self
    }

    /// The name of its attestation key, computed.
    #[must_use]
    pub fn ak(&self) -> &TpmName {
        &self.ak
    }

    /// Its attestation key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256 of the `SubjectPublicKeyInfo` of its endorsement key: which TPM it is.
    #[must_use]
    pub fn ek_sha256(&self) -> &[u8; 32] {
        &self.ek_sha256
    }

    /// Who made it, if it was said.
    #[must_use]
    pub fn manufacturer(&self) -> Option<&str> {
        self.manufacturer.as_deref()
    }

    /// The last second to which its endorsement counts.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Whether it is not believed any more.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.is_revoked
    }

    /// Whether its attestation key has made this `TPMT_SIGNATURE` over this `TPMS_ATTEST`.
    ///
    /// # Errors
    ///
    /// [`TpmSignatureError`].
    pub fn verify(&self, attest: &[u8], signature: &[u8]) -> Result<(), TpmSignatureError> {
        let signature = TpmSignature::parse(signature)
            .and_then(|signature| signature.to_jose(self.key.algorithm()))
            .map_err(TpmSignatureError::Read)?;
        self.key.verify(attest, &signature).map_err(|_| TpmSignatureError::BadSignature)
    }

    /// The hash function of the attestation key, by which it digests PCRs too.
    #[must_use]
    pub fn hash(&self) -> PcrBank {
        self.hash
    }
}

/// Shows its key, and not which machine it is in (ATT-123).
impl fmt::Debug for TpmDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpmDevice")
            .field("key", &self.key)
            .field("is_revoked", &self.is_revoked)
            .finish_non_exhaustive()
    }
}

/// Where enrolled TPMs are looked up (TPM-22): what comes with evidence names an attestation key, and is never one.
///
/// The look-up is made in the middle of an appraisal, so it has to come from memory: what is in a database is loaded beforehand.
pub trait TpmDevices: fmt::Debug + Send + Sync {
    /// The TPM with the attestation key of this name, if it was enrolled.
    ///
    /// # Errors
    ///
    /// [`TpmDevicesUnavailable`] when that cannot be told now.
    fn device(&self, ak: &TpmName) -> Result<Option<Arc<TpmDevice>>, TpmDevicesUnavailable>;
}

impl<T: TpmDevices + ?Sized> TpmDevices for Arc<T> {
    fn device(&self, ak: &TpmName) -> Result<Option<Arc<TpmDevice>>, TpmDevicesUnavailable> {
        (**self).device(ak)
    }
}

/// Enrolled TPMs, in memory. It can be changed while it is used; share it in an [`Arc`].
#[derive(Default)]
pub struct EnrolledDevices(RwLock<HashMap<TpmName, Arc<TpmDevice>>>);

impl EnrolledDevices {
    /// None yet: nothing is believed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a TPM, in place of what was known of its attestation key. One that is not believed any more is not believed again for being enrolled again:
    /// whoever has it can do that.
    pub fn enrol(&self, device: TpmDevice) {
        // What one call writes is one entry: there is nothing half-written behind a panic.
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let was_revoked = devices.get(&device.ak).is_some_and(|known| known.is_revoked);
        let device = if was_revoked { device.revoked() } else { device };
        devices.insert(device.ak.clone(), Arc::new(device));
    }

    /// Says that a TPM is not believed any more; whether it was known.
    pub fn revoke(&self, ak: &TpmName) -> bool {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(device) = devices.get_mut(ak) else { return false };
        *device = Arc::new(TpmDevice::clone(device).revoked());
        true
    }
}

impl TpmDevices for EnrolledDevices {
    fn device(&self, ak: &TpmName) -> Result<Option<Arc<TpmDevice>>, TpmDevicesUnavailable> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(ak).cloned())
    }
}

/// Shows none of them.
impl fmt::Debug for EnrolledDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("EnrolledDevices").field("count", &count).finish_non_exhaustive()
    }
}

/// Which TPMs are enrolled cannot be told now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the enrolled TPMs cannot be looked up")]
#[expect(clippy::exhaustive_structs, reason = "implementations of the trait make it")]
pub struct TpmDevicesUnavailable;

impl TpmDevicesUnavailable {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "unavailable"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-22"
    }
}

/// Why a key is no attestation key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmDeviceError {
    /// It has no scheme of its own, or one that is not accepted.
    #[error("the attestation key signs by no scheme that is accepted")]
    Algorithm,
    /// It can leave its TPM, was not made by it, or signs and decrypts other things than what the TPM says.
    #[error("the attributes of the attestation key are not those of one")]
    Attributes,
    /// Its numbers are those of no key.
    #[error("the attestation key is not acceptable")]
    Key(#[source] KeyError),
    /// Its public area cannot be read.
    #[error("the public area of the attestation key is not acceptable")]
    Public(#[source] TpmPublicError),
}

impl TpmDeviceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "tpm_ak_algorithm",
            Self::Attributes => "tpm_ak_attributes",
            Self::Key(error) => error.code(),
            Self::Public(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm => "TPM-22",
            Self::Attributes => "TPM-23",
            Self::Key(error) => error.rule(),
            Self::Public(error) => error.rule(),
        }
    }
}

/// Why a signature is not one of an attestation key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmSignatureError {
    /// It does not verify.
    #[error("the signature of the TPM does not verify")]
    BadSignature,
    /// It cannot be read, or is not of the algorithm of the key.
    #[error("the signature of the TPM is not acceptable")]
    Read(#[source] TpmReadError),
}

impl TpmSignatureError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadSignature => "bad_signature",
            Self::Read(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::BadSignature => "TPM-22",
            Self::Read(error) => error.rule(),
        }
    }
}
