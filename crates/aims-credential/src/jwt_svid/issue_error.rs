//! Why a JWT-SVID was not issued.

use aims_jose::ClaimsError;
use aims_keys::{Algorithm, SignError};

/// Why a JWT-SVID was not issued, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtSvidIssueError {
    /// The algorithm of the issuer's key is not one that JWT-SVIDs are signed with.
    #[error("the algorithm {0} of the issuer's key is not one of JWT-SVIDs")]
    Algorithm(Algorithm),
    /// An audience, the issuer or a date is one that no verifier reads.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// The subject is in another trust domain than the issuer.
    #[error("the subject is not in the issuer's trust domain")]
    ForeignSubject,
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The lifetime is zero, or longer than the issuer allows.
    #[error("the lifetime is not one that the issuer allows")]
    Lifetime,
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
}

impl JwtSvidIssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm(_) => "unsupported_alg",
            Self::Claims(_) => "bad_claims",
            Self::ForeignSubject => "foreign_subject",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::SubjectWithoutPath => "bad_subject",
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm(_) => "JS-3",
            Self::Claims(ClaimsError::Empty("aud")) => "JS-7",
            Self::Claims(error) => error.rule(),
            Self::ForeignSubject => "JS-11",
            Self::KeyId => "JS-4",
            Self::Lifetime => "AIMS-7",
            Self::Sign(error) => error.rule(),
            Self::Signature => "JO-SIGN-02",
            Self::SubjectWithoutPath => "JS-6",
            Self::TooLong => "JO-B64-01",
        }
    }
}

impl From<ClaimsError> for JwtSvidIssueError {
    fn from(error: ClaimsError) -> Self {
        Self::Claims(error)
    }
}

impl From<SignError> for JwtSvidIssueError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}
