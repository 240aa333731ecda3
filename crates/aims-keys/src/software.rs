//! Private keys in the memory of this process.

use core::fmt;

use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::backend::{Backend, LoadedPrivate};
use crate::public::{KeyError, PublicKey};
use crate::signer::{AsyncSigner, BoxFuture, Protection, SignError, SignInput, Signature, Signer};

/// A private key in the memory of this process, ready to sign.
///
/// It is not `Clone`, not serializable, and shows nothing in `Debug`; share it as `Arc<SoftwareKey>`. What must be kept
/// beyond the process is a [`PrivateKey`], before it is loaded.
///
/// ```
/// use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, backend};
///
/// let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
/// let signature = key.sign(SignInput::Message(b"over these bytes")).unwrap();
/// key.public_key().verify(b"over these bytes", signature.as_bytes()).unwrap();
/// # Ok::<(), aims_keys::KeyError>(())
/// ```
pub struct SoftwareKey {
    private: LoadedPrivate,
    public: PublicKey,
}

impl SoftwareKey {
    /// Makes a fresh key that lives as long as the process at most.
    ///
    /// # Errors
    ///
    /// [`KeyError::Unsupported`] when the backend cannot make keys of this kind (RSA and ML-DSA on *ring*),
    /// [`KeyError::Random`] when the system has no randomness.
    pub fn generate(algorithm: Algorithm, backend: Backend) -> Result<Self, KeyError> {
        PrivateKey::generate(algorithm, backend)?.load(algorithm, backend)
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn protection(&self) -> Protection {
        Protection::Software
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        self.private.sign(input)
    }
}

/// Signs at once, in the call: a software key takes tens of microseconds, less than a hand-over to another thread.
impl AsyncSigner for SoftwareKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn protection(&self) -> Protection {
        Protection::Software
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(core::future::ready(Signer::sign(self, input)))
    }
}

/// Shows the public half only.
impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A private key as PKCS#8 bytes: what is imported, or sealed into a store, before it becomes a key that signs.
///
/// The bytes are overwritten when it is dropped. There is no way back from a [`SoftwareKey`] to this.
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Makes a fresh key.
    ///
    /// # Errors
    ///
    /// As [`SoftwareKey::generate`].
    pub fn generate(algorithm: Algorithm, backend: Backend) -> Result<Self, KeyError> {
        backend.generate(algorithm).map(Self)
    }

    /// Takes PKCS#8 in DER (RFC 5208, RFC 5958); it is read when it is [loaded](Self::load).
    #[must_use]
    pub fn from_pkcs8(der: Zeroizing<Vec<u8>>) -> Self {
        Self(der)
    }

    /// The PKCS#8 DER, to be sealed or written where only its owner can read it.
    #[must_use]
    pub fn expose_pkcs8(&self) -> &[u8] {
        &self.0
    }

    /// Checks the key and makes it ready to sign.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it is malformed, is not one for `algorithm`, or fails a check of [`PublicKey::load`].
    pub fn load(&self, algorithm: Algorithm, backend: Backend) -> Result<SoftwareKey, KeyError> {
        let (private, numbers) = backend.load_private(&self.0, algorithm)?;
        let public = PublicKey::load(numbers, algorithm, backend)?;
        Ok(SoftwareKey { private, public })
    }
}

/// Shows nothing of the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
