//! Why a TPM was not enrolled.

use aims_keys::KeyError;

use super::{EndorsementError, EnrolledTpmError};
use crate::tpm::{TpmCredentialError, TpmDeviceError, TpmPublicError};

/// Why a TPM was not enrolled, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolmentError {
    /// The public area of the attestation key cannot be read.
    #[error("the public area of the attestation key is not acceptable")]
    AttestationKey(#[source] TpmPublicError),
    /// No credential can be made for the endorsement key.
    #[error("no credential can be made for the endorsement key")]
    Credential(#[source] TpmCredentialError),
    /// The attestation key is none.
    #[error("the attestation key is not acceptable")]
    Device(#[source] TpmDeviceError),
    /// The endorsement certificate was refused.
    #[error("the endorsement certificate was refused")]
    Endorsement(#[source] EndorsementError),
    /// The public area of the endorsement key cannot be read.
    #[error("the public area of the endorsement key is not acceptable")]
    EndorsementKey(#[source] TpmPublicError),
    /// The endorsement key can leave its TPM, was not made by it, or is not one that only receives secrets.
    #[error("the attributes of the endorsement key are not those of one")]
    EndorsementKeyAttributes,
    /// The certificate is for another endorsement key.
    #[error("the certificate is for another endorsement key")]
    KeyMismatch,
    /// It took too long.
    #[error("the enrolment has lapsed")]
    Lapsed,
    /// There is no randomness for a secret.
    #[error("there is no secret to be had")]
    Random(#[source] KeyError),
    /// What was enrolled cannot be recorded.
    #[error("the enrolled TPM cannot be recorded")]
    Record(#[from] EnrolledTpmError),
    /// It is not the secret of the credential.
    #[error("the TPM did not give out the secret")]
    Secret,
}

impl EnrolmentError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AttestationKey(error) | Self::EndorsementKey(error) => error.code(),
            Self::Credential(error) => error.code(),
            Self::Device(error) => error.code(),
            Self::Endorsement(error) => error.code(),
            Self::EndorsementKeyAttributes => "tpm_ek_attributes",
            Self::KeyMismatch => "key_mismatch",
            Self::Lapsed => "expired",
            Self::Random(error) => error.code(),
            Self::Record(error) => error.code(),
            Self::Secret => "nonce_mismatch",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AttestationKey(error) | Self::EndorsementKey(error) => error.rule(),
            Self::Credential(error) => error.rule(),
            Self::Device(error) => error.rule(),
            Self::Endorsement(error) => error.rule(),
            Self::EndorsementKeyAttributes | Self::KeyMismatch | Self::Secret => "TPM-29",
            Self::Lapsed => "ATT-21",
            Self::Random(error) => error.rule(),
            Self::Record(error) => error.rule(),
        }
    }
}
