//! Why an encrypted token was refused.

use super::KeyManagement;
use crate::base64url::Base64Error;
use crate::json::JsonError;
use crate::jwk::JwkError;
use crate::jws::JwsError;

/// Why a token was not decrypted, or not encrypted, one reason per check.
///
/// Every check but one looks at what the sender can see as well. What depends on the private key is
/// [`Decryption`](Self::Decryption), whatever it is (JO-JWE-09).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JweError {
    /// The header has no `alg`, or one that is not a string.
    #[error("the header has no algorithm")]
    AlgorithmMissing,
    /// The header names another algorithm than the key is bound to.
    #[error("the header's algorithm is not that of the key")]
    AlgorithmMismatch {
        /// The algorithm of the header.
        header: KeyManagement,
        /// The algorithm of the key.
        key: KeyManagement,
    },
    /// A segment is not base64url in its one spelling.
    #[error("a segment is not strict base64url")]
    Base64(#[source] Base64Error),
    /// The header has `zip`: the content would be compressed.
    #[error("the content is said to be compressed")]
    Compressed,
    /// What is or was to be encrypted is not a signed token.
    #[error("the content is not a signed token")]
    Content(#[source] JwsError),
    /// `enc` is missing, or not `A256GCM`.
    #[error("the content encryption is not A256GCM")]
    ContentEncryption,
    /// The header has `crit`: it demands an extension that is not understood, or is malformed.
    #[error("the header demands an extension that is not understood")]
    Critical,
    /// The token was not encrypted to this key, or is not as its sender made it.
    #[error("the token cannot be decrypted")]
    Decryption,
    /// The encrypted content key is not as long as this key makes it.
    #[error("the encrypted key has the wrong length")]
    EncryptedKeyLength,
    /// The library could not encrypt to this key.
    #[error("the token cannot be encrypted")]
    Encryption,
    /// `epk` is not a public key on the curve of the recipient's.
    #[error("the ephemeral key is refused")]
    EphemeralKey(#[source] JwkError),
    /// There is no `epk`.
    #[error("the header has no ephemeral key")]
    EphemeralKeyMissing,
    /// The token is not five segments with four dots between.
    #[error("the token is not a compact JWE")]
    Form,
    /// The header is not one JSON object.
    #[error("the header is not well-formed")]
    Header(#[source] JsonError),
    /// The initialization vector has not 12 bytes.
    #[error("the initialization vector has the wrong length")]
    InitializationVector,
    /// The `kid` is empty, too long, has control characters, or is not a string.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The header has no `kid`, and the decrypter needs one.
    #[error("the header has no key identifier")]
    KeyIdMissing,
    /// `cty` is not `JWT`: the content is not said to be a token.
    #[error("the content is not said to be a token")]
    NotNested,
    /// The header has a parameter of another algorithm, or `b64`.
    #[error("the header has a parameter of another algorithm")]
    Parameter,
    /// `apu` or `apv` is not strict base64url of at most 256 bytes.
    #[error("the information about a party is malformed")]
    PartyInfo,
    /// The system has no randomness to give.
    #[error("the system's random number generator failed")]
    Random,
    /// The authentication tag has not 16 bytes.
    #[error("the authentication tag has the wrong length")]
    Tag,
    /// The token is longer than the limit.
    #[error("the token is too long")]
    TooLong,
    /// `alg` is not a key management algorithm there is code for.
    #[error("the algorithm is not known")]
    UnknownAlgorithm,
    /// No key of the decrypter has this `kid`; or there is no `kid` and not exactly one key.
    #[error("the key is not known")]
    UnknownKey,
}

impl JweError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing => "algorithm_missing",
            Self::AlgorithmMismatch { .. } => "algorithm_mismatch",
            Self::Base64(error) => error.code(),
            Self::Compressed => "compressed",
            Self::Content(_) => "not_a_signed_token",
            Self::ContentEncryption => "content_encryption",
            Self::Critical => "critical_header",
            Self::Decryption => "decryption_failed",
            Self::EncryptedKeyLength => "encrypted_key_length",
            Self::Encryption => "encryption_failed",
            Self::EphemeralKey(error) => error.code(),
            Self::EphemeralKeyMissing => "ephemeral_key_missing",
            Self::Form => "malformed_token",
            Self::Header(error) => error.code(),
            Self::InitializationVector => "iv_length",
            Self::KeyId => "malformed_key_id",
            Self::KeyIdMissing => "key_id_missing",
            Self::NotNested => "not_nested",
            Self::Parameter => "foreign_parameter",
            Self::PartyInfo => "malformed_party_info",
            Self::Random => "no_randomness",
            Self::Tag => "tag_length",
            Self::TooLong => "token_too_long",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::UnknownKey => "unknown_key",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing | Self::ContentEncryption | Self::UnknownAlgorithm => "JO-JWE-03",
            Self::AlgorithmMismatch { .. } | Self::EncryptedKeyLength => "JO-JWE-04",
            Self::Base64(error) => error.rule(),
            Self::Compressed | Self::Critical | Self::Parameter => "JO-JWE-05",
            Self::Content(_) => "JO-JWE-11",
            Self::Decryption => "JO-JWE-09",
            // As the like of them in `aims_keys::KeyError`.
            Self::Encryption => "TPM-44",
            Self::Random => "JO-ALG-06",
            Self::EphemeralKey(_) | Self::EphemeralKeyMissing | Self::PartyInfo => "JO-JWE-07",
            Self::Form | Self::InitializationVector | Self::Tag | Self::TooLong => "JO-JWE-02",
            Self::Header(error) => error.rule(),
            Self::KeyId | Self::KeyIdMissing | Self::UnknownKey => "JO-JWE-08",
            Self::NotNested => "JO-JWE-06",
        }
    }
}

impl From<JsonError> for JweError {
    fn from(error: JsonError) -> Self {
        Self::Header(error)
    }
}
