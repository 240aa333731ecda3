//! Data that one TPM opens.

use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{AttestationKey, Sealed};

use crate::support::{connect, pcrs};

#[test]
fn what_is_sealed_opens_until_a_pcr_changes() {
    let Some(soft) = SoftTpm::start() else { return };
    let bytes = {
        let tpm = connect(&soft);
        let sealed = tpm.seal(b"the key of a disk", pcrs(&[7, 10])).unwrap();
        assert_eq!(*tpm.unseal(&sealed).unwrap(), b"the key of a disk");
        sealed.to_bytes().unwrap()
    };
    let sealed = Sealed::from_bytes(&bytes).unwrap();
    assert_eq!(sealed.pcrs(), Some(pcrs(&[7, 10])));
    soft.extend_pcr(11, &[1; 32]);
    assert_eq!(*connect(&soft).unseal(&sealed).unwrap(), b"the key of a disk");
    soft.extend_pcr(10, &[1; 32]);
    let tpm = connect(&soft);
    assert_refused!(tpm.unseal(&sealed), "device_policy", "TPM-44");
    // A change is for ever, until the machine starts anew.
    drop(tpm);
    soft.power_cycle();
    assert_eq!(*connect(&soft).unseal(&sealed).unwrap(), b"the key of a disk");
}

#[test]
fn up_to_128_bytes_are_sealed() {
    let Some(soft) = SoftTpm::start() else { return };
    let tpm = connect(&soft);
    for len in [1, 32, 128] {
        let sealed = tpm.seal(&vec![7; len], pcrs(&[10])).unwrap();
        assert_eq!(*tpm.unseal(&sealed).unwrap(), vec![7; len]);
    }
    for len in [0, 129, 4096] {
        assert_refused!(tpm.seal(&vec![7; len], pcrs(&[10])), "tpm_data_length", "TPM-12", "{len}");
    }
}

#[test]
fn tpm_44_another_tpm_and_another_kind_of_object_open_nothing() {
    let Some(soft) = SoftTpm::start() else { return };
    let Some(other) = SoftTpm::start() else { return };
    let tpm = connect(&soft);
    let sealed = tpm.seal(b"secret", pcrs(&[10])).unwrap();
    assert_refused!(connect(&other).unseal(&sealed), "tpm_blob_of_other_tpm", "TPM-44");
    let bytes = sealed.to_bytes().unwrap();
    assert_refused!(AttestationKey::from_bytes(&bytes), "wrong_use", "TPM-44");
    let ak = tpm.create_attestation_key().unwrap().to_bytes().unwrap();
    assert_refused!(Sealed::from_bytes(&ak), "wrong_use", "TPM-44");
    for len in 0..bytes.len() {
        assert_refused!(Sealed::from_bytes(&bytes[..len]), "tpm_blob_corrupt", "TPM-44", "{len}");
    }
}
