//! Why a key was refused.

use aims_keys::{Algorithm, KeyError};

use crate::base64url::Base64Error;
use crate::json::JsonError;

/// Why a JSON Web Key or a set of them was refused, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// `alg` is missing and the caller bound none, or it is not a string.
    #[error("the key is bound to no algorithm")]
    AlgorithmMissing,
    /// `alg` is not the algorithm that the caller bound.
    #[error("the key is for another algorithm")]
    AlgorithmMismatch,
    /// A number of the key is not strict base64url.
    #[error("a number of the key is not strict base64url")]
    Base64(#[source] Base64Error),
    /// `crv` is not a known curve, or not one of `kty` and `alg`.
    #[error("the curve is not one for the key type and algorithm")]
    Curve,
    /// Two keys of a set have the same `kid` and algorithm.
    #[error("two keys have the same identifier")]
    DuplicateKeyId,
    /// The text is not one JSON object, or a member is of the wrong type.
    #[error("the key is not well-formed")]
    Json(#[source] JsonError),
    /// `key_ops` does not allow what the key is for, or contradicts itself.
    #[error("the key's operations do not allow this use")]
    KeyOperations,
    /// `kid` is empty, longer than 256 bytes, has control characters, or is not a string.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The numbers do not make a key that may be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// `kty` is missing, not known, or not one for `alg`.
    #[error("the key type is not known, or not one for the algorithm")]
    KeyType,
    /// A number has not the length that keys of this algorithm have.
    #[error("a number of the key has the wrong length for {0}")]
    Length(Algorithm),
    /// A member that this type of key needs is missing or not a string.
    #[error("the member {0} of the key is missing or not a string")]
    Member(&'static str),
    /// An RSA key is of more than two primes.
    #[error("the key is of more than two primes")]
    MultiPrime,
    /// What should be a key is not a JSON object.
    #[error("the key is not a JSON object")]
    NotAnObject,
    /// A private member stands in what should be public: the key has leaked.
    #[error("a private key stands where a public one belongs")]
    Private,
    /// `keys` is missing, or not an array.
    #[error("the set has no array of keys")]
    Set,
    /// The key is symmetric, and can verify nothing that others made.
    #[error("the key is symmetric")]
    Symmetric,
    /// The set has more keys, or the text is longer, than the limit.
    #[error("the set is too large")]
    TooLarge,
    /// `alg` is not an algorithm these crates know.
    #[error("the algorithm is not known")]
    UnknownAlgorithm,
    /// `use` is not what the key is wanted for: `sig`, or `enc` for encryption.
    #[error("the key is for another use")]
    Use,
}

impl JwkError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing => "key_algorithm_missing",
            Self::AlgorithmMismatch => "key_algorithm_mismatch",
            Self::Base64(error) => error.code(),
            Self::Curve => "key_curve",
            Self::DuplicateKeyId => "duplicate_key_id",
            Self::Json(error) => error.code(),
            Self::KeyOperations => "key_operations",
            Self::KeyId => "malformed_key_id",
            Self::Key(error) => error.code(),
            Self::KeyType => "key_type",
            Self::Length(_) => "key_length",
            Self::Member(_) => "key_member",
            Self::MultiPrime => "key_multi_prime",
            Self::NotAnObject => "key_not_an_object",
            Self::Private => "private_key",
            Self::Set => "no_keys",
            Self::Symmetric => "symmetric_key",
            Self::TooLarge => "key_set_too_large",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::Use => "key_use",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing
            | Self::AlgorithmMismatch
            | Self::Curve
            | Self::KeyOperations
            | Self::KeyType
            | Self::Member(_)
            | Self::NotAnObject
            | Self::Set
            | Self::Use => "JO-KEY-02",
            Self::Base64(error) => error.rule(),
            Self::DuplicateKeyId => "JO-KEY-01",
            Self::Json(error) => error.rule(),
            Self::KeyId => "JO-HDR-05",
            Self::Key(error) => error.rule(),
            Self::Length(Algorithm::EdDsa | Algorithm::Ed25519) => "JO-KEY-05",
            Self::Length(Algorithm::MlDsa44 | Algorithm::MlDsa65) => "JO-KEY-06",
            Self::Length(Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256) | Self::MultiPrime => {
                "JO-KEY-04"
            }
            Self::Length(_) | Self::Private => "JO-KEY-03",
            Self::Symmetric => "JO-ALG-05",
            Self::TooLarge => "JO-JSON-03",
            Self::UnknownAlgorithm => "JO-ALG-01",
        }
    }
}

impl From<JsonError> for JwkError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}
