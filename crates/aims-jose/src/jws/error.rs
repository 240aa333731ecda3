//! Why a token is not a JWS that verifies.

use aims_keys::Algorithm;

use crate::base64url::Base64Error;
use crate::json::JsonError;

/// Why a token was refused, one reason per check.
///
/// The message says what class of thing is wrong; [`code`](Self::code) is for logs, not for the sender.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// The header has no `alg`, or one that is not a string.
    #[error("the header has no algorithm")]
    AlgorithmMissing,
    /// The header names another algorithm than the key is bound to.
    #[error("the header's algorithm is not that of the key")]
    AlgorithmMismatch {
        /// The algorithm of the header.
        header: Algorithm,
        /// The algorithm of the key.
        key: Algorithm,
    },
    /// The algorithm is known and not on the verifier's list.
    #[error("the algorithm is not allowed here")]
    AlgorithmNotAllowed(Algorithm),
    /// A segment is not base64url in its one spelling.
    #[error("a segment is not strict base64url")]
    Base64(#[source] Base64Error),
    /// The header has `crit`: it demands an extension that is not understood, or is malformed.
    #[error("the header demands an extension that is not understood")]
    Critical,
    /// The token is not three segments with two dots between.
    #[error("the token is not a compact JWS")]
    Form,
    /// The header is not one JSON object, or one of its members is of the wrong type.
    #[error("the header is not well-formed")]
    Header(#[source] JsonError),
    /// The `kid` is empty, too long, has control characters, or is not a string.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The header has no `kid`, and the verifier needs one.
    #[error("the header has no key identifier")]
    KeyIdMissing,
    /// The payload is a nested token (`cty` is `JWT`).
    #[error("the payload is another token")]
    Nested,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The token is longer than the limit.
    #[error("the token is too long")]
    TooLong,
    /// The `typ` is missing, of the wrong type, or not the one of the profile.
    #[error("the token is of another type")]
    Type,
    /// The header has `b64`: the payload would be unencoded.
    #[error("the payload is said to be unencoded")]
    UnencodedPayload,
    /// `alg` is not the name of an asymmetric signature algorithm: `none`, a MAC, an encryption, or nothing known.
    #[error("the algorithm is not known")]
    UnknownAlgorithm,
    /// No key of the verifier has this `kid`; or there is no `kid` and not exactly one key.
    #[error("the key is not known")]
    UnknownKey,
}

impl JwsError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing => "algorithm_missing",
            Self::AlgorithmMismatch { .. } => "algorithm_mismatch",
            Self::AlgorithmNotAllowed(_) => "algorithm_not_allowed",
            Self::Base64(error) => error.code(),
            Self::Critical => "critical_header",
            Self::Form => "malformed_token",
            Self::Header(error) => error.code(),
            Self::KeyId => "malformed_key_id",
            Self::KeyIdMissing => "key_id_missing",
            Self::Nested => "nested_token",
            Self::Signature => "bad_signature",
            Self::TooLong => "token_too_long",
            Self::Type => "wrong_type",
            Self::UnencodedPayload => "unencoded_payload",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::UnknownKey => "unknown_key",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing => "JO-HDR-01",
            Self::AlgorithmMismatch { .. } => "JO-ALG-03",
            Self::AlgorithmNotAllowed(_) => "JO-ALG-02",
            Self::Base64(error) => error.rule(),
            Self::Critical | Self::UnencodedPayload => "JO-HDR-03",
            Self::Form | Self::TooLong => "JO-B64-01",
            Self::Header(error) => error.rule(),
            Self::KeyId => "JO-HDR-05",
            Self::KeyIdMissing | Self::UnknownKey => "JO-KEY-01",
            Self::Nested => "JO-HDR-06",
            Self::Signature => "JO-B64-03",
            Self::Type => "JO-HDR-02",
            Self::UnknownAlgorithm => "JO-ALG-01",
        }
    }
}

impl From<JsonError> for JwsError {
    fn from(error: JsonError) -> Self {
        Self::Header(error)
    }
}
