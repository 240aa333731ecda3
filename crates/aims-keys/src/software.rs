//! Private keys in the memory of this process.

use core::fmt;

use crate::algorithm::Algorithm;
use crate::backend::{Backend, LoadedPrivate};
use crate::private::PrivateKey;
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

    /// The public half: as [`Signer::public_key`], without a choice between the two traits.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs: as [`Signer::sign`], without a choice between the two traits.
    ///
    /// # Errors
    ///
    /// [`SignError`].
    pub fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        self.private.sign(input)
    }

    pub(crate) fn new(private: LoadedPrivate, public: PublicKey) -> Self {
        Self { private, public }
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
