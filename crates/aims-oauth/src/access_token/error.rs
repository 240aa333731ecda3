//! Why an access token was refused.

use aims_credential::Lapsed;
use aims_jose::{ClaimsError, JwsError};

use crate::{
    DetailsError, ErrorCode, IntrospectError, IssuerKeysError, LineageError, ScopeError, SecretError,
};

/// Why a text is no access token that counts here, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// `act` or `may_act` is not an object that names somebody.
    #[error("an actor of the token is malformed")]
    Actor,
    /// More have acted than anybody follows.
    #[error("the token has too many actors")]
    ActorsTooDeep,
    /// The token is for another resource server.
    #[error("the token is for another resource")]
    AudienceMismatch,
    /// The token is bound to a key in a way that is not verified here.
    #[error("the token is bound in a way that is not verified here")]
    Confirmation,
    /// `authorization_details` are malformed.
    #[error(transparent)]
    Details(DetailsError),
    /// `events`: it is a security event, and no token.
    #[error("the token has events")]
    Events,
    /// The token is past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// Its issuer says that it does not count (INT-1): it has expired, was revoked, is for another, or never was.
    #[error("the issuer says that the token does not count")]
    Inactive,
    /// Its issuer does not say now what it is worth: it may be good.
    #[error(transparent)]
    Introspection(#[from] IntrospectError),
    /// Nobody knows the keys of its issuer now: it may be good.
    #[error(transparent)]
    IssuerKeys(#[from] IssuerKeysError),
    /// The token is of nobody who is trusted.
    #[error("the token is from another issuer")]
    IssuerMismatch,
    /// The token was cut off, though its time has not passed.
    #[error("the token was cut off")]
    Lapsed(#[source] Lapsed),
    /// What it comes from is malformed.
    #[error(transparent)]
    Lineage(LineageError),
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The text is not a compact JWS in strict form, or is too long.
    #[error("the token is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// The token is before its `nbf`, or was issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `scope` is malformed.
    #[error(transparent)]
    Scope(ScopeError),
    /// `scope` is not a text.
    #[error("the scope is not a text")]
    ScopeType,
    /// The text is no token at all.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// What its issuer said of it was too long ago: ask again (INT-4).
    #[error("what the issuer said of the token is too old")]
    Stale,
    /// No key of the issuer has this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// The algorithm is not on the list for this issuer, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The token is of another type.
    #[error("the token is not an access token")]
    WrongType,
}

impl AccessTokenError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Actor => "bad_actor",
            Self::ActorsTooDeep => "too_many_actors",
            Self::AudienceMismatch => "audience_mismatch",
            Self::Confirmation => "bad_confirmation",
            Self::Details(error) => error.code(),
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::Inactive => "inactive",
            Self::Introspection(error) => error.code(),
            Self::IssuerKeys(error) => error.code(),
            Self::IssuerMismatch => "issuer_mismatch",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::Lineage(error) => error.code(),
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Scope(error) => error.code(),
            Self::ScopeType => "scope_type",
            Self::Secret(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::Stale => "stale",
            Self::UnknownKey => "unknown_key",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Actor => "EXC-4",
            Self::ActorsTooDeep => "WIR-9",
            Self::AudienceMismatch
            | Self::Expired
            | Self::IssuerMismatch
            | Self::NotYetValid
            | Self::Signature => "ACT-4",
            Self::Confirmation => "JO-KEY-10",
            Self::Details(error) => error.rule(),
            Self::Events => "SSF-14",
            Self::Introspection(error) => error.rule(),
            Self::IssuerKeys(error) => error.rule(),
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::Lineage(error) => error.rule(),
            Self::MalformedClaims(error) => match error {
                ClaimsError::Missing(_)
                | ClaimsError::WrongType(_)
                | ClaimsError::DateRange(_)
                | ClaimsError::Empty(_)
                | ClaimsError::NoPayload => "ACT-4",
                ClaimsError::Json(_) => error.rule(),
                other => other.rule(),
            },
            Self::MalformedToken(error) => error.rule(),
            Self::Scope(error) => error.rule(),
            Self::ScopeType => "WIR-7",
            Self::Secret(error) => error.rule(),
            Self::Inactive => "INT-1",
            Self::Stale => "INT-4",
            Self::UnknownKey => "ACT-6",
            Self::UnsupportedAlgorithm | Self::WrongType => "ACT-1",
        }
    }

    /// What the client is told: `invalid_token`, whatever the reason (ACT-4); or that it may try again, where the token is not at fault.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Introspection(_) | Self::IssuerKeys(_) | Self::Lapsed(Lapsed::MarksUnavailable) => {
                ErrorCode::TemporarilyUnavailable
            }
            _ => ErrorCode::InvalidToken,
        }
    }
}

impl From<JwsError> for AccessTokenError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmMismatch { .. } | JwsError::Signature => Self::Signature,
            JwsError::AlgorithmNotAllowed(_) | JwsError::AlgorithmMissing | JwsError::UnknownAlgorithm => {
                Self::UnsupportedAlgorithm
            }
            JwsError::Type => Self::WrongType,
            JwsError::UnknownKey => Self::UnknownKey,
            malformed => Self::MalformedToken(malformed),
        }
    }
}

impl From<ClaimsError> for AccessTokenError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
