//! Why there is no credential for a key.

use aims_keys::SignError;
use aims_provision::{ChallengeError, CollectError, KeyProofError};

use crate::{ResponseError, WorkloadApiError};

/// Why there is no credential for a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyHolderError {
    /// The service could not be asked, or refused.
    #[error(transparent)]
    Api(#[from] WorkloadApiError),
    /// The challenge is none.
    #[error("the challenge is not usable")]
    Challenge(#[source] ChallengeError),
    /// There is no evidence to bring.
    #[error("there is no evidence: {0}")]
    Evidence(#[source] CollectError),
    /// No proof can be made.
    #[error("no proof could be made")]
    Proof(#[source] KeyProofError),
    /// The key did not sign, or there is none.
    #[error("the key did not sign")]
    Sign(#[source] SignError),
}

impl KeyHolderError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Api(error) => error.code(),
            Self::Challenge(error) => error.code(),
            Self::Evidence(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::Sign(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Api(error) => error.rule(),
            Self::Challenge(error) => error.rule(),
            Self::Evidence(error) => error.rule(),
            Self::Proof(error) => error.rule(),
            Self::Sign(error) => error.rule(),
        }
    }
}

impl From<ResponseError> for KeyHolderError {
    fn from(error: ResponseError) -> Self {
        Self::Api(error.into())
    }
}
