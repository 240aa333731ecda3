//! Event logs: none makes a value of a PCR that it was not made for, and data are shown only under their own digest.

use aims_attest::tpm::{EventLog, PcrBank, PcrValue, PcrValues};
use aims_keys::backend;

pub(super) fn run(input: &[u8]) {
    let log = match EventLog::parse(input) {
        Ok(log) => log,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    for bank in PcrBank::ALL {
        let mut quoted = PcrValues::new();
        let zeros = vec![0; bank.hash().output_len()];
        quoted.insert(bank, 7, &zeros).expect("a value");
        assert!(log.replay(&quoted, backend::ring()).is_err(), "events made a PCR of zeros");
    }
    let mut quoted = PcrValues::new();
    quoted.insert(PcrBank::Sha256, 7, &made()).expect("a value");
    let Ok(replayed) = log.replay(&quoted, backend::ring()) else { return };
    // What a log calls its events is not in a PCR: it can hide what they say, and say nothing else.
    assert_ne!(replayed.secure_boot(), Some(false), "another log makes the same PCR");
    for event in replayed.events() {
        assert_eq!(event.pcr(), 7, "nobody vouches for other PCRs");
        let digest = event.data().map(|data| backend::ring().sha256(data));
        let is_its = digest.and_then(|digest| PcrValue::new(PcrBank::Sha256, &digest));
        assert!(is_its.is_none_or(|digest| digest == *event.digest()));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut other = log();
    other.extend([0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0x0b, 0]);
    other.extend([0; 32]);
    other.extend(17_u32.to_le_bytes());
    other.extend(b"StartupLocality\0\x03");
    vec![log(), other]
}

/// What firmware with Secure Boot measures into PCR 7, as far as it is read.
fn measured() -> [(u32, Vec<u8>); 2] {
    let vendor =
        [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
    let name: Vec<u8> = "SecureBoot".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let variable = [&vendor[..], &10_u64.to_le_bytes(), &1_u64.to_le_bytes(), &name, &[1]].concat();
    [(0x8000_0001, variable), (4, vec![0; 4])]
}

pub(super) fn log() -> Vec<u8> {
    let spec = b"Spec ID Event03\0\0\0\0\0\x00\x02\x00\x02\x01\0\0\0\x0b\0\x20\0\0";
    let mut log = [&[0, 0, 0, 0, 3, 0, 0, 0][..], &[0; 20], &[33, 0, 0, 0], spec].concat();
    for (kind, data) in measured() {
        log.extend(7_u32.to_le_bytes());
        log.extend(kind.to_le_bytes());
        log.extend([1, 0, 0, 0, 0x0b, 0]);
        log.extend(backend::ring().sha256(&data));
        log.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
        log.extend(data);
    }
    log
}

/// The digests of the events of that log.
pub(super) fn digests() -> [[u8; 32]; 2] {
    measured().map(|(_, data)| backend::ring().sha256(&data))
}

/// The PCR that they make.
fn made() -> [u8; 32] {
    digests().iter().fold([0; 32], |value, digest| backend::ring().sha256(&[value, *digest].concat()))
}
