//! Data that only one TPM opens, while its machine is as it was.

use core::fmt;
use std::sync::Arc;

use crate::blob::{Blob, Kind};
use crate::error::TpmError;
use crate::pcr::PcrSelection;
use crate::public;

/// Data that only one TPM opens, and only while PCRs have the values they had. Wrapped by the TPM, and no secret.
#[derive(Clone)]
pub struct Sealed(pub(crate) Arc<Blob>);

impl Sealed {
    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`TpmError::BlobCorrupt`] when the bytes are damaged; [`TpmError::WrongUse`] when they are those of another kind of object.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TpmError> {
        let blob = Blob::from_bytes(bytes, Kind::Sealed)?;
        public::read(&blob)?;
        Ok(Self(Arc::new(blob)))
    }

    /// The wrapped data, for a file.
    ///
    /// # Errors
    ///
    /// [`TpmError::Backend`] when the TPM wrapped it into more than a file may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TpmError> {
        self.0.to_bytes()
    }

    /// The PCRs that it hangs on.
    #[must_use]
    pub fn pcrs(&self) -> Option<PcrSelection> {
        self.0.policy
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("pcrs", &self.0.policy).finish_non_exhaustive()
    }
}
