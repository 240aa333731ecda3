//! Why a proof was refused.

use aims_credential::ReplayError;
use aims_jose::{ClaimsError, JwsError};

/// Why a Workload Proof Token proves nothing about this request, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WptError {
    /// `ath` does not match the access token of the request, or one of the two is missing.
    #[cfg(feature = "legacy-wpt-01")]
    #[error("the proof does not match the request's access token")]
    AccessTokenBindingMismatch,
    /// The header's algorithm is not, as a string, that of the WIT's confirmation key.
    #[error("the algorithm is not that of the confirmation key")]
    AlgorithmMismatch,
    /// `aud` is not the target of this request.
    ///
    /// Both texts are for the operator of the recipient: short, quoted, and without queries. The sender is not told.
    #[error("the proof is for another audience: it names {named}, expected is {expected}")]
    AudienceMismatch {
        /// What the recipient is called for this request.
        expected: Box<str>,
        /// What the proof names.
        named: Box<str>,
    },
    /// A context token that this recipient relies on is not covered by `oth`.
    #[error("the proof does not cover a context token of the request")]
    ContextNotCovered,
    /// The WIT has expired since it was verified, and its key with it.
    #[error("the credential has expired")]
    CredentialExpired,
    /// The proof is past its `exp`.
    #[error("the proof has expired")]
    Expired,
    /// `exp` is further ahead than the verifier allows.
    #[error("the lifetime of the proof is too long")]
    LifetimeTooLong,
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// A field that carries the proof, or a token it must cover, stands twice or is not ASCII.
    #[error("a field is malformed or stands twice")]
    MalformedField,
    /// The credentials are not a compact JWS in strict form, or too long.
    #[error("the proof is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// There is no `Authorization` field, or its scheme is not `WPT`; under the profile `wpt-01`, no field with a proof.
    #[error("the request has no proof")]
    NoProof,
    /// The proof is before its `nbf`.
    #[error("the proof is not valid yet")]
    NotYetValid,
    /// `oth` does not match the context tokens of the request.
    #[error("the proof does not match the request's context tokens")]
    OtherBindingMismatch,
    /// The proof was used before, or the memory cannot tell.
    #[error("the proof cannot be accepted again")]
    Replay(#[source] ReplayError),
    /// The signature does not verify with the WIT's confirmation key.
    #[error("the signature does not verify")]
    Signature,
    /// `tth` does not match the transaction token of the request, or one of the two is missing.
    #[error("the proof does not match the request's transaction token")]
    TxnBindingMismatch,
    /// `wth` is not the hash of the WIT.
    #[error("the proof is for another credential")]
    WitBindingMismatch,
    /// The token is of another type.
    #[error("the token is not a proof")]
    WrongType,
}

impl WptError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            #[cfg(feature = "legacy-wpt-01")]
            Self::AccessTokenBindingMismatch => "access_token_binding_mismatch",
            Self::AlgorithmMismatch => "alg_mismatch",
            Self::AudienceMismatch { .. } => "audience_mismatch",
            Self::ContextNotCovered | Self::OtherBindingMismatch => "other_binding_mismatch",
            Self::CredentialExpired | Self::Expired => "expired",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MalformedClaims(_) | Self::MalformedField | Self::MalformedToken(_) => "malformed",
            Self::NoProof => "no_proof",
            Self::NotYetValid => "not_yet_valid",
            Self::Replay(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::TxnBindingMismatch => "txn_binding_mismatch",
            Self::WitBindingMismatch => "wit_binding_mismatch",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            // The digest has no number for a claim that the current draft removed; it is one more binding of WPT-13.
            #[cfg(feature = "legacy-wpt-01")]
            Self::AccessTokenBindingMismatch => "WPT-13",
            Self::AlgorithmMismatch => "WPT-3",
            Self::AudienceMismatch { .. } => "WPT-6",
            Self::ContextNotCovered => "WPT-13",
            Self::CredentialExpired => "WPT-20",
            Self::Expired => "WPT-8",
            Self::LifetimeTooLong => "WPT-9",
            Self::MalformedClaims(error) => match error {
                ClaimsError::Missing("aud") | ClaimsError::WrongType("aud") => "WPT-6",
                ClaimsError::Missing("exp")
                | ClaimsError::WrongType("exp")
                | ClaimsError::DateRange("exp") => "WPT-8",
                ClaimsError::Missing("wth") | ClaimsError::WrongType("wth") => "WPT-10",
                ClaimsError::Missing("jti") | ClaimsError::WrongType("jti") | ClaimsError::TokenId => {
                    "WPT-11"
                }
                ClaimsError::WrongType("tth") => "WPT-12",
                ClaimsError::WrongType("oth") | ClaimsError::Empty("oth") => "WPT-14",
                other => other.rule(),
            },
            Self::MalformedField | Self::NoProof => "WPT-1",
            Self::MalformedToken(error) => match error {
                JwsError::Base64(_) | JwsError::Form | JwsError::Header(_) | JwsError::TooLong => "WPT-2",
                other => other.rule(),
            },
            Self::NotYetValid => "JO-CLM-03",
            Self::OtherBindingMismatch => "WPT-14",
            Self::Replay(error) => error.rule(),
            Self::Signature => "WPT-4",
            Self::TxnBindingMismatch => "WPT-12",
            Self::WitBindingMismatch => "WPT-10",
            Self::WrongType => "WPT-5",
        }
    }
}

impl From<JwsError> for WptError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmMismatch { .. }
            | JwsError::AlgorithmNotAllowed(_)
            | JwsError::AlgorithmMissing
            | JwsError::UnknownAlgorithm => Self::AlgorithmMismatch,
            JwsError::Signature => Self::Signature,
            JwsError::Type => Self::WrongType,
            malformed => Self::MalformedToken(malformed),
        }
    }
}

impl From<ClaimsError> for WptError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
