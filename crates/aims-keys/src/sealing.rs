//! Sealing state that others store.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::public::KeyError;

/// A key that seals what somebody else stores: whoever stores it can neither read nor change it, nor pass it off as a thing of another purpose.
///
/// They can give back an older one, or another of the same purpose: what tells those apart stands in the content or in the purpose, and whoever opens it looks.
///
/// ```
/// use aims_keys::{SealingKey, backend};
///
/// let key = SealingKey::generate(backend::ring())?;
/// let sealed = key.seal("my app, pending request 1", b"a secret")?;
/// assert_eq!(key.open("my app, pending request 1", &sealed)?.as_slice(), b"a secret");
/// assert!(key.open("my app, session 1", &sealed).is_err());
/// # Ok::<(), aims_keys::SealError>(())
/// ```
pub struct SealingKey {
    secret: Zeroizing<[u8; 32]>,
    backend: Backend,
}

impl SealingKey {
    /// A fresh key: what was sealed with another stays closed. It is nowhere else, and ends with the process: what has to be opened after a restart is sealed with one
    /// [of bytes](Self::from_bytes) that the host keeps.
    ///
    /// # Errors
    ///
    /// [`SealError::Random`].
    pub fn generate(backend: Backend) -> Result<Self, SealError> {
        let mut secret = Zeroizing::new([0; 32]);
        backend.fill_random(&mut *secret)?;
        Ok(Self { secret, backend })
    }

    /// 32 random bytes that are kept elsewhere, and shared by all processes that open what one of them sealed. They are no password.
    ///
    /// # Errors
    ///
    /// [`SealError::Zero`] when all bytes are zero: nobody filled them.
    pub fn from_bytes(secret: impl Into<Zeroizing<[u8; 32]>>, backend: Backend) -> Result<Self, SealError> {
        let secret = secret.into();
        if secret.iter().fold(0, |any, byte| any | byte) == 0 {
            return Err(SealError::Zero);
        }
        Ok(Self { secret, backend })
    }

    /// Seals `content` for `purpose`, a text that says what it is: it opens for the same purpose alone.
    ///
    /// The result is 49 bytes longer than the content: the version 1, a salt of 32 bytes, and the content under ChaCha20-Poly1305 with its tag.
    ///
    /// # Errors
    ///
    /// [`SealError::Random`] without randomness.
    pub fn seal(&self, purpose: &str, content: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut salt = [0; SALT];
        self.backend.fill_random(&mut salt)?;
        // In place, in a buffer that does not grow: no copy of the content is left behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(content.len() + CHACHA20_POLY1305.tag_len()));
        sealed.extend_from_slice(content);
        self.derive(&salt)?
            .seal_in_place_append_tag(nonce(), Aad::from(purpose.as_bytes()), &mut *sealed)
            .map_err(|_| SealError::Random)?;
        Ok([&[VERSION], salt.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    ///
    /// [`SealError::Closed`]: it was sealed with another key, for another purpose, or changed since.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&[VERSION], rest) = sealed.split_first_chunk().ok_or(SealError::Closed)? else {
            return Err(SealError::Closed);
        };
        let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or(SealError::Closed)?;
        let mut opened = Zeroizing::new(rest.to_vec());
        let len = self
            .derive(salt)?
            .open_in_place(nonce(), Aad::from(purpose.as_bytes()), &mut opened)
            .map_err(|_| SealError::Closed)?
            .len();
        // The tag is at the end.
        opened.truncate(len);
        Ok(opened)
    }

    /// A key for one content alone, by its salt.
    fn derive(&self, salt: &[u8; SALT]) -> Result<LessSafeKey, SealError> {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&*self.secret);
        let key = derived.expand(&[INFO], &CHACHA20_POLY1305).map_err(|_| SealError::Random)?;
        Ok(LessSafeKey::new(UnboundKey::from(key)))
    }
}

/// Shows nothing.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

/// Why nothing was sealed, or opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was sealed with another key, for another purpose, or changed since.
    #[error("what was sealed does not open")]
    Closed,
    /// The system has no randomness.
    #[error("the system has no randomness")]
    Random,
    /// The key is nothing but zeros.
    #[error("the sealing key is zero")]
    Zero,
}

impl SealError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed => "sealed",
            Self::Random => "randomness",
            Self::Zero => "sealing_key_zero",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "HIL-43"
    }
}

impl From<KeyError> for SealError {
    fn from(_: KeyError) -> Self {
        Self::Random
    }
}

/// Each key seals one content.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

const INFO: &[u8] = b"aims-keys, sealed content, version 1";
const SALT: usize = 32;
const VERSION: u8 = 1;
