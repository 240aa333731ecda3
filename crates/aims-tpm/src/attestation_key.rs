//! Keys that sign what a TPM itself made.

use core::fmt;
use std::sync::Arc;

use aims_keys::PublicKey;
use aims_keys::backend::{self, Backend};

use crate::blob::{Blob, Kind};
use crate::error::TpmError;
use crate::public;

/// A key that signs what its TPM itself made: quotes, and statements about other keys (ECDSA, P-256, SHA-256).
///
/// It is restricted: the TPM refuses to sign anything from outside with it that could be taken for such a statement (TPM-13). It never
/// signs credentials, and a key that does is never one of these.
///
/// The value is the key wrapped by the TPM, which is no secret; keep [`to_bytes`](Self::to_bytes) and load it again after a restart.
#[derive(Clone)]
pub struct AttestationKey {
    pub(crate) blob: Arc<Blob>,
    public_key: PublicKey,
}

impl AttestationKey {
    /// Reads what [`to_bytes`](Self::to_bytes) gave. Whether it is of this TPM shows when it is used.
    ///
    /// # Errors
    ///
    /// [`TpmError::BlobCorrupt`] when the bytes are damaged; [`TpmError::WrongUse`] when they are those of another kind of object.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TpmError> {
        Self::with_backend(bytes, backend::ring())
    }

    /// The same, with the backend that [`public_key`](Self::public_key) verifies with.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes).
    pub fn with_backend(bytes: &[u8], backend: Backend) -> Result<Self, TpmError> {
        Self::new(Blob::from_bytes(bytes, Kind::AttestationKey)?, backend)
    }

    pub(crate) fn new(blob: Blob, backend: Backend) -> Result<Self, TpmError> {
        let public_key = public::key(&blob, backend)?;
        Ok(Self { blob: Arc::new(blob), public_key })
    }

    /// The wrapped key, for a file.
    ///
    /// # Errors
    ///
    /// [`TpmError::Backend`] when the TPM wrapped it into more than a file may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TpmError> {
        self.blob.to_bytes()
    }

    /// The public part: `TPMT_PUBLIC`.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.blob.public
    }

    /// The name, by which the TPM and verifiers know it: the number of SHA-256, and the hash of the public part.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.blob.name()
    }

    /// The public key: what verifies [`Tpm::sign_data`](crate::Tpm::sign_data).
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

impl fmt::Debug for AttestationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationKey").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}
