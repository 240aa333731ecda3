//! Why a JWT-SVID was refused.

use aims_id::ParseIdError;
use aims_jose::{ClaimsError, JwsError};

use crate::Lapsed;

/// Why a token is not a JWT-SVID to be trusted, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtSvidError {
    /// The token is for others.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// The token does not say whom it is for.
    #[error("the token has no audience")]
    AudienceMissing,
    /// The token has `cnf`: it is for the holder of a key, and no bearer token.
    #[error("the token is bound to a key, which is not verified here")]
    Confirmation,
    /// The token has `events`: it is a security event.
    #[error("the token has events")]
    Events,
    /// The token is past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// The token has a claim that makes it an ID Token or a grant.
    #[error("the claim {0} is none of a JWT-SVID")]
    ForeignClaim(&'static str),
    /// The header has members other than `alg`, `kid` and `typ`.
    #[error("the header has a member that is not allowed")]
    HeaderMember,
    /// The token has no `kid`, and its trust domain not exactly one key for JWT-SVIDs.
    #[error("the token names no key")]
    KeyIdMissing,
    /// The token was cut off, though its time has not passed.
    #[error("the token was cut off")]
    Lapsed(#[source] Lapsed),
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The token is not a compact JWS in strict form, or is too long.
    #[error("the token is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// The token is for several audiences, and the verifier demands one.
    #[error("the token is for more than one audience")]
    MultipleAudiences,
    /// The value of the field is not `Bearer` and a token.
    #[error("the field holds no bearer token")]
    NotBearer,
    /// The token is before its `nbf`, or was issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is `sub`: it is an assertion, by which a client of an authorization server says who it is.
    #[error("the token is by the workload that it is about")]
    SelfIssued,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The subject is not a SPIFFE ID.
    #[error("the subject is not a SPIFFE ID")]
    Subject(#[source] ParseIdError),
    /// The subject is a trust domain, not a workload: it has no path.
    #[error("the subject names a trust domain, not a workload")]
    SubjectWithoutPath,
    /// No key for JWT-SVIDs of the trust domain has this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// Nothing is trusted for the trust domain of the subject.
    #[error("the trust domain is not known")]
    UnknownTrustDomain,
    /// The algorithm is not on the verifier's list, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The token is of another type.
    #[error("the token is not a JWT-SVID")]
    WrongType,
}

impl JwtSvidError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::AudienceMissing => "audience_missing",
            Self::Confirmation => "bad_confirmation",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::ForeignClaim(_) => "foreign_claim",
            Self::HeaderMember => "header_member",
            Self::KeyIdMissing => "key_id_missing",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::MultipleAudiences => "multiple_audiences",
            Self::NotBearer => "not_bearer",
            Self::NotYetValid => "not_yet_valid",
            Self::SelfIssued => "self_issued",
            Self::Signature => "bad_signature",
            Self::Subject(_) | Self::SubjectWithoutPath => "bad_subject",
            Self::UnknownKey => "unknown_key",
            Self::UnknownTrustDomain => "unknown_trust_domain",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AudienceMismatch | Self::AudienceMissing | Self::MultipleAudiences => "JS-7",
            Self::Confirmation => "JO-KEY-10",
            Self::Events => "SSF-14",
            Self::Expired => "JS-8",
            Self::ForeignClaim(_) | Self::SelfIssued => "JS-13",
            Self::HeaderMember => "JS-2",
            Self::KeyIdMissing => "JS-4",
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::MalformedClaims(error) => match error {
                ClaimsError::Missing("exp")
                | ClaimsError::WrongType("exp")
                | ClaimsError::DateRange("exp") => "JS-8",
                ClaimsError::WrongType("nbf" | "iat" | "iss" | "jti")
                | ClaimsError::DateRange("nbf" | "iat")
                | ClaimsError::TokenId => "JS-9",
                ClaimsError::WrongType("aud") => "JS-7",
                ClaimsError::Empty("sub") | ClaimsError::Missing("sub") | ClaimsError::WrongType("sub") => {
                    "JS-6"
                }
                // A JWS may be empty, a JWT not.
                ClaimsError::NoPayload => "JS-1",
                other => other.rule(),
            },
            Self::MalformedToken(error) => match error {
                JwsError::Form => "JS-1",
                other => other.rule(),
            },
            Self::NotBearer => "JS-10",
            Self::NotYetValid => "JS-9",
            Self::Subject(_) | Self::SubjectWithoutPath => "JS-6",
            Self::Signature | Self::UnknownKey | Self::UnknownTrustDomain => "JS-11",
            Self::UnsupportedAlgorithm => "JS-3",
            Self::WrongType => "JS-5",
        }
    }
}

impl From<JwsError> for JwtSvidError {
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

impl From<ClaimsError> for JwtSvidError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
