//! Keys that sign while the machine is as it was.

use aims_keys::{SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{AuthValue, PcrBank, PcrSelection, TpmKeyStore};

use crate::support::{Dir, connect, id, key, pcrs, signs};

#[test]
fn a_key_with_a_pcr_policy_signs_until_a_pcr_changes() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    {
        let tpm = connect(&soft);
        let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[0, 10])).open().unwrap();
        signs(&key(&store, "a"));
    }
    soft.extend_pcr(11, &[1; 32]);
    {
        let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
        signs(&store.signer(&id("a")).unwrap());
    }
    soft.extend_pcr(10, &[1; 32]);
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let key = store.signer(&id("a")).unwrap();
    assert_refused!(Signer::sign(&key, SignInput::Message(b"message")), "device_policy", "TPM-44");
}

#[test]
fn a_policy_and_an_authorization_value_are_both_asked_for() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let with = |value: &[u8]| {
        let auth = AuthValue::new(value.to_vec()).unwrap();
        let store = TpmKeyStore::builder(&tpm, dir.store()).auth(auth).pcr_policy(pcrs(&[10]));
        store.open().unwrap()
    };
    let right = key(&with(b"right"), "a");
    signs(&right);
    let wrong = with(b"wrong").signer(&id("a")).unwrap();
    assert_refused!(Signer::sign(&wrong, SignInput::Message(b"message")), "auth_failed", "TPM-44");
    signs(&right);
}

#[test]
fn pcrs_that_prove_nothing_or_are_not_there_are_refused() {
    let Some((soft, _)) = SoftTpm::with_endorsement() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    for index in [16, 23] {
        let store = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[0, index]));
        assert_refused!(store.open(), "device_policy", "TPM-44");
        assert_refused!(tpm.seal(b"secret", pcrs(&[index])), "tpm_pcr_resettable", "TPM-44");
    }
    for indices in [&[][..], &[24], &[255]] {
        assert_refused!(PcrSelection::new(PcrBank::Sha256, indices), "tpm_pcr_selection", "TPM-44");
    }
    // This one left the factory with the SHA-256 bank alone.
    assert_eq!(tpm.info().unwrap().banks, [PcrBank::Sha256]);
    let absent = PcrSelection::new(PcrBank::Sha384, &[0]).unwrap();
    assert_refused!(tpm.pcr_read(absent), "tpm_pcr_absent", "TPM-44");
    assert_refused!(tpm.seal(b"secret", absent), "tpm_pcr_absent", "TPM-44");
    let ak = tpm.create_attestation_key().unwrap();
    assert_refused!(tpm.quote(&ak, &[7; 32], absent), "tpm_pcr_absent", "TPM-44");
}
