//! Data that opens while the machine is as it was.

use zeroize::Zeroizing;

use super::Device;
use super::template;
use crate::blob::{Blob, Kind};
use crate::error::TpmError;
use crate::pcr::PcrSelection;

/// What every TPM takes.
const MAX_SEALED: usize = 128;

impl Device {
    pub(crate) fn seal(&mut self, data: &[u8], pcrs: PcrSelection) -> Result<Blob, TpmError> {
        if data.is_empty() || data.len() > MAX_SEALED {
            return Err(TpmError::Length);
        }
        pcrs.refuse_resettable()?;
        self.run(|link| link.create(Kind::Sealed, template::sealed, None, Some(pcrs), Some(data)))
    }

    pub(crate) fn unseal(&mut self, blob: &Blob) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        self.run(|link| {
            let handle = link.load(blob, None)?;
            let data = link.authorized(blob, |context| context.unseal(handle.into()))?;
            Ok(Zeroizing::new(data.value().to_vec()))
        })
    }
}
