//! Crypto backends, as values.
//!
//! A backend is named where a key is loaded, and the key keeps it. There is no process-wide default to install, so two
//! crates in one program can use two backends, and enabling the feature `aws-lc` changes nothing but that
//! `aws_lc()` exists.

mod agreement;
#[cfg(feature = "aws-lc")]
mod aws_lc;
mod hash;
mod ring;

use core::fmt;

use zeroize::Zeroizing;

pub use self::agreement::{Agreement, EncryptError};
pub use self::hash::{HashAlgorithm, Hasher};

use crate::algorithm::Algorithm;
use crate::pkcs8::Parts;
use crate::private::RsaSize;
use crate::public::{BadSignature, KeyError, PublicNumbers};
use crate::signer::{SignError, SignInput, Signature};

/// *ring*: everything of [`Algorithm`] but ML-DSA; it loads RSA keys and can neither make them nor encrypt to them.
#[must_use]
pub const fn ring() -> Backend {
    Backend(Kind::Ring)
}

/// AWS-LC: everything *ring* has, RSA key generation and encryption, and with the feature `ml-dsa` ML-DSA-44 and ML-DSA-65.
#[cfg(feature = "aws-lc")]
#[must_use]
pub const fn aws_lc() -> Backend {
    Backend(Kind::AwsLc)
}

/// An implementation of the cryptographic primitives: [`ring()`] or, with its feature, `aws_lc()`.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Backend(Kind);

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Kind {
    #[cfg(feature = "aws-lc")]
    AwsLc,
    Ring,
}

impl Backend {
    /// `ring` or `aws-lc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => "aws-lc",
            Kind::Ring => "ring",
        }
    }

    /// Fills `bytes` from the operating system's cryptographic random number generator.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`] when the system has none to give.
    pub fn fill_random(self, bytes: &mut [u8]) -> Result<(), KeyError> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::fill_random(bytes),
            Kind::Ring => ring::fill_random(bytes),
        }
    }

    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn sha256(self, bytes: &[u8]) -> [u8; 32] {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::sha256(bytes),
            Kind::Ring => ring::sha256(bytes),
        }
    }

    /// SHA-384 of `bytes`.
    #[must_use]
    pub fn sha384(self, bytes: &[u8]) -> [u8; 48] {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::sha384(bytes),
            Kind::Ring => ring::sha384(bytes),
        }
    }

    /// SHA-512 of `bytes`.
    #[must_use]
    pub fn sha512(self, bytes: &[u8]) -> [u8; 64] {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::sha512(bytes),
            Kind::Ring => ring::sha512(bytes),
        }
    }

    /// Hashes what comes in pieces.
    #[must_use]
    pub fn hasher(self, algorithm: HashAlgorithm) -> Hasher {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => Hasher::aws_lc(aws_lc::hasher(algorithm)),
            Kind::Ring => Hasher::ring(ring::hasher(algorithm)),
        }
    }

    /// HMAC-SHA256 of `message` (RFC 2104). It says nothing about who made it but that they have the secret; compare in constant time.
    #[must_use]
    pub fn hmac_sha256(self, secret: &[u8], message: &[u8]) -> [u8; 32] {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::hmac_sha256(secret, message),
            Kind::Ring => ring::hmac_sha256(secret, message),
        }
    }

    /// HMAC of `message` by this hash, as long as its hashes are. What it is used for may be a secret, as in key derivation: it is overwritten when dropped.
    #[must_use]
    pub fn hmac(self, algorithm: HashAlgorithm, secret: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::hmac(algorithm, secret, message),
            Kind::Ring => ring::hmac(algorithm, secret, message),
        }
    }

    /// Makes a key that is used this once, and agrees with the owner of `peer`, a key on P-256 or P-384 (ECDH, SP 800-56A §5.7.1.2).
    ///
    /// # Errors
    ///
    /// [`KeyError::NotOnCurve`] for a peer that is not on its curve, [`KeyError::AlgorithmMismatch`] for keys of other kinds,
    /// [`KeyError::Random`] when the system has no randomness to give.
    pub fn agree(self, peer: &PublicNumbers) -> Result<Agreement, KeyError> {
        peer.check()?;
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::agree(peer),
            Kind::Ring => ring::agree(peer),
        }
    }

    /// Encrypts a short secret to an RSA key, with a label (RSAES-OAEP, RFC 8017 §7.1; MGF1 by the same hash). *ring* cannot: it takes `aws_lc()`.
    ///
    /// # Errors
    ///
    /// [`EncryptError`]: [`EncryptError::Key`] with [`KeyError::Unsupported`] on *ring*, and with [`KeyError::AlgorithmMismatch`] for a key that is not RSA.
    pub fn encrypt_oaep(
        self,
        key: &PublicNumbers,
        hash: HashAlgorithm,
        label: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, EncryptError> {
        key.check().map_err(EncryptError::Key)?;
        let PublicNumbers::Rsa { n, .. } = key else {
            return Err(EncryptError::Key(KeyError::AlgorithmMismatch));
        };
        // RFC 8017 §7.1.1, step 1b. The numbers were checked: a modulus has 256 bytes at least.
        if secret.len() > n.len() - 2 * hash.output_len() - 2 {
            return Err(EncryptError::TooLong);
        }
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::encrypt_oaep(key, hash, label, secret),
            Kind::Ring => {
                let _ = label;
                Err(EncryptError::Key(KeyError::Unsupported))
            }
        }
    }

    /// A fresh private key as PKCS#8.
    pub(crate) fn generate(self, algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::generate(algorithm),
            Kind::Ring => ring::generate(algorithm),
        }
    }

    /// A fresh RSA key as PKCS#8.
    pub(crate) fn generate_rsa(self, size: RsaSize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::generate_rsa(size),
            Kind::Ring => ring::generate_rsa(size),
        }
    }

    /// Loads a private key that fits the algorithm, and says what its public numbers are.
    pub(crate) fn load_private(
        self,
        parts: &Parts<'_>,
        algorithm: Algorithm,
    ) -> Result<(LoadedPrivate, PublicNumbers), KeyError> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::Private::load(parts, algorithm)
                .map(|(key, public)| (LoadedPrivate::AwsLc(key), public)),
            Kind::Ring => {
                let (key, public) = ring::Private::load(parts, algorithm)?;
                Ok((LoadedPrivate::Ring(Box::new(key)), public))
            }
        }
    }

    /// Prepares checked numbers for verification.
    pub(crate) fn load_public(
        self,
        numbers: &PublicNumbers,
        algorithm: Algorithm,
    ) -> Result<LoadedPublic, KeyError> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Kind::AwsLc => aws_lc::Public::load(numbers, algorithm).map(LoadedPublic::AwsLc),
            Kind::Ring => ring::Public::load(numbers, algorithm).map(LoadedPublic::Ring),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key in the form its backend verifies with.
pub(crate) enum LoadedPublic {
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc::Public),
    Ring(ring::Public),
}

impl LoadedPublic {
    pub(crate) fn verify(
        &self,
        numbers: &PublicNumbers,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(key) => key.verify(message, signature),
            Self::Ring(key) => key.verify(numbers, algorithm, message, signature),
        }
    }
}

/// A private key in the form its backend signs with.
pub(crate) enum LoadedPrivate {
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc::Private),
    /// Apart, for RSA keys of *ring* are large.
    Ring(Box<ring::Private>),
}

impl LoadedPrivate {
    pub(crate) fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        // Both backends hash by themselves and take no digests.
        let SignInput::Message(message) = input else {
            return Err(SignError::UnsupportedInput);
        };
        match self {
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(key) => key.sign(message),
            Self::Ring(key) => key.sign(message),
        }
    }
}

/// SEC 1 §2.3.3, uncompressed: 0x04, x, y.
fn uncompressed<const HALF: usize, const WHOLE: usize>(x: &[u8; HALF], y: &[u8; HALF]) -> [u8; WHOLE] {
    let mut point = [4; WHOLE];
    for (to, &from) in point.iter_mut().skip(1).zip(x.iter().chain(y)) {
        *to = from;
    }
    point
}
