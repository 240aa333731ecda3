//! Why a proof was refused.

use aims_credential::ReplayError;
use aims_jose::{ClaimsError, JwkError, JwsError};

use super::DpopTargetError;
use crate::ErrorCode;

/// Why a request has no `DPoP` proof that counts, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DpopError {
    /// The algorithm is not on the list, or not known.
    #[error("the algorithm of the proof is not supported")]
    Algorithm,
    /// The key in the proof is refused.
    #[error("the key of the proof is refused")]
    Key(#[source] JwkError),
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims of the proof are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The proof is not a compact JWS in strict form, or is too long.
    #[error("the proof is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// The proof is for another method.
    #[error("the proof is for another method")]
    MethodMismatch,
    /// There is no proof.
    #[error("there is no proof")]
    Missing,
    /// The header has no key.
    #[error("the proof has no key")]
    NoKey,
    /// The proof has no nonce of this server, or an old one.
    #[error("the proof needs a nonce of this server")]
    NonceWanted,
    /// It was made in the future.
    #[error("the proof was made in the future")]
    NotYetValid,
    /// It is by another key than the token is bound to.
    #[error("the proof is by another key than the token is bound to")]
    OtherKey,
    /// It was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// There are several.
    #[error("there are several proofs")]
    Several,
    /// The signature does not verify.
    #[error("the signature of the proof does not verify")]
    Signature,
    /// `htu` is no URI.
    #[error("the proof names no URI")]
    Target(#[source] DpopTargetError),
    /// The proof is for another URI.
    #[error("the proof is for another URI")]
    TargetMismatch,
    /// The proof is for another token, or for none.
    #[error("the proof is for another token")]
    TokenMismatch,
    /// It was made too long ago.
    #[error("the proof is too old")]
    TooOld,
    /// It is of another type.
    #[error("the token is not a proof")]
    WrongType,
}

impl DpopError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "unsupported_alg",
            Self::Key(error) => error.code(),
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::MethodMismatch => "method_mismatch",
            Self::Missing => "no_proof",
            Self::NoKey => "no_key",
            Self::NonceWanted => "nonce_wanted",
            Self::NotYetValid => "not_yet_valid",
            Self::OtherKey => "other_key",
            Self::Replay(error) => error.code(),
            Self::Several => "several_proofs",
            Self::Signature => "bad_signature",
            Self::Target(error) => error.code(),
            Self::TargetMismatch => "target_mismatch",
            Self::TokenMismatch => "token_mismatch",
            Self::TooOld => "too_old",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Missing => "DPO-9",
            Self::Several => "DPO-1",
            Self::MalformedToken(error) => match error {
                JwsError::Form | JwsError::TooLong => "DPO-1",
                other => other.rule(),
            },
            Self::MalformedClaims(error) => match error {
                ClaimsError::Json(_) => error.rule(),
                ClaimsError::TokenId => "WIR-9",
                _ => "DPO-2",
            },
            Self::Algorithm | Self::NoKey | Self::WrongType => "DPO-2",
            Self::Key(error) => match error {
                JwkError::Private | JwkError::Symmetric => "DPO-2",
                other => other.rule(),
            },
            Self::Signature => "DPO-3",
            Self::MethodMismatch | Self::TargetMismatch => "DPO-4",
            Self::Target(error) => error.rule(),
            Self::NonceWanted | Self::NotYetValid | Self::TooOld => "DPO-5",
            Self::OtherKey | Self::TokenMismatch => "DPO-6",
            Self::Replay(_) => "DPO-7",
        }
    }

    /// What the client is told: which nonce to use, or that the proof is wrong, whatever the reason (DPO-8, DPO-9).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NonceWanted => ErrorCode::UseDpopNonce,
            Self::Replay(ReplayError::Full | ReplayError::Unavailable) => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidDpopProof,
        }
    }
}

impl From<JwsError> for DpopError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmMismatch { .. } | JwsError::Signature => Self::Signature,
            JwsError::AlgorithmNotAllowed(_) | JwsError::AlgorithmMissing | JwsError::UnknownAlgorithm => {
                Self::Algorithm
            }
            JwsError::Type => Self::WrongType,
            malformed => Self::MalformedToken(malformed),
        }
    }
}

impl From<ClaimsError> for DpopError {
    fn from(error: ClaimsError) -> Self {
        Self::MalformedClaims(error)
    }
}
