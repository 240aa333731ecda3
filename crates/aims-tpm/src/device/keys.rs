//! Making keys, and signing with them.

use aims_keys::{Algorithm, der};
use tss_esapi::Context;
use tss_esapi::constants::SessionType;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Rc;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::handles::KeyHandle;
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    Digest, HashcheckTicket, MaxBuffer, Public, SensitiveData, Signature, SignatureScheme,
};
use tss_esapi::traits::Marshall;
use tss_esapi::tss2_esys::{TPM2B_DIGEST, TPMS_CREATION_DATA, TPMT_TK_HASHCHECK};

use super::Device;
use super::fault::Fault;
use super::link::{Link, auth_of};
use super::pcrs::{TRIES, policy_of, selection_list};
use super::template;
use crate::blob::{Blob, Kind};
use crate::error::TpmError;
use crate::pcr::PcrSelection;
use crate::public::{self, padded};
use crate::settings::AuthValue;

/// What one command of a TPM takes in.
const MAX_HASHED: usize = 1024;

impl Device {
    /// Makes a key that signs digests from outside.
    pub(crate) fn create_signing_key(
        &mut self,
        algorithm: Algorithm,
        auth: Option<&AuthValue>,
        policy: Option<PcrSelection>,
    ) -> Result<Blob, TpmError> {
        self.run(|link| {
            let template = |policy| template::signing(algorithm, policy);
            link.create(Kind::SigningKey, template, auth, policy, None)
        })
    }

    /// Makes a key that signs what the TPM itself made.
    pub(crate) fn create_attestation_key(&mut self) -> Result<Blob, TpmError> {
        self.run(|link| link.create(Kind::AttestationKey, |_| template::attestation(), None, None, None))
    }

    /// Whether the TPM takes this key: it is of this TPM, and what it says it is.
    pub(crate) fn check(&mut self, blob: &Blob, auth: Option<&AuthValue>) -> Result<(), TpmError> {
        self.run(|link| link.load(blob, auth).map(drop))
    }

    /// Whether the key is of this TPM, so far as can be said without loading it.
    pub(crate) fn refuse_other(&mut self, blob: &Blob) -> Result<(), TpmError> {
        self.run(|link| link.refuse_other(blob))
    }

    /// Signs a digest.
    pub(crate) fn sign(
        &mut self,
        blob: &Blob,
        auth: Option<&AuthValue>,
        algorithm: Algorithm,
        digest: &[u8],
    ) -> Result<Vec<u8>, TpmError> {
        self.run(|link| {
            let handle = link.load(blob, auth)?;
            let digest = Digest::try_from(digest).map_err(|_| TpmError::Length)?;
            let none = no_ticket()?;
            let signature = link.authorized(blob, |context| {
                context.sign(handle, digest.clone(), SignatureScheme::Null, none.clone())
            })?;
            jose(&signature, algorithm).map_err(Fault::Ours)
        })
    }

    /// Signs data that the TPM hashes itself, with a restricted key.
    pub(crate) fn sign_data(&mut self, blob: &Blob, data: &[u8]) -> Result<Vec<u8>, TpmError> {
        if data.is_empty() || data.len() > MAX_HASHED {
            return Err(TpmError::Length);
        }
        self.run(|link| {
            let handle = link.load(blob, None)?;
            let buffer = MaxBuffer::try_from(data)?;
            // The ticket is empty where the data pretends to be an attestation.
            let (digest, ticket) =
                link.in_session(|context| context.hash(buffer, HashingAlgorithm::Sha256, Hierarchy::Owner))?;
            let signature =
                link.in_session(|context| context.sign(handle, digest, SignatureScheme::Null, ticket))?;
            jose(&signature, Algorithm::Es256).map_err(Fault::Ours)
        })
    }
}

impl Link {
    /// Makes an object below the primary. What is secret of it is encrypted on its way.
    ///
    /// A policy is over what the registers were said to have. The TPM says what they had when it made the object, in a session that proves it:
    /// an object over anything else is not kept.
    pub(super) fn create(
        &mut self,
        kind: Kind,
        template: impl Fn(Digest) -> Result<Public, Fault>,
        auth: Option<&AuthValue>,
        policy: Option<PcrSelection>,
        data: Option<&[u8]>,
    ) -> Result<Blob, Fault> {
        // Nothing stays loaded, but TPMs work on it in a slot.
        self.make_room(1)?;
        for _ in 0..TRIES {
            let seen = policy.map(|pcrs| self.pcr_digest(pcrs)).transpose()?;
            let digest = match policy.zip(seen) {
                None => Digest::default(),
                Some((pcrs, seen)) => Digest::try_from(&policy_of(pcrs, &seen, auth.is_some())[..])?,
            };
            let value = auth.map(|auth| auth_of(Some(auth))).transpose()?;
            let data = data.map(SensitiveData::try_from).transpose().map_err(|_| TpmError::Length)?;
            let (primary, public, pcrs) =
                (self.primary, template(digest)?, policy.map(selection_list).transpose()?);
            let made = self.in_session(|context| context.create(primary, public, value, data, None, pcrs))?;
            let proven = TPMS_CREATION_DATA::from(made.creation_data).pcrDigest;
            if let Some(seen) = seen
                && Digest::try_from(proven)?.value() != seen
            {
                continue;
            }
            let blob = Blob {
                kind,
                needs_auth: auth.is_some(),
                policy,
                parent: self.primary_name().to_vec(),
                public: made.out_public.marshall()?,
                private: made.out_private.value().to_vec(),
            };
            // What would not be read again is not kept.
            public::read(&blob).map_err(|_| TpmError::Backend)?;
            return Ok(blob);
        }
        Err(TpmError::Busy { retry_after: None }.into())
    }

    /// Calls the TPM with what authorizes this object: its policy where it has one, else the session of this connection.
    ///
    /// Any register that changes ends a policy session, those of others too: then it is begun anew.
    pub(super) fn authorized<T>(
        &mut self,
        blob: &Blob,
        call: impl Fn(&mut Context) -> tss_esapi::Result<T>,
    ) -> Result<T, Fault> {
        let Some(pcrs) = blob.policy else { return self.in_session(call) };
        for _ in 0..TRIES {
            let outcome = self.with_policy_session(
                SessionType::Policy,
                HashingAlgorithm::Sha256,
                true,
                |link, session| {
                    link.satisfy(session, pcrs, blob.needs_auth)?;
                    let session = Some(AuthSession::from(session));
                    Ok(link.context()?.execute_with_session(session, &call)?)
                },
            );
            match outcome {
                Err(fault) if fault.is(Rc::PcrChanged) => {}
                outcome => return outcome,
            }
        }
        Err(TpmError::Busy { retry_after: None }.into())
    }

    /// For a key in a blob that is of this TPM.
    pub(super) fn load_attestation_key(&mut self, blob: &Blob) -> Result<KeyHandle, Fault> {
        if blob.kind != Kind::AttestationKey {
            return Err(TpmError::WrongUse.into());
        }
        self.load(blob, None)
    }
}

/// `r || s` of fixed length (TPM-11, TPM-42).
pub(super) fn jose(signature: &Signature, algorithm: Algorithm) -> Result<Vec<u8>, TpmError> {
    let Signature::EcDsa(signature) = signature else { return Err(TpmError::Backend) };
    let (r, s) = (signature.signature_r().value(), signature.signature_s().value());
    let fixed = match algorithm {
        Algorithm::Es256 => [padded::<32>(r)?, padded(s)?].concat(),
        Algorithm::Es384 => [padded::<48>(r)?, padded(s)?].concat(),
        _ => return Err(TpmError::Unsupported),
    };
    // Both from 1 to n - 1, or nothing that a TPM would make.
    der::ecdsa_to_der(algorithm, &fixed).map_err(|_| TpmError::Backend)?;
    Ok(fixed)
}

/// For keys that may sign what was hashed elsewhere.
fn no_ticket() -> Result<HashcheckTicket, Fault> {
    let none = TPMT_TK_HASHCHECK {
        tag: TPM2_ST_HASHCHECK,
        hierarchy: TPM2_RH_NULL,
        digest: TPM2B_DIGEST::default(),
    };
    Ok(HashcheckTicket::try_from(none)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TPM-11: a signature whose r and s are short comes out in its fixed length, one with a zero does not come out.
    #[test]
    fn tpm_11_tpm_42_short_signatures_are_padded_and_zero_is_refused() {
        use tss_esapi::structures::{EccParameter, EccSignature};

        let signature = |r: &[u8], s: &[u8]| {
            let [r, s] = [r, s].map(|number| EccParameter::try_from(number).unwrap());
            Signature::EcDsa(EccSignature::create(HashingAlgorithm::Sha256, r, s).unwrap())
        };
        let fixed = jose(&signature(&[5], &[1; 31]), Algorithm::Es256).unwrap();
        assert_eq!(fixed, [&[0; 31][..], &[5], &[0], &[1; 31]].concat());
        assert_eq!(jose(&signature(&[5], &[1; 31]), Algorithm::Es384).unwrap().len(), 96);
        assert_eq!(jose(&signature(&[0], &[1]), Algorithm::Es256).unwrap_err(), TpmError::Backend);
        assert_eq!(jose(&signature(&[1; 33], &[1]), Algorithm::Es256).unwrap_err(), TpmError::Backend);
        assert_eq!(jose(&signature(&[0xff; 32], &[1]), Algorithm::Es256).unwrap_err(), TpmError::Backend);
    }
}
