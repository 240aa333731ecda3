//! Why a proof was refused.

use aims_credential::x509::CertificateRequestError;
use aims_jose::json::JsonError;
use aims_jose::{ClaimsError, JwkError, JwsError};

use super::ChallengeError;

/// Why a proof does not show that its sender holds a key, one reason per check; or why the key that it shows may not be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProofError {
    /// Keys of this algorithm are not accepted here.
    #[error("the algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// The proof names another audience than the challenge was handed out for.
    #[error("the proof is for another audience")]
    AudienceMismatch,
    /// The proof does not bind its own key to the challenge.
    #[error("the proof does not bind the key to the challenge")]
    BindingMismatch,
    /// The challenge does not count.
    #[error("the challenge does not count")]
    Challenge(#[from] ChallengeError),
    /// The key was proven too long ago to be issued anything.
    #[error("the proof has expired")]
    Expired,
    /// The proof says that it was made in the future.
    #[error("the proof was made in the future")]
    IssuedInFuture,
    /// The key is refused.
    #[error("the key is not acceptable")]
    Key(#[from] JwkError),
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The token is not a compact JWS in strict form, or too long.
    #[error("the proof is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// The certificate request carries no challenge.
    #[error("the certificate request carries no challenge")]
    NoChallenge,
    /// The header carries no key.
    #[error("the header carries no key")]
    NoKey,
    /// The certificate request is refused, or asks for another name.
    #[error("the certificate request is refused")]
    Request(#[source] CertificateRequestError),
    /// The signature is not by the key that the proof is about.
    #[error("the signature does not verify")]
    Signature,
    /// The proof says that it was made before the challenge was handed out.
    #[error("the proof is older than the challenge")]
    TooOld,
    /// There is a claim that proofs do not have.
    #[error("there is a claim that proofs do not have")]
    UnexpectedClaim,
    /// The header has a member that those of proofs do not have.
    #[error("the header has a member that proofs do not have")]
    UnexpectedHeader,
    /// The token is of another type.
    #[error("the token is not a proof")]
    WrongType,
}

impl KeyProofError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::AudienceMismatch => "audience_mismatch",
            Self::BindingMismatch => "binding_mismatch",
            Self::Challenge(error) => error.code(),
            Self::Expired => "expired",
            Self::IssuedInFuture => "issued_in_future",
            Self::Key(error) => error.code(),
            Self::MalformedClaims(error) => error.code(),
            Self::MalformedToken(error) => error.code(),
            Self::NoChallenge => "no_challenge",
            Self::NoKey => "no_key",
            Self::Request(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::TooOld => "too_old",
            Self::UnexpectedClaim => "unexpected_claim",
            Self::UnexpectedHeader => "unexpected_header",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "JO-ALG-02",
            Self::AudienceMismatch | Self::BindingMismatch | Self::NoChallenge => "ATT-21",
            Self::Challenge(error) => error.rule(),
            Self::Expired | Self::IssuedInFuture | Self::TooOld => "ATT-24",
            Self::Key(error) => error.rule(),
            Self::MalformedClaims(error) => error.rule(),
            Self::MalformedToken(error) => error.rule(),
            Self::NoKey | Self::Signature | Self::UnexpectedClaim | Self::UnexpectedHeader => "ATT-22",
            Self::Request(error) => error.rule(),
            Self::WrongType => "JO-HDR-02",
        }
    }
}

impl From<CertificateRequestError> for KeyProofError {
    fn from(error: CertificateRequestError) -> Self {
        match error {
            CertificateRequestError::Signature => Self::Signature,
            refused => Self::Request(refused),
        }
    }
}

impl From<ClaimsError> for KeyProofError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::IssuedInFuture => Self::IssuedInFuture,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}

impl From<JsonError> for KeyProofError {
    fn from(error: JsonError) -> Self {
        Self::MalformedClaims(error.into())
    }
}

impl From<JwsError> for KeyProofError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmNotAllowed(_) => Self::AlgorithmNotAllowed,
            JwsError::Signature => Self::Signature,
            JwsError::Type => Self::WrongType,
            malformed => Self::MalformedToken(malformed),
        }
    }
}
