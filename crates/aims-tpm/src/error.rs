//! Why a TPM did not do what it was asked.

use core::time::Duration;

use aims_keys::SignError;

/// Why a TPM did not do what it was asked (TPM-44). Nothing here holds an authorization value, a handle, a blob or a response of
/// the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// The authorization value is wrong.
    #[error("the authorization of the key or hierarchy failed")]
    AuthFailed,
    /// An authorization value is needed and none was given.
    #[error("the key requires an authorization value")]
    AuthRequired,
    /// The TPM or its library failed; nothing more is known that would not tell too much.
    #[error("the TPM failed")]
    Backend,
    /// The wrapped object is damaged, cut short, of another kind, or not of a version known here.
    #[error("the wrapped object is damaged, or not one of this kind")]
    BlobCorrupt,
    /// The wrapped object belongs to another TPM, or this one was cleared since.
    #[error("the wrapped object belongs to another TPM")]
    BlobOfOtherTpm,
    /// The queue is full, or the TPM has something else to do.
    #[error("the TPM is busy")]
    Busy {
        /// When to try again, if the device says so.
        retry_after: Option<Duration>,
    },
    /// The credential was not made for this attestation key and this endorsement key.
    #[error("the credential was not made for this attestation key in this TPM")]
    CredentialRefused,
    /// The connection to the TPM broke, and no other could be made.
    #[error("the TPM is gone")]
    DeviceGone,
    /// The data to be sealed, hashed or signed has a length that the TPM does not take.
    #[error("the data has a length that the TPM does not take")]
    Length,
    /// Too many failed authorizations: the TPM refuses all that count.
    #[error("the TPM is locked out")]
    LockedOut,
    /// The device may not be opened by this process.
    #[error("no permission to open the TPM")]
    NoPermission,
    /// There is no TPM, or nothing that answers as one.
    #[error("there is no TPM at this address")]
    NoTpm,
    /// The nonce has not 32 bytes.
    #[error("the nonce has not 32 bytes")]
    Nonce,
    /// The PCR bank is not active in this TPM, or has no such register.
    #[error("the TPM does not keep these PCRs")]
    PcrAbsent,
    /// No PCR at all is selected, or one that does not exist.
    #[error("the selection of PCRs is empty, or has one above 23")]
    PcrSelection,
    /// PCR 16 and 23 can be reset by any software, and so prove nothing.
    #[error("PCR 16 and 23 can be reset, and guard nothing")]
    PcrResettable,
    /// A policy of the TPM refuses: PCRs have changed, for instance.
    #[error("a policy of the TPM refuses")]
    Policy,
    /// Another TPM answers than at first, or its owner has cleared it: nothing that is for the first one is given to it.
    #[error("another TPM answers than at first, or it was cleared")]
    Replaced,
    /// An attestation key signs what the TPM itself made or hashed, and nothing that pretends to be so.
    #[error("the restricted key refuses what the TPM did not make")]
    Restricted,
    /// The TPM has no room for a key or session: others fill it, without a resource manager.
    #[error("the slots of the TPM are full")]
    SlotsFull,
    /// The library that reaches TPMs of this kind is not installed.
    #[error("the library for this kind of address is not installed")]
    TctiMissing,
    /// No answer came in time. The TPM may still do what it was asked.
    #[error("the TPM did not answer in time")]
    Timeout,
    /// The TPM has not got this algorithm, key or command.
    #[error("the TPM does not support this")]
    Unsupported,
    /// The authorization value is empty, longer than 32 bytes, or ends in a zero byte, which TPMs drop.
    #[error("the authorization value is not one of 1 to 32 bytes that ends in another than zero")]
    WeakAuth,
    /// The key is not one for this use.
    #[error("the key is not for this use")]
    WrongUse,
}

impl TpmError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AuthFailed => "auth_failed",
            Self::AuthRequired => "auth_required",
            Self::Backend => "tpm_backend",
            Self::BlobCorrupt => "tpm_blob_corrupt",
            Self::BlobOfOtherTpm => "tpm_blob_of_other_tpm",
            Self::Busy { .. } => "tpm_busy",
            Self::CredentialRefused => "tpm_credential_refused",
            Self::DeviceGone => "device_gone",
            Self::Length => "tpm_data_length",
            Self::LockedOut => "locked_out",
            Self::NoPermission => "tpm_no_permission",
            Self::NoTpm => "no_tpm",
            Self::Nonce => "tpm_nonce",
            Self::PcrAbsent => "tpm_pcr_absent",
            Self::PcrSelection => "tpm_pcr_selection",
            Self::PcrResettable => "tpm_pcr_resettable",
            Self::Policy => "device_policy",
            Self::Replaced => "tpm_replaced",
            Self::Restricted => "tpm_key_restricted",
            Self::SlotsFull => "tpm_slots_full",
            Self::TctiMissing => "tcti_missing",
            Self::Timeout => "tpm_timeout",
            Self::Unsupported => "unsupported_algorithm",
            Self::WeakAuth => "tpm_weak_auth",
            Self::WrongUse => "wrong_use",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AuthFailed | Self::LockedOut => "TPM-15",
            Self::Length => "TPM-12",
            Self::Nonce => "TPM-18",
            Self::Restricted => "TPM-13",
            Self::SlotsFull => "TPM-8",
            Self::Timeout => "TPM-17",
            _ => "TPM-44",
        }
    }
}

/// What a caller that only knows signers can act on; the rest is [`SignError::Backend`].
impl From<TpmError> for SignError {
    fn from(error: TpmError) -> Self {
        match error {
            TpmError::AuthFailed => Self::AuthFailed,
            TpmError::AuthRequired => Self::AuthRequired,
            TpmError::Busy { retry_after } => Self::Busy { retry_after },
            // As `aims_keys::Blocking` says it: the device goes on, and nobody waits any more.
            TpmError::SlotsFull | TpmError::Timeout => Self::Busy { retry_after: None },
            TpmError::BlobOfOtherTpm | TpmError::Replaced => Self::NotFound,
            TpmError::DeviceGone | TpmError::NoTpm => Self::DeviceGone,
            TpmError::Length => Self::UnsupportedInput,
            TpmError::LockedOut => Self::LockedOut,
            TpmError::PcrAbsent | TpmError::PcrResettable | TpmError::Policy => Self::Policy,
            TpmError::Unsupported => Self::UnsupportedAlgorithm,
            TpmError::Restricted | TpmError::WrongUse => Self::WrongUse,
            _ => Self::Backend,
        }
    }
}
