//! Public keys that were checked when they were loaded.

use core::fmt;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::backend::{Backend, LoadedPublic};
use crate::check;
use crate::spki::{ML_DSA_44_LEN, ML_DSA_65_LEN};

/// A public key, bound to one algorithm and to the backend that verifies with it.
///
/// It exists only if it passed every check of [`PublicKey::load`], so code that takes one never re-checks it. Cloning is
/// cheap.
#[derive(Clone)]
pub struct PublicKey(Arc<Loaded>);

struct Loaded {
    algorithm: Algorithm,
    backend: Backend,
    numbers: PublicNumbers,
    verifier: LoadedPublic,
}

/// The numbers of a public key, as they come out of a JWK or a certificate, before anything was checked.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PublicNumbers {
    /// An Ed25519 point, as RFC 8032 encodes it.
    Ed25519 {
        /// The encoded point.
        x: [u8; 32],
    },
    /// An ML-DSA key of either parameter set, as FIPS 204 encodes it (1312 or 1952 bytes).
    MlDsa {
        /// The encoded public key.
        public: Vec<u8>,
    },
    /// A point of P-256, big-endian.
    P256 {
        /// The x coordinate.
        x: [u8; 32],
        /// The y coordinate.
        y: [u8; 32],
    },
    /// A point of P-384, big-endian.
    P384 {
        /// The x coordinate.
        x: [u8; 48],
        /// The y coordinate.
        y: [u8; 48],
    },
    /// An RSA key; both numbers big-endian, without leading zero bytes.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The public exponent.
        e: Vec<u8>,
    },
}

impl PublicNumbers {
    /// The checks that [`PublicKey::load`] makes, for numbers that nothing is verified with here.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the check that failed.
    pub fn check(&self) -> Result<(), KeyError> {
        match self {
            Self::Ed25519 { x } => check::ed25519_point(x),
            Self::MlDsa { public } if matches!(public.len(), ML_DSA_44_LEN | ML_DSA_65_LEN) => Ok(()),
            Self::MlDsa { .. } => Err(KeyError::Length),
            Self::P256 { x, y } if check::p256_on_curve(x, y) => Ok(()),
            Self::P384 { x, y } if check::p384_on_curve(x, y) => Ok(()),
            Self::P256 { .. } | Self::P384 { .. } => Err(KeyError::NotOnCurve),
            Self::Rsa { n, e } => check::rsa_numbers(n, e),
        }
    }

    /// Whether keys of this kind verify signatures of the algorithm; ML-DSA keys of no parameter set are for `check` to refuse.
    fn fit(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ed25519 { .. } => matches!(algorithm, Algorithm::EdDsa | Algorithm::Ed25519),
            Self::MlDsa { .. } => matches!(algorithm, Algorithm::MlDsa44 | Algorithm::MlDsa65),
            Self::P256 { .. } => algorithm == Algorithm::Es256,
            Self::P384 { .. } => algorithm == Algorithm::Es384,
            Self::Rsa { .. } => matches!(algorithm, Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256),
        }
    }
}

impl PublicKey {
    /// Checks `numbers` and binds them to `algorithm` and `backend`.
    ///
    /// The checks are those of `docs/spec/jose.md` section 5, and made here rather than by the backend, which may defer
    /// or omit them: EC points on their curve, Ed25519 points canonical and not of small order, RSA moduli of 2048 to
    /// 8192 bits and exponents of at least 65537.
    ///
    /// Whether an Ed25519 encoding is that of a point at all is not checked: under one that is not, no signature
    /// verifies.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the check that failed.
    pub fn load(numbers: PublicNumbers, algorithm: Algorithm, backend: Backend) -> Result<Self, KeyError> {
        if !numbers.fit(algorithm) {
            return Err(KeyError::AlgorithmMismatch);
        }
        numbers.check()?;
        if let PublicNumbers::MlDsa { .. } = numbers
            && numbers.usual_algorithm() != algorithm
        {
            return Err(KeyError::Length);
        }
        let verifier = backend.load_public(&numbers, algorithm)?;
        Ok(Self(Arc::new(Loaded { algorithm, backend, numbers, verifier })))
    }

    /// The algorithm this key verifies, and the name under which it is bound to it.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The backend that verifies with this key.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.0.backend
    }

    /// The checked numbers.
    #[must_use]
    pub fn numbers(&self) -> &PublicNumbers {
        &self.0.numbers
    }

    /// Checks that `signature` was made over `message` by the owner of this key.
    ///
    /// ECDSA signatures are `r || s` of fixed length (RFC 7518 §3.4). Both `s` and `n - s` verify, so a signature is
    /// never a unique name for what it signs (JO-ALG-06).
    ///
    /// # Errors
    ///
    /// [`BadSignature`], whatever is wrong with it: a signer that made it learns nothing more.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if self.0.algorithm.signature_len().is_some_and(|len| len != signature.len()) {
            return Err(BadSignature);
        }
        self.0.verifier.verify(&self.0.numbers, self.0.algorithm, message, signature)
    }
}

/// Keys are equal when numbers and algorithm are; the name of the algorithm and the backend do not count.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.algorithm.is_same_algorithm(other.0.algorithm) && self.0.numbers == other.0.numbers
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("algorithm", &self.0.algorithm)
            .field("backend", &self.0.backend)
            .finish_non_exhaustive()
    }
}

/// Why a key was refused when it was loaded, or could not be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The algorithm is not one for this kind of key.
    #[error("the key is not one for the algorithm")]
    AlgorithmMismatch,
    /// The private key does not belong to the public key beside it.
    #[error("the private key does not belong to the public key")]
    Inconsistent,
    /// The key has the wrong length.
    #[error("the key has the wrong length")]
    Length,
    /// The key is not well-formed.
    #[error("the key is malformed")]
    Malformed,
    /// The Ed25519 point has a second spelling: its y is not below 2^255 - 19.
    #[error("the encoded point is not canonical")]
    NotCanonical,
    /// The point is not on the curve, or is the point at infinity.
    #[error("the point is not on the curve")]
    NotOnCurve,
    /// The text is not the PEM of one key of the kind that was asked for: private keys are PKCS#8, public ones `SubjectPublicKeyInfo`.
    #[error("the text is not one strict PEM block of the kind of key that was asked for")]
    Pem,
    /// The EC private key comes without its public key, and cannot be checked against it.
    #[error("the private key comes without its public key")]
    PublicMissing,
    /// The system has no randomness to give.
    #[error("the system's random number generator failed")]
    Random,
    /// The RSA exponent is even, below 65537, or 2^33 or more.
    #[error("the RSA exponent is not an odd number from 65537 to 2^33")]
    RsaExponent,
    /// The RSA modulus is even, has a leading zero byte, or is not of 2048 to 8192 bits.
    #[error("the RSA modulus is not an odd number of 2048 to 8192 bits")]
    RsaModulus,
    /// The Ed25519 point is one of the eight of small order, under which anybody can forge.
    #[error("the point is of small order")]
    SmallOrder,
    /// The backend cannot do this with keys of this algorithm; *ring*, for instance, cannot make RSA keys.
    #[error("the backend does not support this for the algorithm")]
    Unsupported,
}

impl KeyError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "key_algorithm_mismatch",
            Self::Inconsistent => "key_inconsistent",
            Self::Length => "key_length",
            Self::Malformed => "key_malformed",
            Self::NotCanonical => "key_not_canonical",
            Self::NotOnCurve => "key_not_on_curve",
            Self::Pem => "key_pem",
            Self::PublicMissing => "key_public_missing",
            Self::Random => "no_randomness",
            Self::RsaExponent => "rsa_exponent",
            Self::RsaModulus => "rsa_modulus",
            Self::SmallOrder => "key_small_order",
            Self::Unsupported => "key_unsupported",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "JO-KEY-02",
            Self::Inconsistent | Self::Malformed | Self::Pem | Self::PublicMissing => "JO-KEY-07",
            Self::Length => "JO-KEY-06",
            Self::NotCanonical | Self::SmallOrder => "JO-KEY-05",
            Self::NotOnCurve => "JO-KEY-03",
            Self::Random => "JO-ALG-06",
            Self::RsaExponent | Self::RsaModulus => "JO-KEY-04",
            Self::Unsupported => "TPM-44",
        }
    }
}

/// The signature was not made over this message by the owner of this key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature does not verify")]
#[non_exhaustive]
pub struct BadSignature;

impl BadSignature {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "bad_signature"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "JO-B64-03"
    }
}
