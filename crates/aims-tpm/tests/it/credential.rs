//! Endorsement keys, and credentials that only one TPM opens, made by `tpm2_makecredential`.

use std::fs;

use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{EndorsementKind, Tpm};

use crate::support::{Dir, connect};
use crate::tools::{self, hex};

const KINDS: [EndorsementKind; 3] =
    [EndorsementKind::EccP384, EndorsementKind::Rsa2048, EndorsementKind::EccP256];

#[test]
fn endorsement_keys_are_those_of_their_certificates() {
    let Some((soft, ca)) = SoftTpm::with_endorsement() else { return };
    let tpm = connect(&soft);
    for kind in [EndorsementKind::EccP384, EndorsementKind::Rsa2048] {
        let endorsement = tpm.endorsement(kind).unwrap();
        let certificate = endorsement.certificate.unwrap();
        let len = 4 + usize::from(u16::from_be_bytes([certificate[2], certificate[3]]));
        assert_eq!((certificate[0], certificate.len()), (0x30, len), "one DER certificate");
        // What a public part ends with is the modulus, or the y of the point.
        let number = &endorsement.public[endorsement.public.len() - 48..];
        assert!(certificate.windows(48).any(|part| part == number), "{kind:?}");
        // Who issued it is named as who signs below the root.
        assert!(!ca.issuer().is_empty());
    }
    // This factory certifies none, though the TPM has one.
    assert_eq!(tpm.endorsement(EndorsementKind::EccP256).unwrap().certificate, None);
}

#[test]
fn endorsement_keys_that_are_made_anew_are_those_that_the_tpm_keeps() {
    if !tools::have("tpm2_evictcontrol") {
        return;
    }
    let Some((soft, _)) = SoftTpm::with_endorsement() else { return };
    let dir = Dir::new();
    let kept = connect(&soft).endorsement(EndorsementKind::EccP384).unwrap();
    tools::run(dir.path(), Some(&soft), "tpm2_evictcontrol", &["-C", "o", "-c", "0x81010016"])
        .or_else(|_| {
            tools::run(dir.path(), Some(&soft), "tpm2_evictcontrol", &["-C", "p", "-c", "0x81010016"])
        })
        .unwrap();
    assert_eq!(connect(&soft).endorsement(EndorsementKind::EccP384).unwrap(), kept);
}

/// Makes a credential with the tools of others, in a TPM of its own: the contents of both structures.
fn credential(judge: &SoftTpm, dir: &Dir, ek: &[u8], name: &[u8], secret: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let sized = [&u16::try_from(ek.len()).unwrap().to_be_bytes()[..], ek].concat();
    fs::write(dir.path().join("ek.pub"), sized).unwrap();
    fs::write(dir.path().join("secret"), secret).unwrap();
    let args = ["-u", "ek.pub", "-s", "secret", "-n", &hex(name), "-o", "credential"];
    tools::run(dir.path(), Some(judge), "tpm2_makecredential", &args).unwrap();
    let bytes = fs::read(dir.path().join("credential")).unwrap();
    // Magic and version of the tools.
    let mut rest = &bytes[8..];
    let mut parts = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk() {
        let (part, more) = more.split_at(usize::from(u16::from_be_bytes(*len)));
        parts.push(part.to_vec());
        rest = more;
    }
    let [credential, secret] = parts.try_into().expect("two structures");
    (credential, secret)
}

#[test]
fn a_credential_for_both_keys_opens_and_no_other_does() {
    if !tools::have("tpm2_makecredential") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let Some(judge) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    let other = tpm.create_attestation_key().unwrap();
    for kind in KINDS {
        let ek = tpm.endorsement(kind).unwrap().public;
        let make = |name: &[u8]| credential(&judge, &dir, &ek, name, b"prove that you are there, please");
        let (blob, secret) = make(&ak.name());
        assert_eq!(*tpm.activate(&ak, kind, &blob, &secret).unwrap(), b"prove that you are there, please");

        let refused = tpm.activate(&other, kind, &blob, &secret);
        assert_refused!(refused, "tpm_credential_refused", "TPM-44", "{kind:?}: for another key");
        let (blob, secret) = make(&other.name());
        let refused = tpm.activate(&ak, kind, &blob, &secret);
        assert_refused!(refused, "tpm_credential_refused", "TPM-44", "{kind:?}: for another name");
        let mut altered = blob.clone();
        altered[40] ^= 1;
        let refused = tpm.activate(&other, kind, &altered, &secret);
        assert_refused!(refused, "tpm_credential_refused", "TPM-44", "{kind:?}: altered");
        assert_eq!(tpm.activate(&other, kind, &blob, &secret).unwrap().len(), 32);
    }
}

#[test]
fn a_credential_for_another_tpm_is_refused() {
    if !tools::have("tpm2_makecredential") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let Some(other) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let ek = |tpm: &Tpm| tpm.endorsement(EndorsementKind::EccP384).unwrap().public;
    let foreign = ek(&connect(&other));
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    let (blob, secret) = credential(&other, &dir, &foreign, &ak.name(), &[7; 32]);
    let refused = tpm.activate(&ak, EndorsementKind::EccP384, &blob, &secret);
    assert_refused!(refused, "tpm_credential_refused", "TPM-44");
    for len in [0, 10, 4096] {
        let bytes = vec![0; len];
        assert!(tpm.activate(&ak, EndorsementKind::EccP384, &bytes, &secret).is_err(), "{len}");
        assert!(tpm.activate(&ak, EndorsementKind::EccP384, &blob, &bytes).is_err(), "{len}");
    }
}
