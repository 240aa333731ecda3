//! Why a text is not an enrolment that waits.

use aims_keys::KeyError;

use crate::tpm::{TpmDeviceError, TpmPublicError};

/// Why a text is not an enrolment that waits for its secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PendingEnrolmentError {
    /// The public area of the attestation key cannot be read.
    #[error("the public area of the attestation key is not acceptable")]
    AttestationKey(#[source] TpmPublicError),
    /// The attestation key is none.
    #[error("the attestation key is not acceptable")]
    Device(#[from] TpmDeviceError),
    /// The endorsement key is none.
    #[error("the endorsement key is not acceptable")]
    EndorsementKey(#[source] KeyError),
    /// It is not the JSON object that it has to be, to the member.
    #[error("the pending enrolment is malformed")]
    Malformed,
    /// It is longer than 8 KiB.
    #[error("the pending enrolment is too large")]
    TooLarge,
    /// It is of another version of the format.
    #[error("the pending enrolment is of a version that is not read")]
    UnsupportedVersion,
}

impl PendingEnrolmentError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AttestationKey(error) => error.code(),
            Self::Device(error) => error.code(),
            Self::EndorsementKey(error) => error.code(),
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
            Self::EndorsementKey(error) => error.rule(),
            Self::Malformed | Self::UnsupportedVersion => "TPM-29",
            Self::TooLarge => "ATT-5",
        }
    }
}
