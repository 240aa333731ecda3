//! Reading PCRs, and policies over them.

use aims_keys::backend;
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::PolicySession;
use tss_esapi::structures::{Digest, PcrSelectionList, PcrSlot};

use super::Device;
use super::fault::Fault;
use super::link::Link;
use crate::error::TpmError;
use crate::pcr::{PcrBank, PcrSelection, PcrValue};

/// Registers may change between looking at them and using what was seen: then both are done again, so often.
pub(super) const TRIES: usize = 3;

/// A TPM gives at most eight values at once.
const MOST_READS: usize = 24;

impl Device {
    pub(crate) fn pcr_read(&mut self, pcrs: PcrSelection) -> Result<Vec<PcrValue>, TpmError> {
        self.run(|link| link.pcr_values(pcrs))
    }
}

impl Link {
    /// The values of these registers, in ascending order, all of them.
    pub(super) fn pcr_values(&mut self, pcrs: PcrSelection) -> Result<Vec<PcrValue>, Fault> {
        let mut left: Vec<u8> = pcrs.indices().collect();
        let mut values = Vec::with_capacity(left.len());
        for _ in 0..MOST_READS {
            if left.is_empty() {
                values.sort_by_key(|value: &PcrValue| value.index);
                return Ok(values);
            }
            let asked = PcrSelection::new(pcrs.bank(), &left)?;
            let list = selection_list(asked)?;
            let (_, read, digests) = self.without_session(|context| context.pcr_read(list))?;
            let read: Vec<u8> = read
                .get_selections()
                .iter()
                .filter(|selection| selection.hashing_algorithm() == hash_of(pcrs.bank()))
                .flat_map(|selection| {
                    left.iter()
                        .copied()
                        .filter(|&index| slot(index).is_ok_and(|slot| selection.is_selected(slot)))
                })
                .collect();
            // A bank that is not active has no registers at all.
            if read.is_empty() || read.len() != digests.len() {
                return Err(TpmError::PcrAbsent.into());
            }
            for (&index, digest) in read.iter().zip(digests.value()) {
                if digest.len() != pcrs.bank().digest_len() {
                    return Err(TpmError::PcrAbsent.into());
                }
                values.push(PcrValue { bank: pcrs.bank(), index, digest: digest.value().to_vec() });
            }
            left.retain(|index| !read.contains(index));
        }
        Err(TpmError::Backend.into())
    }

    /// What the registers have in them now, as it is part of policies. Whoever is on the bus may have said it.
    pub(super) fn pcr_digest(&mut self, pcrs: PcrSelection) -> Result<[u8; 32], Fault> {
        let values = self.pcr_values(pcrs)?;
        Ok(sha256(&values.iter().map(|value| value.digest.as_slice()).collect::<Vec<_>>()))
    }

    /// Shows the registers to a policy session, and that the authorization value will be proven.
    pub(super) fn satisfy(
        &mut self,
        session: PolicySession,
        pcrs: PcrSelection,
        with_auth: bool,
    ) -> Result<(), Fault> {
        let list = selection_list(pcrs)?;
        self.without_session(|context| context.policy_pcr(session, Digest::default(), list))?;
        if with_auth {
            self.without_session(|context| context.policy_auth_value(session))?;
        }
        Ok(())
    }
}

pub(super) fn selection_list(pcrs: PcrSelection) -> Result<PcrSelectionList, Fault> {
    let slots = pcrs.indices().map(slot).collect::<Result<Vec<_>, _>>()?;
    Ok(PcrSelectionList::builder().with_selection(hash_of(pcrs.bank()), &slots).build()?)
}

/// The policy that is satisfied while the registers have this digest: `PolicyPCR`, and `PolicyAuthValue` after it, as TPMs compute them (Part 3
/// §23.7 and §23.18). It is computed here: what a TPM says of a trial session is not proven.
pub(super) fn policy_of(pcrs: PcrSelection, pcr_digest: &[u8], with_auth: bool) -> [u8; 32] {
    let [low, middle, high, _] = pcrs.bits().to_le_bytes();
    let bank = pcrs.bank().algorithm_id().to_be_bytes();
    // One bank, three bytes of it.
    let selection = [&1_u32.to_be_bytes()[..], &bank, &[3, low, middle, high]].concat();
    let policy = sha256(&[&[0; 32], &POLICY_PCR.to_be_bytes(), &selection, pcr_digest]);
    if with_auth { sha256(&[&policy, &POLICY_AUTH_VALUE.to_be_bytes()]) } else { policy }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    backend::ring().sha256(&parts.concat())
}

fn slot(index: u8) -> Result<PcrSlot, Fault> {
    Ok(PcrSlot::try_from(1_u32.checked_shl(u32::from(index)).unwrap_or_default())?)
}

pub(super) fn hash_of(bank: PcrBank) -> HashingAlgorithm {
    match bank {
        PcrBank::Sha256 => HashingAlgorithm::Sha256,
        PcrBank::Sha384 => HashingAlgorithm::Sha384,
        PcrBank::Sha512 => HashingAlgorithm::Sha512,
    }
}

/// `TPM_CC`.
const POLICY_PCR: u32 = 0x017f;
const POLICY_AUTH_VALUE: u32 = 0x016b;
