//! One private key.

use core::fmt;

use aims_keys::{Algorithm, Backend, KeyError, PrivateKey, PrivateNumbers, PublicKey, SoftwareKey};
use zeroize::Zeroizing;

use super::members::{Members, SIGN, SIGNATURES};
use super::{Jwk, JwkError};
use crate::base64url;
use crate::json::{self, Limits, ObjectWriter};

/// A private JSON Web Key on its way into a [`SoftwareKey`]: the one form in which many tools hand keys over.
///
/// What is decoded from it is overwritten when it is dropped; to overwrite the text is up to the caller. `Debug` shows the
/// algorithm and the `kid` only.
///
/// ```
/// use aims_jose::PrivateJwk;
/// use aims_keys::{Signer, backend};
///
/// // RFC 8037 appendix A.1; never use it
/// let jwk = PrivateJwk::parse(
///     r#"{"kty":"OKP","crv":"Ed25519","alg":"Ed25519",
///         "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// let key = jwk.load(backend::ring())?;
/// assert_eq!(Signer::algorithm(&key).name(), "Ed25519");
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
pub struct PrivateJwk {
    key: PrivateKey,
    algorithm: Algorithm,
    kid: Option<Box<str>>,
}

impl PrivateJwk {
    /// A key that goes to its owner in this form, as an issuer does that makes keys for others.
    #[must_use]
    pub fn new(key: PrivateKey, algorithm: Algorithm) -> Self {
        Self { key, algorithm, kid: None }
    }

    /// Reads a private key that names its algorithm.
    ///
    /// The public members must stand beside the private ones. Whether they belong together is checked by
    /// [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// [`JwkError`] names the first check that failed: those of [`Jwk::parse`](super::Jwk::parse), with `sign` for
    /// `verify` in `key_ops`; and [`JwkError::MultiPrime`].
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        Self::parse_with(text, None)
    }

    /// Reads a private key and binds it to `algorithm`, which its `alg`, if there is one, must be.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`JwkError::AlgorithmMismatch`].
    pub fn parse_as(text: &str, algorithm: Algorithm) -> Result<Self, JwkError> {
        Self::parse_with(text, Some(algorithm))
    }

    fn parse_with(text: &str, bound: Option<Algorithm>) -> Result<Self, JwkError> {
        let mut members = Members::default();
        json::read_object(text.as_bytes(), &Limits::new(), |name, value| {
            members.see(&name.as_str(), value);
            Ok::<_, JwkError>(())
        })?;
        members.check_private(SIGNATURES, SIGN)?;
        let algorithm = members.algorithm(bound)?;
        let key = PrivateKey::from_numbers(members.private(algorithm)?)?;
        Ok(Self { key, algorithm, kid: members.key_id()? })
    }

    /// The algorithm that the key is bound to.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key as PKCS#8, to be sealed into a store.
    #[must_use]
    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }

    /// The key as JSON, public members and `alg` included, where only its owner can read it.
    ///
    /// # Errors
    ///
    /// [`JwkError::Key`] when it is not a key for its algorithm, for RSA keys, and for Ed25519 keys without their public half.
    pub fn expose_json(&self, backend: Backend) -> Result<Zeroizing<String>, JwkError> {
        let numbers = self.key.expose_numbers()?;
        // Loading checks that the numbers are those of a key, and one for this algorithm.
        let public = Jwk::new(PublicKey::load(numbers.public(), self.algorithm, backend)?);
        let secret = Zeroizing::new(match &numbers {
            PrivateNumbers::P256 { d, .. } => base64url::encode(d.as_slice()),
            PrivateNumbers::P384 { d, .. } => base64url::encode(d.as_slice()),
            PrivateNumbers::Ed25519 { seed, .. } | PrivateNumbers::MlDsa { seed, .. } => {
                base64url::encode(seed.as_slice())
            }
            _ => return Err(KeyError::Unsupported.into()),
        });
        let name = if matches!(numbers, PrivateNumbers::MlDsa { .. }) { "priv" } else { "d" };
        // Room for all of it: a buffer that grows leaves a copy behind.
        let mut writer = ObjectWriter::with_capacity(secret.len() + 4096);
        if let Some(kid) = &self.kid {
            writer.str("kid", kid);
        }
        public.write(&mut writer);
        writer.str(name, &secret);
        Ok(Zeroizing::new(writer.finish()?))
    }

    /// Checks the key and makes it ready to sign.
    ///
    /// # Errors
    ///
    /// [`JwkError::Key`] when a number fails a check, or the private part does not belong to the public one (JO-KEY-07).
    pub fn load(&self, backend: Backend) -> Result<SoftwareKey, JwkError> {
        Ok(self.key.load(self.algorithm, backend)?)
    }
}

impl fmt::Debug for PrivateJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateJwk")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
