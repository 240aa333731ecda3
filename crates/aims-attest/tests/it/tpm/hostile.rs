//! Any bytes, from anybody: nothing panics, and what is accepted was signed (TPM-20).

use aims_attest::tpm::{Attest, EventLog, PcrBank, PcrValues, TpmDevice, TpmEvidence, TpmSignature};
use aims_attest::{Evidence, EvidenceType, Verdict};
use aims_keys::{Algorithm, backend};
use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{EK, Machine};
use crate::support::NOW;

/// Good bytes, of which some were replaced, cut off or added.
fn mangled(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (edits, any::<prop::sample::Index>(), vec(any::<u8>(), 0..8)).prop_map(move |(edits, cut, tail)| {
        let mut bytes = good.clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut.index(3) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(tail);
        bytes
    })
}

fn log() -> Vec<u8> {
    let spec = b"Spec ID Event03\0\0\0\0\0\x00\x02\x00\x02\x01\0\0\0\x0b\0\x20\0\0";
    let mut log = [&[0, 0, 0, 0, 3, 0, 0, 0][..], &[0; 20], &[33, 0, 0, 0], spec].concat();
    for pcr in [0, 7, 7] {
        log.extend([pcr, 0, 0, 0, 1, 0, 0, 0x80, 1, 0, 0, 0, 0x0b, 0]);
        log.extend([pcr; 32]);
        log.extend([8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
    log
}

proptest! {
    #[test]
    fn tpm_20_readers_of_what_a_tpm_writes_never_panic(
        bytes in prop_oneof![vec(any::<u8>(), 0..1200), mangled(Machine::new().tpm.quote(&[7; 32], &[0, 23]).0)],
    ) {
        if let Ok(attest) = Attest::parse(&bytes)
            && let Ok(quoted) = attest.quoted()
        {
            let _ = PcrValues::new().check(quoted, PcrBank::Sha256, backend::ring());
        }
        let _ = TpmDevice::new(&bytes, EK, backend::ring());
    }

    #[test]
    fn tpm_20_signatures_never_panic(
        bytes in prop_oneof![vec(any::<u8>(), 0..1100), mangled(Machine::new().tpm.sign(b"bytes"))],
    ) {
        if let Ok(signature) = TpmSignature::parse(&bytes) {
            for algorithm in Algorithm::ALL {
                if let Ok(whole) = signature.to_jose(algorithm) {
                    prop_assert!(algorithm.signature_len().is_none_or(|len| len == whole.len()));
                }
            }
        }
    }

    #[test]
    fn tpm_20_tpm_27_logs_never_panic(bytes in prop_oneof![vec(any::<u8>(), 0..400), mangled(log())]) {
        if let Ok(log) = EventLog::parse(&bytes) {
            let mut quoted = PcrValues::new();
            quoted.insert(PcrBank::Sha256, 7, &[0; 32]).unwrap();
            if let Ok(replayed) = log.replay(&quoted, backend::ring()) {
                let _ = replayed.secure_boot();
            }
        }
    }

    #[test]
    fn tpm_20_evidence_never_panics_and_is_accepted_only_as_it_was_made(change in mangled(vec![0; 1800])) {
        let machine = Machine::new();
        let good = machine.full().to_evidence(NOW).unwrap().payload().to_vec();
        // The same edits to real evidence: zeros stay as they are.
        let bytes: Vec<u8> = change
            .iter()
            .enumerate()
            .map(|(at, byte)| if *byte == 0 { good.get(at).copied().unwrap_or(b' ') } else { *byte })
            .collect();
        let read = TpmEvidence::parse(&bytes);
        let evidence = Evidence::new(EvidenceType::Tpm2Quote, bytes, NOW).unwrap();
        let verdict = machine.appraised_payload(&machine.verifier().build(), &evidence).verdict();
        if verdict == Verdict::Accepted {
            prop_assert_eq!(read.unwrap(), TpmEvidence::parse(&good).unwrap());
        }
    }
}
