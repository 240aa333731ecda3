//! Private keys before they sign: made, imported, or taken out of a sealed store.

use core::fmt;

use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::check;
use crate::pem;
use crate::pkcs8::{self, Parts};
use crate::public::{KeyError, PublicKey, PublicNumbers};
use crate::software::SoftwareKey;

/// A private key as PKCS#8 bytes: what is imported, or sealed into a store, before it becomes a key that signs.
///
/// The bytes are overwritten when it is dropped. There is no way back from a [`SoftwareKey`] to this.
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Makes a fresh key; for RSA one of 2048 bits.
    ///
    /// # Errors
    ///
    /// As [`SoftwareKey::generate`].
    pub fn generate(algorithm: Algorithm, backend: Backend) -> Result<Self, KeyError> {
        backend.generate(algorithm).map(Self)
    }

    /// Makes a fresh RSA key of a given size, for PS256 or RS256.
    ///
    /// # Errors
    ///
    /// [`KeyError::Unsupported`] when the backend cannot make RSA keys, as *ring* cannot.
    pub fn generate_rsa(size: RsaSize, backend: Backend) -> Result<Self, KeyError> {
        backend.generate_rsa(size).map(Self)
    }

    /// Puts a key together from its numbers, as they stand in a private JWK.
    ///
    /// Whether the numbers belong together is checked when the key is [loaded](Self::load).
    ///
    /// # Errors
    ///
    /// [`KeyError::Length`] when the ML-DSA public key is of neither length; [`KeyError::Malformed`] when an RSA number is
    /// empty or begins with a zero byte; [`KeyError::RsaModulus`] when they are longer than those of any key accepted.
    pub fn from_numbers(numbers: PrivateNumbers) -> Result<Self, KeyError> {
        let key = pkcs8::write(&numbers).map(Self);
        drop(numbers);
        key
    }

    /// Takes PKCS#8 in DER (RFC 5208, RFC 5958); it is read when it is [loaded](Self::load).
    #[must_use]
    pub fn from_pkcs8(der: Zeroizing<Vec<u8>>) -> Self {
        Self(der)
    }

    /// Takes PKCS#8 in PEM: one block labelled `PRIVATE KEY` in the strict form of RFC 7468, with nothing around it.
    /// `openssl pkcs8 -topk8 -nocrypt` makes one of the other labels.
    ///
    /// RSA keys are of the kind `rsaEncryption`, whatever they are loaded for: those of the kind `RSASSA-PSS` are refused when
    /// they are loaded ([`KeyError::AlgorithmMismatch`]).
    ///
    /// # Errors
    ///
    /// [`KeyError::Pem`] for any other text, blocks labelled `EC PRIVATE KEY`, `RSA PRIVATE KEY` and `ENCRYPTED PRIVATE
    /// KEY` included. What is inside is read when the key is [loaded](Self::load).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        pem::read(&pem::PRIVATE_KEY, text).map(Self).ok_or(KeyError::Pem)
    }

    /// The PKCS#8 DER, to be sealed or written where only its owner can read it.
    #[must_use]
    pub fn expose_pkcs8(&self) -> &[u8] {
        &self.0
    }

    /// The same in PEM.
    #[must_use]
    pub fn expose_pem(&self) -> Zeroizing<String> {
        pem::write(&pem::PRIVATE_KEY, &self.0)
    }

    /// The numbers, to be written in a form other than PKCS#8, where only the key's owner can read it.
    ///
    /// Whether they belong together is checked when the key is [loaded](Self::load).
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the document is malformed; [`KeyError::Unsupported`] for RSA keys, and where the document lacks the public half.
    pub fn expose_numbers(&self) -> Result<PrivateNumbers, KeyError> {
        let parts = Parts::read(&self.0)?;
        let public = parts.public()?;
        match (parts, public) {
            (Parts::P256 { d, .. }, Some(PublicNumbers::P256 { x, y })) => {
                Ok(PrivateNumbers::P256 { d: Zeroizing::new(*d), x, y })
            }
            (Parts::P384 { d, .. }, Some(PublicNumbers::P384 { x, y })) => {
                Ok(PrivateNumbers::P384 { d: Zeroizing::new(*d), x, y })
            }
            (Parts::Ed25519 { seed, public: Some(x) }, _) => {
                Ok(PrivateNumbers::Ed25519 { seed: Zeroizing::new(*seed), x: *x })
            }
            (Parts::MlDsa { seed, public: Some(public), .. }, _) => {
                Ok(PrivateNumbers::MlDsa { seed: Zeroizing::new(*seed), public: public.to_vec() })
            }
            _ => Err(KeyError::Unsupported),
        }
    }

    /// Checks the key and makes it ready to sign.
    ///
    /// Accepted is PKCS#8 of version 1 and 2, EC keys with their public point, ML-DSA keys as seeds. Which documents are
    /// accepted does not depend on the backend, but *ring* loads RSA keys of at most 4096 bits.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it is malformed, is not one for `algorithm`, fails a check of [`PublicKey::load`], or holds
    /// numbers that do not belong together.
    pub fn load(&self, algorithm: Algorithm, backend: Backend) -> Result<SoftwareKey, KeyError> {
        let parts = Parts::read(&self.0)?;
        if !parts.fits(algorithm) {
            return Err(KeyError::AlgorithmMismatch);
        }
        // The public half first: no backend computes with numbers that were not checked.
        let stated = match parts.public()? {
            Some(numbers) => Some(PublicKey::load(numbers, algorithm, backend)?),
            None => None,
        };
        let (private, derived) = backend.load_private(&parts, algorithm)?;
        let public = match stated {
            Some(stated) if *stated.numbers() != derived => return Err(KeyError::Inconsistent),
            Some(stated) => stated,
            None => PublicKey::load(derived, algorithm, backend)?,
        };
        let key = SoftwareKey::new(private, public);
        // For the other algorithms the public half was computed anew from the private one.
        if matches!(parts, Parts::Rsa { .. }) {
            check::signs_for_its_public_key(&key)?;
        }
        Ok(key)
    }
}

/// Shows nothing of the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// The numbers of a private key with those of its public half, as they come out of a private JWK.
///
/// Integers are big-endian; coordinates and EC scalars have the full length of the field, RSA numbers no leading zero
/// bytes. Secret parts are overwritten when they are dropped.
#[non_exhaustive]
pub enum PrivateNumbers {
    /// An Ed25519 key (RFC 8032 §5.1.5).
    Ed25519 {
        /// The seed: `d` of a JWK (RFC 8037 §2).
        seed: Zeroizing<[u8; 32]>,
        /// The public point.
        x: [u8; 32],
    },
    /// An ML-DSA key; which parameter set it is for, the length of the public key says.
    MlDsa {
        /// The seed: `priv` of a JWK.
        seed: Zeroizing<[u8; 32]>,
        /// The encoded public key (1312 or 1952 bytes).
        public: Vec<u8>,
    },
    /// A key on P-256.
    P256 {
        /// The scalar.
        d: Zeroizing<[u8; 32]>,
        /// The x coordinate of the public point.
        x: [u8; 32],
        /// The y coordinate of the public point.
        y: [u8; 32],
    },
    /// A key on P-384.
    P384 {
        /// The scalar.
        d: Zeroizing<[u8; 48]>,
        /// The x coordinate of the public point.
        x: [u8; 48],
        /// The y coordinate of the public point.
        y: [u8; 48],
    },
    /// An RSA key with two primes (RFC 7518 §6.3).
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The public exponent.
        e: Vec<u8>,
        /// The private exponent.
        d: Zeroizing<Vec<u8>>,
        /// The first prime.
        p: Zeroizing<Vec<u8>>,
        /// The second prime.
        q: Zeroizing<Vec<u8>>,
        /// `d` modulo `p - 1`.
        dp: Zeroizing<Vec<u8>>,
        /// `d` modulo `q - 1`.
        dq: Zeroizing<Vec<u8>>,
        /// The inverse of `q` modulo `p`.
        qi: Zeroizing<Vec<u8>>,
    },
}

impl PrivateNumbers {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicNumbers {
        match self {
            Self::Ed25519 { x, .. } => PublicNumbers::Ed25519 { x: *x },
            Self::MlDsa { public, .. } => PublicNumbers::MlDsa { public: public.clone() },
            Self::P256 { x, y, .. } => PublicNumbers::P256 { x: *x, y: *y },
            Self::P384 { x, y, .. } => PublicNumbers::P384 { x: *x, y: *y },
            Self::Rsa { n, e, .. } => PublicNumbers::Rsa { n: n.clone(), e: e.clone() },
        }
    }
}

/// Shows the kind only.
impl fmt::Debug for PrivateNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 { .. } => "Ed25519(..)",
            Self::MlDsa { .. } => "MlDsa(..)",
            Self::P256 { .. } => "P256(..)",
            Self::P384 { .. } => "P384(..)",
            Self::Rsa { .. } => "Rsa(..)",
        })
    }
}

/// The size of a fresh RSA key.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RsaSize {
    /// A modulus of 2048 bits.
    #[default]
    Bits2048,
    /// A modulus of 3072 bits.
    Bits3072,
    /// A modulus of 4096 bits.
    Bits4096,
}
