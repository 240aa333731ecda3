//! The endorsement key, which the maker of a TPM certified, and proofs that another key is beside it.

use ring::digest::{SHA256, SHA384, digest};
use tss_esapi::abstraction::AsymmetricAlgorithmSelection;
use tss_esapi::abstraction::ek::create_ek_public_from_default_template_2;
use tss_esapi::constants::SessionType;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Rc;
use tss_esapi::constants::tss::TPM2_RH_ENDORSEMENT;
use tss_esapi::handles::{
    AuthHandle, KeyHandle, NvIndexHandle, NvIndexTpmHandle, PersistentTpmHandle, TpmHandle,
};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::key_bits::RsaKeyBits;
use tss_esapi::interface_types::resource_handles::{Hierarchy, NvAuth};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{Digest, DigestList, EncryptedSecret, IdObject, Nonce, Public};
use tss_esapi::traits::Marshall;
use zeroize::Zeroizing;

use super::Device;
use super::fault::Fault;
use super::link::Link;
use crate::blob::Blob;
use crate::error::TpmError;
use crate::evidence::{Endorsement, EndorsementKind};

/// Certificates of endorsement keys have one to two kilobytes.
const MAX_CERTIFICATE: usize = 8192;

impl Device {
    pub(crate) fn endorsement(&mut self, kind: EndorsementKind) -> Result<Endorsement, TpmError> {
        self.run(|link| {
            let public = link.with_endorsement_key(kind, |_, _, public| Ok(public.marshall()?))?;
            Ok(Endorsement { kind, public, certificate: link.endorsement_certificate(kind)? })
        })
    }

    pub(crate) fn activate(
        &mut self,
        ak: &Blob,
        kind: EndorsementKind,
        credential: &[u8],
        secret: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        let credential = IdObject::try_from(credential).map_err(|_| TpmError::Length)?;
        let secret = EncryptedSecret::try_from(secret).map_err(|_| TpmError::Length)?;
        self.run(|link| {
            let ak = link.load_attestation_key(ak)?;
            link.with_endorsement_key(kind, |link, ek, public| {
                let hash = public.name_hashing_algorithm();
                link.with_policy_session(SessionType::Policy, hash, false, |link, policy| {
                    link.satisfy_endorsement(policy, kind)?;
                    let sessions = (Some(link.session), Some(AuthSession::from(policy)), None);
                    let (credential, secret) = (credential.clone(), secret.clone());
                    let opened = link.context()?.execute_with_sessions(sessions, |context| {
                        context.activate_credential(ak, ek, credential, secret)
                    });
                    let opened = opened.map_err(Fault::from).map_err(refused)?;
                    Ok(Zeroizing::new(opened.value().to_vec()))
                })
            })
        })
    }
}

/// What the TPM says to a credential that it does not open.
fn refused(fault: Fault) -> Fault {
    let kinds = [Rc::Integrity, Rc::Value, Rc::Size, Rc::Insufficient, Rc::EccPoint];
    if kinds.into_iter().any(|kind| fault.is(kind)) { TpmError::CredentialRefused.into() } else { fault }
}

impl Link {
    /// Works with the endorsement key: the one that the TPM keeps, or one made anew, which is the same.
    fn with_endorsement_key<T>(
        &mut self,
        kind: EndorsementKind,
        work: impl Fn(&mut Self, KeyHandle, &Public) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let template = create_ek_public_from_default_template_2(selection(kind), None)?;
        self.make_room(1)?;
        if self.exists(persistent(kind))? {
            let handle = TpmHandle::Persistent(PersistentTpmHandle::new(persistent(kind))?);
            let mut handle = self.without_session(|context| context.tr_from_tpm_public(handle))?;
            let key = KeyHandle::from(handle);
            let found = self.without_session(|context| context.read_public(key));
            // Whoever owns the machine may keep something else there: a key of another hierarchy from the same template, even.
            let outcome = match found {
                Ok((public, name, qualified))
                    if is_of(&public, &template) && is_endorsed(name.value(), qualified.value()) =>
                {
                    Some(work(self, key, &public))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            };
            let closed = self.context()?.tr_close(&mut handle);
            if let Some(outcome) = outcome {
                let value = outcome?;
                closed?;
                return Ok(value);
            }
        }
        let made = self.in_session(|context| {
            context.create_primary(Hierarchy::Endorsement, template, None, None, None, None)
        })?;
        self.flushed_after(made.key_handle.into(), |link| work(link, made.key_handle, &made.out_public))
    }

    /// The policy of endorsement keys: who may use the endorsement hierarchy may use them.
    fn satisfy_endorsement(&mut self, policy: PolicySession, kind: EndorsementKind) -> Result<(), Fault> {
        self.in_session(|context| {
            context.policy_secret(
                policy,
                AuthHandle::Endorsement,
                Nonce::default(),
                Digest::default(),
                Nonce::default(),
                None,
            )
        })?;
        if let EndorsementKind::EccP384 = kind {
            let mut branches = DigestList::new();
            branches.add(Digest::try_from(POLICY_A_SHA384.as_slice())?)?;
            branches.add(Digest::try_from(POLICY_C_SHA384.as_slice())?)?;
            self.without_session(|context| context.policy_or(policy, branches))?;
        }
        Ok(())
    }

    fn endorsement_certificate(&mut self, kind: EndorsementKind) -> Result<Option<Vec<u8>>, Fault> {
        let index = certificate_index(kind);
        if !self.exists(index)? {
            return Ok(None);
        }
        let index = TpmHandle::NvIndex(NvIndexTpmHandle::new(index)?);
        let mut handle = self.without_session(|context| context.tr_from_tpm_public(index))?;
        let outcome = self.read_nv(NvIndexHandle::from(handle));
        let closed = self.context()?.tr_close(&mut handle);
        let bytes = outcome?;
        closed?;
        Ok(Some(without_padding(bytes)))
    }

    fn read_nv(&mut self, index: NvIndexHandle) -> Result<Vec<u8>, Fault> {
        let (public, _) = self.without_session(|context| context.nv_read_public(index))?;
        let size = public.data_size();
        if size > MAX_CERTIFICATE {
            return Err(TpmError::Backend.into());
        }
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            let rest = (size - bytes.len()).min(NV_CHUNK);
            let (rest, at) =
                (u16::try_from(rest).unwrap_or_default(), u16::try_from(bytes.len()).unwrap_or_default());
            let part = self.in_session(|context| context.nv_read(NvAuth::NvIndex(index), index, rest, at))?;
            if part.is_empty() {
                return Err(TpmError::Backend.into());
            }
            bytes.extend_from_slice(part.value());
        }
        Ok(bytes)
    }
}

/// Whether a key was made from a template, whatever its numbers are.
fn is_of(public: &Public, template: &Public) -> bool {
    let parameters = match (public, template) {
        (Public::Ecc { parameters: one, .. }, Public::Ecc { parameters: other, .. }) => one == other,
        (Public::Rsa { parameters: one, .. }, Public::Rsa { parameters: other, .. }) => one == other,
        _ => false,
    };
    parameters
        && public.object_attributes() == template.object_attributes()
        && public.name_hashing_algorithm() == template.name_hashing_algorithm()
        && public.auth_policy() == template.auth_policy()
}

/// Whether a key is right below the endorsement hierarchy, by its qualified name: the algorithm, and the hash of who is above it and of its name
/// (Part 1 §26.4).
fn is_endorsed(name: &[u8], qualified: &[u8]) -> bool {
    let Some((algorithm, hashed)) = qualified.split_first_chunk() else { return false };
    let hash = match u16::from_be_bytes(*algorithm) {
        0x000b => &SHA256,
        0x000c => &SHA384,
        _ => return false,
    };
    let above = TPM2_RH_ENDORSEMENT.to_be_bytes();
    name.starts_with(algorithm) && digest(hash, &[&above[..], name].concat()).as_ref() == hashed
}

/// Some makers fill the index up behind the certificate: its own length counts.
fn without_padding(mut bytes: Vec<u8>) -> Vec<u8> {
    if let [0x30, 0x82, high, low, ..] = *bytes.as_slice() {
        let len = 4 + usize::from(u16::from_be_bytes([high, low]));
        if len < bytes.len() {
            bytes.truncate(len);
        }
    }
    bytes
}

fn selection(kind: EndorsementKind) -> AsymmetricAlgorithmSelection {
    match kind {
        EndorsementKind::EccP256 => AsymmetricAlgorithmSelection::Ecc(EccCurve::NistP256),
        EndorsementKind::EccP384 => AsymmetricAlgorithmSelection::Ecc(EccCurve::NistP384),
        EndorsementKind::Rsa2048 => AsymmetricAlgorithmSelection::Rsa(RsaKeyBits::Rsa2048),
    }
}

fn persistent(kind: EndorsementKind) -> u32 {
    match kind {
        EndorsementKind::Rsa2048 => 0x8101_0001,
        EndorsementKind::EccP256 => 0x8101_0002,
        EndorsementKind::EccP384 => 0x8101_0016,
    }
}

fn certificate_index(kind: EndorsementKind) -> u32 {
    match kind {
        EndorsementKind::Rsa2048 => 0x01c0_0002,
        EndorsementKind::EccP256 => 0x01c0_000a,
        EndorsementKind::EccP384 => 0x01c0_0016,
    }
}

/// Every TPM reads as much at once.
const NV_CHUNK: usize = 512;

/// `PolicySecret` of the endorsement hierarchy (TCG EK Credential Profile 2.5 §B.6).
const POLICY_A_SHA384: [u8; 48] = [
    0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d, 0xc1, 0xd4, 0xb6, 0x4f,
    0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20, 0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e, 0x14, 0x3e,
    0x8b, 0xb1, 0x13, 0x38, 0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53,
];

/// `PolicyAuthorizeNV` of index 0x01c07f02, the other branch of the same profile.
const POLICY_C_SHA384: [u8; 48] = [
    0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32, 0x37, 0xef, 0x2b,
    0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5, 0xb4, 0x94,
    0x7c, 0x2d, 0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_where_it_says() {
        let padded = [&[0x30, 0x82, 0, 2, 5, 0][..], &[0xff; 3]].concat();
        assert_eq!(without_padding(padded), [0x30, 0x82, 0, 2, 5, 0]);
        for whole in [vec![], vec![0x30, 0x82, 0, 2, 5, 0], vec![0x30, 0x82, 9, 9, 1]] {
            assert_eq!(without_padding(whole.clone()), whole);
        }
    }
}
