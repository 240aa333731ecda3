//! Quotes, and statements about keys.

use ring::digest::{Context as Hash, SHA256};
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{Attest, AttestInfo, Data, Signature, SignatureScheme};
use tss_esapi::traits::Marshall;

use super::Device;
use super::fault::Fault;
use super::pcrs::{TRIES, selection_list};
use crate::blob::Blob;
use crate::error::TpmError;
use crate::evidence::{Certification, Quote};
use crate::pcr::{PcrSelection, PcrValue};
use crate::settings::AuthValue;

impl Device {
    pub(crate) fn quote(&mut self, ak: &Blob, nonce: &[u8], pcrs: PcrSelection) -> Result<Quote, TpmError> {
        let data = extra_data(nonce)?;
        self.run(|link| {
            let handle = link.load_attestation_key(ak)?;
            for _ in 0..TRIES {
                let values = link.pcr_values(pcrs)?;
                let (data, list) = (data.clone(), selection_list(pcrs)?);
                let (attest, signature) =
                    link.in_session(|context| context.quote(handle, data, SignatureScheme::Null, list))?;
                if is_over(&attest, &values) {
                    let (attest, signature) = bytes(&attest, &signature)?;
                    return Ok(Quote { attest, signature, pcrs: values });
                }
            }
            Err(TpmError::Busy { retry_after: None }.into())
        })
    }

    pub(crate) fn certify(
        &mut self,
        key: &Blob,
        auth: Option<&AuthValue>,
        ak: &Blob,
        nonce: &[u8],
    ) -> Result<Certification, TpmError> {
        let data = extra_data(nonce)?;
        self.run(|link| {
            let signer = link.load_attestation_key(ak)?;
            let object = link.load(key, auth)?;
            // One session cannot authorize two objects; the attestation key has an empty value, which may travel.
            let sessions = (Some(link.session), Some(AuthSession::Password), None);
            let data = data.clone();
            let (attest, signature) = link.context()?.execute_with_sessions(sessions, |context| {
                context.certify(object.into(), signer, data, SignatureScheme::Null)
            })?;
            let (attest, signature) = bytes(&attest, &signature)?;
            Ok(Certification { public: key.public.clone(), attest, signature })
        })
    }
}

fn extra_data(nonce: &[u8]) -> Result<Data, TpmError> {
    if nonce.len() != 32 {
        return Err(TpmError::Nonce);
    }
    Data::try_from(nonce).map_err(|_| TpmError::Nonce)
}

/// Whether the quote is over exactly these values.
fn is_over(attest: &Attest, values: &[PcrValue]) -> bool {
    let AttestInfo::Quote { info } = attest.attested() else { return false };
    let mut hash = Hash::new(&SHA256);
    for value in values {
        hash.update(&value.digest);
    }
    hash.finish().as_ref() == info.pcr_digest().value()
}

fn bytes(attest: &Attest, signature: &Signature) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    Ok((attest.marshall()?, signature.marshall()?))
}
