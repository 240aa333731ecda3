//! Signing, by a key in this process, in a device or far away.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::public::PublicKey;

/// A future that may move between threads; what the asynchronous traits here return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key that can sign, wherever it is kept.
///
/// [`sign`](Self::sign) blocks: a software key on an elliptic curve answers in tens of microseconds, an RSA key in
/// milliseconds, and so does a TPM. Wrap RSA keys and devices in [`Blocking`](crate::Blocking), and use them as an
/// [`AsyncSigner`].
///
/// No method exports the private key, here or in any trait of this crate (TPM-45).
pub trait Signer: fmt::Debug + Send + Sync {
    /// The algorithm, under the name that headers carry.
    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }

    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// What guards the private half.
    fn protection(&self) -> Protection;

    /// Signs `input`; ECDSA signatures come out as `r || s` of fixed length (TPM-42).
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::UnsupportedInput`] when the key takes the other kind of input only.
    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError>;
}

/// A [`Signer`] that does not block: a device behind a queue, or a key service.
pub trait AsyncSigner: fmt::Debug + Send + Sync {
    /// The algorithm, under the name that headers carry.
    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }

    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// What guards the private half.
    fn protection(&self) -> Protection;

    /// Signs `input`, as [`Signer::sign`] does.
    ///
    /// # Errors
    ///
    /// The future yields [`SignError`].
    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>>;
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn protection(&self) -> Protection {
        (**self).protection()
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        (**self).sign(input)
    }
}

impl<S: AsyncSigner + ?Sized> AsyncSigner for Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn protection(&self) -> Protection {
        (**self).protection()
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        (**self).sign(input)
    }
}

/// What a signer is given.
///
/// EdDSA takes messages only, and so does the *ring* backend; TPMs take digests, and hash a message themselves.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum SignInput<'a> {
    /// The digest of the message, by the hash function of the signature algorithm.
    Digest(&'a [u8]),
    /// The message.
    Message(&'a [u8]),
}

/// Shows the kind and the length only: what is signed may be confidential.
impl fmt::Debug for SignInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(bytes) => write!(f, "Digest({} bytes)", bytes.len()),
            Self::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
        }
    }
}

/// What guards a private key. Issuers may demand one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protection {
    /// A key management service of a cloud.
    CloudKms,
    /// A hardware security module.
    Hsm,
    /// A secure element or enclave.
    SecureElement,
    /// The memory of this process, or a file.
    Software,
    /// A Trusted Platform Module.
    Tpm,
}

impl Protection {
    /// A stable name for records and configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudKms => "cloud_kms",
            Self::Hsm => "hsm",
            Self::SecureElement => "secure_element",
            Self::Software => "software",
            Self::Tpm => "tpm",
        }
    }
}

/// A signature as JOSE carries it: `r || s` for ECDSA, the octets of the algorithm otherwise.
#[derive(Clone)]
pub struct Signature(Bytes);

/// Signatures of the elliptic curves fit without an allocation.
#[derive(Clone)]
enum Bytes {
    Inline { bytes: [u8; INLINE], len: u8 },
    Heap(Vec<u8>),
}

const INLINE: usize = 96;

impl Signature {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline { bytes, len } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Bytes::Heap(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Signature {
    fn from(signature: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..signature.len()), u8::try_from(signature.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(signature);
                Self(Bytes::Inline { bytes, len })
            }
            _ => Self(Bytes::Heap(signature.to_vec())),
        }
    }
}

impl From<Vec<u8>> for Signature {
    fn from(signature: Vec<u8>) -> Self {
        Self(Bytes::Heap(signature))
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Shows the length only: together with its message a signature is a credential.
impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.as_bytes().len())
    }
}

/// Why a key could not sign (TPM-44). Nothing here holds a PIN, an authorization value, a handle or a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The authorization value is wrong.
    #[error("the authorization of the key failed")]
    AuthFailed,
    /// The key wants an authorization value and got none.
    #[error("the key requires authorization")]
    AuthRequired,
    /// The backend failed; nothing more is known that would not tell too much.
    #[error("the signing backend failed")]
    Backend,
    /// The key's queue is full, or the device is busy.
    #[error("the key is busy")]
    Busy {
        /// When to try again, if the device says so.
        retry_after: Option<Duration>,
    },
    /// The device or service is not reachable any more.
    #[error("the device of the key is gone")]
    DeviceGone,
    /// Too many failed authorizations: the device refuses all.
    #[error("the device of the key is locked out")]
    LockedOut,
    /// There is no key of this name.
    #[error("there is no such key")]
    NotFound,
    /// A policy of the device refuses this use.
    #[error("a policy of the device refuses the use of the key")]
    Policy,
    /// The device cannot compute this algorithm.
    #[error("the key's device does not support the algorithm")]
    UnsupportedAlgorithm,
    /// The key takes messages only, or digests only, or the digest has the wrong length.
    #[error("the key does not take this kind of input")]
    UnsupportedInput,
    /// The key is not one for signing.
    #[error("the key is not a signing key")]
    WrongUse,
}

impl SignError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AuthFailed => "auth_failed",
            Self::AuthRequired => "auth_required",
            Self::Backend => "signing_backend",
            Self::Busy { .. } => "key_busy",
            Self::DeviceGone => "device_gone",
            Self::LockedOut => "locked_out",
            Self::NotFound => "key_not_found",
            Self::Policy => "device_policy",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnsupportedInput => "unsupported_input",
            Self::WrongUse => "wrong_use",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::UnsupportedInput => "TPM-41",
            _ => "TPM-44",
        }
    }
}
