//! A key that decrypts.

use core::fmt;

use aims_keys::{Algorithm, KeyError, PrivateKey, SoftwareKey, backend};

use super::key::{ENCRYPTION, algorithm, alike, operations};
use super::primitives::Opener;
use super::{EncryptionKey, KeyManagement};
use crate::json::{self, Limits};
use crate::jwk::JwkError;
use crate::jwk::members::Members;

/// A private key that decrypts by one algorithm, and the identifier it goes by.
///
/// It cannot be cloned and shows nothing of itself. What is read on the way to it is overwritten; the text it was read from
/// is up to the caller. Nothing but a [`Decrypter`](super::Decrypter) decrypts with it.
///
/// ```
/// use aims_jose::jwe::{DecryptionKey, KeyManagement};
/// use aims_keys::{Algorithm, PrivateKey, backend};
///
/// // Any key on P-256 or P-384, fresh or from PKCS#8; it should be used for nothing else.
/// let key = PrivateKey::generate(Algorithm::Es384, backend::ring())?;
/// let key = DecryptionKey::load(&key, KeyManagement::EcdhEsA256Kw)?.with_key_id("enc-1")?;
/// let published = key.encryption_key().to_json();
/// # assert!(published.contains("P-384"));
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
pub struct DecryptionKey {
    public: EncryptionKey,
    opener: Opener,
}

impl DecryptionKey {
    /// Checks a private key, from PKCS#8 for instance, and binds it to `algorithm`.
    ///
    /// RSA keys are of 2048 to 4096 bits.
    ///
    /// # Errors
    ///
    /// [`JwkError::Key`] when it is malformed, not one for the algorithm, fails a check of public keys, or does not belong to
    /// its public half.
    pub fn load(key: &PrivateKey, algorithm: KeyManagement) -> Result<Self, JwkError> {
        let public = EncryptionKey::new(check(key, algorithm)?.public_key().numbers().clone(), algorithm)?;
        let opener = match algorithm {
            // Written anew: the library below reads fewer forms of these documents.
            KeyManagement::EcdhEsA256Kw => {
                Opener::load(&PrivateKey::from_numbers(key.expose_numbers()?)?, algorithm)
            }
            KeyManagement::RsaOaep256 => Opener::load(key, algorithm),
        }?;
        Ok(Self { public, opener })
    }

    /// Reads PKCS#8 in PEM: one block labelled `PRIVATE KEY`, with nothing around it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn from_pem(text: &str, algorithm: KeyManagement) -> Result<Self, JwkError> {
        Self::load(&PrivateKey::from_pem(text)?, algorithm)
    }

    /// Reads a private JWK that names its algorithm.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and as [`EncryptionKey::parse`] with `unwrapKey` or `decrypt` in the `key_ops` of RSA keys;
    /// [`JwkError::MultiPrime`].
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        Self::parse_with(text, None)
    }

    /// Reads a private JWK and binds it to `algorithm`, which its `alg`, if there is one, must be.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`JwkError::AlgorithmMismatch`].
    pub fn parse_as(text: &str, algorithm: KeyManagement) -> Result<Self, JwkError> {
        Self::parse_with(text, Some(algorithm))
    }

    /// Gives the key an identifier.
    ///
    /// # Errors
    ///
    /// [`JwkError::KeyId`] when it is empty, longer than 256 bytes, or has control characters.
    pub fn with_key_id(self, kid: &str) -> Result<Self, JwkError> {
        Ok(Self { public: self.public.with_key_id(kid)?, ..self })
    }

    /// The public half, to be published.
    #[must_use]
    pub fn encryption_key(&self) -> &EncryptionKey {
        &self.public
    }

    /// The algorithm that the key is bound to.
    #[must_use]
    pub fn algorithm(&self) -> KeyManagement {
        self.public.algorithm()
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.public.key_id()
    }

    pub(super) fn opener(&self) -> &Opener {
        &self.opener
    }

    fn parse_with(text: &str, bound: Option<KeyManagement>) -> Result<Self, JwkError> {
        let mut members = Members::default();
        json::read_object(text.as_bytes(), &Limits::new(), |name, value| {
            members.see(&name.as_str(), value);
            Ok::<_, JwkError>(())
        })?;
        members.refuse_symmetric()?;
        let algorithm = algorithm(&members, bound)?;
        members.check_private(ENCRYPTION, operations(algorithm, true))?;
        let key = PrivateKey::from_numbers(members.private(alike(&members, algorithm))?)?;
        let key = Self::load(&key, algorithm)?;
        match members.key_id()? {
            Some(kid) => key.with_key_id(&kid),
            None => Ok(key),
        }
    }
}

/// Shows the algorithm and the identifier.
impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.key_id())
            .finish_non_exhaustive()
    }
}

/// The checks of a private key are those of the signature key with the same numbers, which lives no longer than they take.
fn check(key: &PrivateKey, algorithm: KeyManagement) -> Result<SoftwareKey, KeyError> {
    match algorithm {
        KeyManagement::EcdhEsA256Kw => match key.load(Algorithm::Es256, backend::ring()) {
            Err(KeyError::AlgorithmMismatch) => key.load(Algorithm::Es384, backend::ring()),
            other => other,
        },
        KeyManagement::RsaOaep256 => key.load(Algorithm::Ps256, backend::ring()),
    }
}
