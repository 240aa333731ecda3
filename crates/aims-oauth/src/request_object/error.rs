//! Why a request object was refused.

use aims_credential::ReplayError;
use aims_jose::{ClaimsError, JwsError};

use crate::{ErrorCode, FormError};

/// Why a request object does not count here, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestObjectError {
    /// It is for another server.
    #[error("the request object is for another server")]
    AudienceMismatch,
    /// `iss`, `client_id` inside and the client outside are not the same.
    #[error("the request object is of another client than the request")]
    ClientMismatch,
    /// It is bound to a key, which is not verified here.
    #[error("the request object is bound to a key, which is not verified here")]
    Confirmation,
    /// It is a security event, and no request object.
    #[error("the request object has events")]
    Events,
    /// It is past its `exp`.
    #[error("the request object has expired")]
    Expired,
    /// The parameters beside it are not those of such a request.
    #[error(transparent)]
    Form(#[from] FormError),
    /// It can be used for longer than anybody needs.
    #[error("the lifetime of the request object is too long")]
    LifetimeTooLong,
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims of the request object are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// It is not a compact JWS in strict form, or is too long.
    #[error("the request object is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// It is for several servers.
    #[error("the request object is for several audiences")]
    MultipleAudiences,
    /// There is a request inside it again.
    #[error("the request object holds another request")]
    Nested,
    /// It is before its `nbf`, or was made in the future.
    #[error("the request object is not valid yet")]
    NotYetValid,
    /// It was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// `request_uri` stands beside it.
    #[error("the request has both an object and the URI of one")]
    RequestUri,
    /// The signature does not verify.
    #[error("the signature of the request object does not verify")]
    Signature,
    /// It has a `sub`, as assertions have: it could be shown in the place of one.
    #[error("the request object is about somebody, which only assertions are")]
    Subject,
    /// The client has no key of this `kid`; or there is no `kid`, and not exactly one key.
    #[error("the key is not known")]
    UnknownKey,
    /// The algorithm is not one that the client registered, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The token is of another type.
    #[error("the token is not a request object")]
    WrongType,
}

impl RequestObjectError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::ClientMismatch => "other_client",
            Self::Confirmation => "bad_confirmation",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::Form(error) => error.code(),
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::MultipleAudiences => "multiple_audiences",
            Self::Nested => "nested_request",
            Self::NotYetValid => "not_yet_valid",
            Self::Replay(error) => error.code(),
            Self::RequestUri => "request_and_uri",
            Self::Signature => "bad_signature",
            Self::Subject => "subject_claim",
            Self::UnknownKey => "unknown_key",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AudienceMismatch
            | Self::ClientMismatch
            | Self::Nested
            | Self::Signature
            | Self::UnknownKey
            | Self::UnsupportedAlgorithm => "JAR-1",
            Self::Expired
            | Self::LifetimeTooLong
            | Self::MultipleAudiences
            | Self::NotYetValid
            | Self::Replay(_)
            | Self::Subject
            | Self::WrongType => "JAR-2",
            Self::RequestUri => "JAR-3",
            Self::Confirmation => "JO-KEY-10",
            Self::Events => "SSF-14",
            Self::Form(error) => error.rule(),
            Self::MalformedClaims(error) => match error {
                ClaimsError::Json(_) => error.rule(),
                ClaimsError::Missing("aud" | "client_id" | "iss") => "JAR-1",
                ClaimsError::Missing(_) => "JAR-2",
                _ => "JAR-3",
            },
            Self::MalformedToken(error) => error.rule(),
        }
    }

    /// What is said of it: to the user, at the authorization endpoint, for nobody is redirected by a request that may be anybody's (AUT-3).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Form(_) | Self::RequestUri => ErrorCode::InvalidRequest,
            Self::Replay(ReplayError::Full | ReplayError::Unavailable) => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidRequestObject,
        }
    }
}

impl From<JwsError> for RequestObjectError {
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

impl From<ClaimsError> for RequestObjectError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
