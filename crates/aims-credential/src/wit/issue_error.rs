//! Why a WIT was not issued.

use aims_jose::ClaimsError;
use aims_jose::json::JsonError;
use aims_keys::{Algorithm, SignError};

/// Why a WIT was not issued, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The algorithm of the workload's key is not on the issuer's list.
    #[error("the algorithm {0} of the workload's key is not allowed")]
    Algorithm(Algorithm),
    /// A claim of the request has the name of one that the issuer sets, or of another claim, or is more than verifiers read.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// The credential that was to be renewed has expired.
    #[error("the credential to be renewed has expired")]
    Expired,
    /// The subject is in another trust domain, or of another scheme, than the issuer.
    #[error("the subject is not in the issuer's trust domain")]
    ForeignSubject,
    /// The algorithm of the issuer's own key is not one of the profile.
    #[error("the algorithm {0} of the issuer's key is not one of the profile")]
    IssuerAlgorithm(Algorithm),
    /// The key is the issuer's own.
    #[error("the workload's key is the issuer's own")]
    IssuersKey,
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The lifetime is zero, or longer than the issuer allows.
    #[error("the lifetime is not one that the issuer allows")]
    Lifetime,
    /// The algorithm of the workload's key is not one of the profile.
    #[error("the algorithm {0} of the workload's key is not one of the profile")]
    ProfileAlgorithm(Algorithm),
    /// The issuer's identifiers are not of the scheme that the profile demands.
    #[error("the issuer's identifiers are not SPIFFE IDs")]
    ProfileScheme,
    /// The issuer's key did not sign.
    #[error("the token could not be signed")]
    Sign(#[source] SignError),
    /// The signature that was attached is not the issuer's over this token.
    #[error("the signature does not verify")]
    Signature,
    /// The subject is a trust domain, not a workload: it has no path.
    #[error("the subject names a trust domain, not a workload")]
    SubjectWithoutPath,
    /// The token would be longer than verifiers take.
    #[error("the token would be too long")]
    TooLong,
    /// The algorithm of the issuer's own key is not on its list, which says what its tokens and their holders use.
    #[error("the algorithm of the issuer's key is not on its list")]
    UnlistedIssuerAlgorithm(Algorithm),
}

impl IssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm(_)
            | Self::IssuerAlgorithm(_)
            | Self::ProfileAlgorithm(_)
            | Self::UnlistedIssuerAlgorithm(_) => "unsupported_alg",
            Self::Claims(_) => "bad_claims",
            Self::Expired => "expired",
            Self::ForeignSubject => "foreign_subject",
            Self::IssuersKey => "issuers_key",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::ProfileScheme | Self::SubjectWithoutPath => "bad_subject",
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm(_) => "WIT-11",
            Self::Claims(ClaimsError::Json(JsonError::DuplicateName)) => "JO-SIGN-03",
            Self::Claims(error) => error.rule(),
            Self::Expired => "AIMS-8",
            Self::ForeignSubject => "WID-15",
            Self::IssuerAlgorithm(_) => "WS-3",
            Self::UnlistedIssuerAlgorithm(_) => "WIT-3",
            Self::IssuersKey => "CRD-9",
            Self::KeyId => "WS-1",
            Self::Lifetime => "AIMS-7",
            Self::ProfileAlgorithm(_) => "WS-6",
            Self::ProfileScheme => "WS-5",
            Self::Sign(error) => error.rule(),
            Self::Signature => "JO-SIGN-02",
            Self::SubjectWithoutPath => "WIT-4",
            Self::TooLong => "WIT-1",
        }
    }
}

impl From<ClaimsError> for IssueError {
    fn from(error: ClaimsError) -> Self {
        Self::Claims(error)
    }
}

impl From<JsonError> for IssueError {
    fn from(error: JsonError) -> Self {
        Self::Claims(error.into())
    }
}

impl From<SignError> for IssueError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}
