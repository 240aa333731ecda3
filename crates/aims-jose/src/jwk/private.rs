//! One private key.

use core::fmt;

use aims_keys::{Algorithm, Backend, PrivateKey, SoftwareKey};

use super::JwkError;
use super::members::Members;
use crate::json::{self, Limits};

/// A private JSON Web Key on its way into a [`SoftwareKey`]: the one form in which many tools hand keys over.
///
/// What is decoded from it is overwritten when it is dropped; to overwrite the text is up to the caller. There is no way
/// to write one, and `Debug` shows the algorithm and the `kid` only.
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
        members.check_private()?;
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
