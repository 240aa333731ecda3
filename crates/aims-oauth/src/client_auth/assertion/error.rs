//! Why an assertion was refused.

use aims_credential::ReplayError;
use aims_jose::{ClaimsError, JwsError};

use crate::ErrorCode;

/// Why a client assertion does not count here, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientAssertionError {
    /// The assertion is for another server.
    #[error("the assertion is for another server")]
    AudienceMismatch,
    /// The parameter `client_id` is not `sub`.
    #[error("the assertion is about another client than the parameter")]
    ClientIdMismatch,
    /// The assertion is bound to a key, which is not verified here.
    #[error("the assertion is bound to a key, which is not verified here")]
    Confirmation,
    /// It is a security event, and no assertion.
    #[error("the assertion has events")]
    Events,
    /// The assertion is past its `exp`.
    #[error("the assertion has expired")]
    Expired,
    /// `iss` is not `sub`.
    #[error("the assertion is not by the client that it is about")]
    IssuerMismatch,
    /// It can be used for longer than anybody needs.
    #[error("the lifetime of the assertion is too long")]
    LifetimeTooLong,
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims of the assertion are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The assertion is not a compact JWS in strict form, or is too long.
    #[error("the assertion is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// The assertion is for several servers, each of which could show it to the others.
    #[error("the assertion is for several audiences")]
    MultipleAudiences,
    /// The assertion is before its `nbf`, or was made in the future.
    #[error("the assertion is not valid yet")]
    NotYetValid,
    /// It was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// The signature does not verify.
    #[error("the signature of the assertion does not verify")]
    Signature,
    /// The client has no key of this `kid`; or there is no `kid`, and not exactly one key.
    #[error("the key is not known")]
    UnknownKey,
    /// The algorithm is not one that the client registered, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The token is of another type.
    #[error("the token is not a client assertion")]
    WrongType,
}

impl ClientAssertionError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::ClientIdMismatch => "client_id_mismatch",
            Self::Confirmation => "bad_confirmation",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::MultipleAudiences => "multiple_audiences",
            Self::NotYetValid => "not_yet_valid",
            Self::Replay(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::UnknownKey => "unknown_key",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::ClientIdMismatch => "CJA-1",
            Self::Expired
            | Self::IssuerMismatch
            | Self::LifetimeTooLong
            | Self::NotYetValid
            | Self::Replay(_) => "CJA-2",
            Self::AudienceMismatch | Self::MultipleAudiences => "CJA-3",
            Self::WrongType => "CJA-4",
            Self::Signature | Self::UnknownKey | Self::UnsupportedAlgorithm => "CJA-5",
            Self::Confirmation => "JO-KEY-10",
            Self::Events => "SSF-14",
            Self::MalformedClaims(error) => match error {
                ClaimsError::Json(_) => error.rule(),
                ClaimsError::TokenId => "WIR-9",
                ClaimsError::WrongType("aud") | ClaimsError::Missing("aud") => "CJA-3",
                _ => "CJA-2",
            },
            Self::MalformedToken(error) => match error {
                JwsError::TooLong => "WIR-9",
                other => other.rule(),
            },
        }
    }

    /// What the client is told: `invalid_client`, whatever the reason, so that nobody learns which clients there are (CJA-6).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Replay(ReplayError::Full | ReplayError::Unavailable) => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidClient,
        }
    }
}

impl From<JwsError> for ClientAssertionError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmMismatch { .. } | JwsError::Signature => Self::Signature,
            JwsError::AlgorithmNotAllowed(_) | JwsError::AlgorithmMissing | JwsError::UnknownAlgorithm => {
                Self::UnsupportedAlgorithm
            }
            JwsError::Type => Self::WrongType,
            JwsError::KeyIdMissing | JwsError::UnknownKey => Self::UnknownKey,
            malformed => Self::MalformedToken(malformed),
        }
    }
}

impl From<ClaimsError> for ClientAssertionError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
