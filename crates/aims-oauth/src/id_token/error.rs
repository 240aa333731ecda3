//! Why an ID Token was refused.

use aims_credential::Lapsed;
use aims_jose::{ClaimsError, JwsError};

use crate::{ErrorCode, IssuerKeysError};

/// Why a text is no ID Token that counts here, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenError {
    /// It came with another access token.
    #[error("the token is of another access token")]
    AccessTokenHash,
    /// The user was not authenticated in a way that was asked for.
    #[error("the user was not authenticated as was asked for")]
    Acr,
    /// It is for another client.
    #[error("the token is for another client")]
    AudienceMismatch,
    /// The user was authenticated longer ago than was asked for.
    #[error("the user was authenticated too long ago")]
    AuthenticationTooOld,
    /// `azp` is another client, or is missing beside several audiences.
    #[error("the token was issued to another client")]
    AuthorizedParty,
    /// It came for another code.
    #[error("the token is of another code")]
    CodeHash,
    /// It is bound to a key, which is not verified here.
    #[error("the token is bound to a key, which is not verified here")]
    Confirmation,
    /// `events`: it is a security event or a logout token.
    #[error("the token has events")]
    Events,
    /// It is past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// A claim that makes it a token of another kind.
    #[error("the claim {0} is none of an ID Token")]
    ForeignClaim(&'static str),
    /// Its algorithm names no hash.
    #[error("the algorithm of the token names no hash")]
    HashUnknown,
    /// Nobody knows the keys of its issuer now: it may be good.
    #[error(transparent)]
    IssuerKeys(#[from] IssuerKeysError),
    /// It is of another issuer than was asked.
    #[error("the token is from another issuer")]
    IssuerMismatch,
    /// The user or the client was cut off.
    #[error("the token was cut off")]
    Lapsed(#[source] Lapsed),
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims of the token are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The text is not a compact JWS in strict form, or is too long.
    #[error("the token is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// `nonce` is not that of the request.
    #[error("the token answers another request: its nonce is another")]
    NonceMismatch,
    /// It is before its `nbf`, or something was done in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is for others, too, which nobody said are trusted.
    #[error("the token is for other audiences, too")]
    OtherAudience,
    /// The user was authenticated at another time than the first token says.
    #[error("the token is of another authentication")]
    OtherAuthentication,
    /// It answers another request that a user was asked about.
    #[error("the token answers another authentication request")]
    OtherRequest,
    /// It is about another user than the first token.
    #[error("the token is about another user")]
    OtherUser,
    /// It came with another refresh token.
    #[error("the token is of another refresh token")]
    RefreshTokenHash,
    /// `iss` is `sub`: whoever wrote it speaks of itself.
    #[error("the token is about its own issuer")]
    SelfIssued,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// `sub` is longer than 255 bytes, or not ASCII.
    #[error("the subject is not one that users have")]
    Subject,
    /// No key of the issuer has this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// The algorithm is not on the list for this issuer, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `sub` is a workload, and no user.
    #[error("the subject is a workload")]
    Workload,
    /// It is of another type.
    #[error("the token is not an ID Token")]
    WrongType,
}

impl IdTokenError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AccessTokenHash => "at_hash_mismatch",
            Self::Acr => "acr_mismatch",
            Self::AudienceMismatch => "audience_mismatch",
            Self::AuthenticationTooOld => "authentication_too_old",
            Self::AuthorizedParty => "azp_mismatch",
            Self::CodeHash => "c_hash_mismatch",
            Self::Confirmation => "bad_confirmation",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::ForeignClaim(_) => "foreign_claim",
            Self::HashUnknown => "hash_unknown",
            Self::RefreshTokenHash => "rt_hash_mismatch",
            Self::IssuerKeys(error) => error.code(),
            Self::IssuerMismatch => "issuer_mismatch",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::NonceMismatch => "nonce_mismatch",
            Self::NotYetValid => "not_yet_valid",
            Self::OtherAudience => "other_audience",
            Self::OtherAuthentication => "other_authentication",
            Self::OtherRequest => "other_request",
            Self::OtherUser => "other_user",
            Self::SelfIssued => "self_issued",
            Self::Signature => "bad_signature",
            Self::Subject => "bad_subject",
            Self::UnknownKey => "unknown_key",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::Workload => "workload_subject",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Acr | Self::AuthenticationTooOld => "CHA-4",
            Self::IssuerMismatch | Self::Signature | Self::UnknownKey | Self::UnsupportedAlgorithm => "IDT-1",
            Self::AudienceMismatch | Self::AuthorizedParty | Self::OtherAudience => "IDT-2",
            Self::Expired | Self::NotYetValid | Self::Subject => "IDT-3",
            Self::NonceMismatch | Self::OtherAuthentication | Self::OtherUser => "IDT-4",
            Self::AccessTokenHash | Self::CodeHash | Self::HashUnknown => "IDT-5",
            Self::ForeignClaim(_) | Self::SelfIssued | Self::Workload | Self::WrongType => "IDT-6",
            Self::Confirmation => "JO-KEY-10",
            Self::Events => "SSF-14",
            Self::IssuerKeys(error) => error.rule(),
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::MalformedClaims(error) => match error {
                ClaimsError::Missing("nonce") => "IDT-4",
                ClaimsError::Missing("at_hash" | "c_hash") => "IDT-5",
                ClaimsError::Missing("auth_time") => "CHA-4",
                ClaimsError::Missing(super::AUTH_REQ_ID) => "HIL-12",
                ClaimsError::Json(_) => error.rule(),
                _ => "IDT-3",
            },
            Self::MalformedToken(error) => error.rule(),
            Self::OtherRequest | Self::RefreshTokenHash => "HIL-12",
        }
    }

    /// What a client is told that shows it to a server, as a subject token or a hint (JAG-2, HIL-15).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Acr
            | Self::AuthenticationTooOld
            | Self::MalformedClaims(ClaimsError::Missing("auth_time")) => {
                ErrorCode::InsufficientUserAuthentication
            }
            Self::AudienceMismatch | Self::AuthorizedParty | Self::OtherAudience => ErrorCode::InvalidGrant,
            Self::IssuerKeys(_) => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidRequest,
        }
    }
}

impl From<JwsError> for IdTokenError {
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

impl From<ClaimsError> for IdTokenError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
