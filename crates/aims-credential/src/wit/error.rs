//! Why a WIT was refused, or not issued.

use aims_id::ParseIdError;
use aims_jose::base64url::Base64Error;
use aims_jose::{ClaimsError, JwkError, JwsError};
use aims_keys::Algorithm;

use crate::Lapsed;

/// Why a token is not a Workload Identity Token to be trusted, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WitError {
    /// The token has `aud`, which the WIT-SVID profile forbids.
    #[error("the token has an audience, which its profile forbids")]
    AudienceForbidden,
    /// `cnf` is missing, or is not an object with a `jwk`.
    #[error("the token has no confirmation key")]
    Confirmation,
    /// The algorithm of `cnf.jwk` is not on the list of the trust domain.
    #[error("the algorithm of the confirmation key is not allowed")]
    ConfirmationAlgorithm(Algorithm),
    /// `cnf.jwk` is not a public key that may be used.
    #[error("the confirmation key is not acceptable")]
    ConfirmationKey(#[source] JwkError),
    /// The token has `events`: it is a security event.
    #[error("the token has events")]
    Events,
    /// The token is past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// `iss` is missing, or not one of those allowed for the trust domain.
    #[error("the issuer is not allowed")]
    IssuerNotAllowed,
    /// The token has no `kid`, and its trust domain not exactly one key.
    #[error("the token names no key")]
    KeyIdMissing,
    /// The token was cut off, though its time has not passed.
    #[error("the token was cut off")]
    Lapsed(#[source] Lapsed),
    /// The token is valid for longer than the verifier allows.
    #[error("the lifetime of the token is too long")]
    LifetimeTooLong,
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The token is not a compact JWS in strict form, or is too long.
    #[error("the token is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// The token is before its `nbf`, or was issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `cnf` names no holder, or one in two ways, or in a way that is not verified here.
    #[error("the token has not one confirmation, by a key")]
    OtherConfirmation,
    /// The algorithm of the token is not one of the profile.
    #[error("the algorithm is not one of the profile")]
    ProfileAlgorithm(Algorithm),
    /// The algorithm of `cnf.jwk` is not one of the profile.
    #[error("the algorithm of the confirmation key is not one of the profile")]
    ProfileConfirmationAlgorithm(Algorithm),
    /// The token has no `kid`, which its profile demands.
    #[error("the token names no key, as its profile demands")]
    ProfileKeyId,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The subject is not a canonical workload identifier.
    #[error("the subject is not a workload identifier")]
    Subject(#[source] ParseIdError),
    /// The subject is not of the scheme that the profile demands.
    #[error("the subject is not a SPIFFE ID")]
    SubjectScheme,
    /// The subject is a trust domain, not a workload: it has no path.
    #[error("the subject names a trust domain, not a workload")]
    SubjectWithoutPath,
    /// No key of the trust domain has this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// Nothing is trusted for the origin of the subject.
    #[error("the trust domain is not known")]
    UnknownTrustDomain,
    /// The algorithm of the token is not on the list of the trust domain, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The token is of another type.
    #[error("the token is not a WIT")]
    WrongType,
}

impl WitError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AudienceForbidden => "audience_forbidden",
            Self::Confirmation
            | Self::ConfirmationAlgorithm(_)
            | Self::ConfirmationKey(_)
            | Self::ProfileConfirmationAlgorithm(_)
            | Self::OtherConfirmation => "bad_confirmation",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::KeyIdMissing | Self::ProfileKeyId => "key_id_missing",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Signature => "bad_signature",
            Self::Subject(_) | Self::SubjectScheme | Self::SubjectWithoutPath => "bad_subject",
            Self::UnknownKey => "unknown_key",
            Self::UnknownTrustDomain => "unknown_trust_domain",
            Self::ProfileAlgorithm(_) | Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AudienceForbidden => "WS-10",
            Self::ConfirmationKey(
                JwkError::AlgorithmMissing | JwkError::Curve | JwkError::KeyType | JwkError::UnknownAlgorithm,
            )
            | Self::ConfirmationAlgorithm(_) => "WIT-11",
            Self::Confirmation | Self::ConfirmationKey(_) => "WIT-10",
            Self::Events => "SSF-14",
            Self::Expired => "WIT-8",
            Self::IssuerNotAllowed => "WIT-12",
            Self::KeyIdMissing | Self::UnknownKey => "WIT-6",
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::LifetimeTooLong => "WIT-13",
            Self::MalformedClaims(error) => match error {
                ClaimsError::Missing("exp")
                | ClaimsError::WrongType("exp")
                | ClaimsError::DateRange("exp") => "WIT-8",
                ClaimsError::WrongType("nbf" | "iat") | ClaimsError::DateRange("nbf" | "iat") => "WIT-9",
                ClaimsError::WrongType("iss") => "WIT-12",
                ClaimsError::Missing("sub") | ClaimsError::WrongType("sub") => "WIT-4",
                // The grammar asks for a payload, too.
                ClaimsError::NoPayload => "WIT-1",
                other => other.rule(),
            },
            Self::MalformedToken(error) => match error {
                JwsError::Base64(Base64Error::Character) | JwsError::Form | JwsError::TooLong => "WIT-1",
                JwsError::Base64(_) | JwsError::Header(_) => "WIT-2",
                other => other.rule(),
            },
            Self::NotYetValid => "WIT-9",
            Self::ProfileAlgorithm(_) => "WS-3",
            Self::ProfileConfirmationAlgorithm(_) => "WS-6",
            Self::ProfileKeyId => "WS-1",
            Self::OtherConfirmation => "JO-KEY-10",
            Self::Signature => "WIT-7",
            Self::Subject(_) | Self::SubjectWithoutPath => "WIT-4",
            Self::SubjectScheme => "WS-5",
            Self::UnknownTrustDomain => "WIT-5",
            Self::UnsupportedAlgorithm => "WIT-3",
            Self::WrongType => "WIT-2",
        }
    }
}

impl From<JwsError> for WitError {
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

impl From<ClaimsError> for WitError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
