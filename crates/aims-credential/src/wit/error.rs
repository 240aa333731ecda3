//! Why a WIT was refused, or not issued.

use aims_id::ParseIdError;
use aims_jose::{ClaimsError, JwkError, JwsError};
use aims_keys::{Algorithm, SignError};

use crate::Lapsed;

/// Why a token is not a Workload Identity Token to be trusted, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WitError {
    /// The token has `aud`, which the WIT-SVID profile forbids.
    #[error("the token has an audience, which its profile forbids")]
    AudienceForbidden,
    /// `cnf` is missing, or does not hold exactly one confirmation, a `jwk`.
    #[error("the token has no single confirmation key")]
    Confirmation,
    /// `cnf.jwk` is not a public key that may be used.
    #[error("the confirmation key is not acceptable")]
    ConfirmationKey(#[source] JwkError),
    /// The algorithm of `cnf.jwk` is not on the list of the trust domain, or not one of the profile.
    #[error("the algorithm of the confirmation key is not allowed")]
    ConfirmationAlgorithm(Algorithm),
    /// The token is past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// `iss` is missing, or not one of those allowed for the trust domain.
    #[error("the issuer is not allowed")]
    IssuerNotAllowed,
    /// The token has no `kid`, and its profile or the number of keys demands one.
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
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The subject is not a canonical workload identifier.
    #[error("the subject is not a workload identifier")]
    Subject(#[source] ParseIdError),
    /// The subject is a trust domain, not a workload: it has no path.
    #[error("the subject names a trust domain, not a workload")]
    SubjectWithoutPath,
    /// The subject is not of the scheme that the profile demands.
    #[error("the subject is not a SPIFFE ID")]
    SubjectScheme,
    /// No key of the trust domain has this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// Nothing is trusted for the origin of the subject.
    #[error("the trust domain is not known")]
    UnknownTrustDomain,
    /// The algorithm of the token is not on the list of the trust domain, not one of the profile, or not known.
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
            Self::Confirmation | Self::ConfirmationKey(_) | Self::ConfirmationAlgorithm(_) => {
                "bad_confirmation"
            }
            Self::Expired => "expired",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::KeyIdMissing => "key_id_missing",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Signature => "bad_signature",
            Self::Subject(_) | Self::SubjectWithoutPath | Self::SubjectScheme => "bad_subject",
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
            Self::AudienceForbidden => "WS-10",
            Self::ConfirmationKey(
                JwkError::AlgorithmMissing | JwkError::Curve | JwkError::KeyType | JwkError::UnknownAlgorithm,
            )
            | Self::ConfirmationAlgorithm(_) => "WIT-11",
            Self::Confirmation | Self::ConfirmationKey(_) => "WIT-10",
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
                ClaimsError::Missing("sub") | ClaimsError::WrongType("sub") | ClaimsError::Empty("sub") => {
                    "WIT-4"
                }
                other => other.rule(),
            },
            Self::MalformedToken(error) => match error {
                JwsError::Form | JwsError::TooLong => "WIT-1",
                JwsError::Base64(_) | JwsError::Header(_) => "WIT-2",
                other => other.rule(),
            },
            Self::NotYetValid => "WIT-9",
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
            JwsError::KeyIdMissing => Self::KeyIdMissing,
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

/// Why a WIT was not issued.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The algorithm of the workload's key is not one of the profile, or the issuer's own is not.
    #[error("the algorithm {0} is not one of the profile")]
    Algorithm(Algorithm),
    /// The claim is one that the issuer sets itself, stands there twice, or the claims are too long.
    #[error("the claims cannot be written")]
    Claims,
    /// The subject is in another trust domain, or of another scheme, than the issuer.
    #[error("the subject is not in the issuer's trust domain")]
    ForeignSubject,
    /// The key is the issuer's own.
    #[error("the workload's key is the issuer's own")]
    IssuersKey,
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The lifetime is zero, or longer than the issuer allows.
    #[error("the lifetime is not one that the issuer allows")]
    Lifetime,
    /// A renewal would change the identifier.
    #[error("a renewal keeps the identifier")]
    RenewedSubject,
    /// The issuer's key did not sign.
    #[error("the token could not be signed")]
    Sign(#[source] SignError),
    /// The signature that was attached is not the issuer's over this token.
    #[error("the signature does not verify")]
    Signature,
    /// The subject is a trust domain, not a workload: it has no path.
    #[error("the subject names a trust domain, not a workload")]
    SubjectWithoutPath,
}

impl IssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm(_) => "unsupported_alg",
            Self::Claims => "bad_claims",
            Self::ForeignSubject => "foreign_subject",
            Self::IssuersKey => "issuers_key",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::RenewedSubject => "renewed_subject",
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::SubjectWithoutPath => "bad_subject",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm(_) => "WS-6",
            Self::Claims => "JO-SIGN-03",
            Self::ForeignSubject => "WID-15",
            Self::IssuersKey => "CRD-9",
            Self::KeyId => "WS-1",
            Self::Lifetime => "AIMS-7",
            Self::RenewedSubject => "AIMS-4",
            Self::Sign(error) => error.rule(),
            Self::Signature => "JO-SIGN-02",
            Self::SubjectWithoutPath => "WIT-4",
        }
    }
}

impl From<SignError> for IssueError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}
