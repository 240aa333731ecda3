//! Why a text is not an enrolled TPM.

use crate::tpm::{TpmDeviceError, TpmPublicError};

/// Why a text is not a TPM that was enrolled.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolledTpmError {
    /// The public area of the attestation key cannot be read.
    #[error("the public area of the attestation key is not acceptable")]
    AttestationKey(#[source] TpmPublicError),
    /// The attestation key is none.
    #[error("the attestation key is not acceptable")]
    Device(#[from] TpmDeviceError),
    /// It is not the JSON object that it has to be, to the member.
    #[error("the enrolled TPM is malformed")]
    Malformed,
    /// It is longer than 8 KiB.
    #[error("the enrolled TPM is too large")]
    TooLarge,
    /// It is of another version of the format.
    #[error("the enrolled TPM is of a version that is not read")]
    UnsupportedVersion,
}

impl EnrolledTpmError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AttestationKey(error) => error.code(),
            Self::Device(error) => error.code(),
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AttestationKey(error) => error.rule(),
            Self::Device(error) => error.rule(),
            Self::Malformed | Self::UnsupportedVersion => "TPM-29",
            Self::TooLarge => "ATT-5",
        }
    }
}
