//! Quotes, certifications and what an attestation key refuses, judged by `tpm2-tools`.

use std::fs;

use aims_keys::{SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{AttestationKey, PcrBank, TpmKeyStore};

use crate::support::{Dir, connect, key, pcrs};
use crate::tools::{self, hex};

/// `TPM_GENERATED_VALUE`: what everything begins with that a TPM itself made.
const MAGIC: [u8; 4] = [0xff, 0x54, 0x43, 0x47];

/// The body of a `TPMT_SIGNATURE` by ECDSA with SHA-256, as `r || s`.
fn ecdsa(signature: &[u8]) -> Vec<u8> {
    let rest = signature.strip_prefix(&[0x00, 0x18, 0x00, 0x0b]).expect("ECDSA with SHA-256");
    let mut rest = rest;
    let mut fixed = Vec::new();
    for _ in 0..2 {
        let (len, more) = rest.split_first_chunk().unwrap();
        let (number, more) = more.split_at(usize::from(u16::from_be_bytes(*len)));
        fixed.extend(vec![0; 32 - number.len()]);
        fixed.extend(number);
        rest = more;
    }
    assert!(rest.is_empty());
    fixed
}

#[test]
fn a_quote_is_signed_by_its_key_over_nonce_and_values() {
    let Some(soft) = SoftTpm::start() else { return };
    soft.extend_pcr(10, &[1; 32]);
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    let all: Vec<u8> = (0..24).collect();
    for selection in [&[10][..], &[0, 7, 10], &all] {
        let quote = tpm.quote(&ak, &[7; 32], pcrs(selection)).unwrap();
        assert!(quote.attest.starts_with(&MAGIC));
        assert!(quote.attest.windows(32).any(|part| part == [7; 32]));
        ak.public_key().verify(&quote.attest, &ecdsa(&quote.signature)).unwrap();
        let indices: Vec<u8> = quote.pcrs.iter().map(|value| value.index).collect();
        assert_eq!(indices, selection);
        assert!(quote.pcrs.iter().all(|value| value.bank == PcrBank::Sha256 && value.digest.len() == 32));
        assert_eq!(quote.pcrs, tpm.pcr_read(pcrs(selection)).unwrap());
    }
}

#[test]
fn tpm2_checkquote_accepts_our_quotes_and_no_others() {
    if !tools::have("tpm2_checkquote") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    soft.extend_pcr(10, &[1; 32]);
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    let quote = tpm.quote(&ak, &[7; 32], pcrs(&[0, 10])).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("ak.pem", ak.public_key().numbers().to_pem().as_bytes());
    write("attest", &quote.attest);
    write("signature", &quote.signature);
    write("values", &quote.pcrs.iter().flat_map(|value| value.digest.clone()).collect::<Vec<_>>());
    let check = |nonce: &[u8]| {
        let nonce = hex(nonce);
        let values = ["-l", "sha256:0,10", "-f", "values"];
        let args = ["-u", "ak.pem", "-m", "attest", "-s", "signature", "-g", "sha256", "-q", &nonce];
        tools::run(dir.path(), None, "tpm2_checkquote", &[&args[..], &values].concat())
    };
    check(&[7; 32]).unwrap();
    check(&[8; 32]).unwrap_err();
    write("values", &[0; 64]);
    check(&[7; 32]).unwrap_err();
}

/// A signature of a key, judged by another TPM.
#[test]
fn another_tpm_verifies_our_signatures() {
    if !tools::have("tpm2_verifysignature") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let Some(judge) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let key = key(&store, "a");
    let signature = Signer::sign(&key, SignInput::Message(b"message")).unwrap();
    let der = aims_keys::der::ecdsa_to_der(aims_keys::Algorithm::Es256, signature.as_bytes()).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("key.pem", key.public_key().numbers().to_pem().as_bytes());
    write("signature", &der);
    let judged = |message: &[u8]| {
        write("message", message);
        let load = ["-C", "n", "-G", "ecc", "-u", "key.pem", "-c", "key.ctx"];
        tools::run(dir.path(), Some(&judge), "tpm2_loadexternal", &load).unwrap();
        tools::run(dir.path(), Some(&judge), "tpm2_flushcontext", &["-t"]).unwrap();
        let args = ["-c", "key.ctx", "-g", "sha256", "-m", "message", "-s", "signature", "-f", "ecdsa"];
        let outcome = tools::run(dir.path(), Some(&judge), "tpm2_verifysignature", &args);
        tools::run(dir.path(), Some(&judge), "tpm2_flushcontext", &["-t"]).unwrap();
        outcome
    };
    judged(b"message").unwrap();
    judged(b"another").unwrap_err();
}

#[test]
fn tpm_18_nonces_have_32_bytes() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let key = key(&store, "a");
    tpm.quote(&ak, &[7; 32], pcrs(&[0])).unwrap();
    tpm.certify(&key, &ak, &[7; 32]).unwrap();
    for len in [0, 31, 33, 64, 65, 1024] {
        assert_refused!(tpm.quote(&ak, &vec![7; len], pcrs(&[0])), "tpm_nonce", "TPM-18", "{len}");
        assert_refused!(tpm.certify(&key, &ak, &vec![7; len]), "tpm_nonce", "TPM-18", "{len}");
    }
}

#[test]
fn a_certification_names_the_key_and_is_signed_by_the_attestation_key() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    let guarded = TpmKeyStore::builder(&tpm, dir.store()).pcr_policy(pcrs(&[10])).open().unwrap();
    for key in [key(&store, "a"), key(&guarded, "b")] {
        let certification = tpm.certify(&key, &ak, &[7; 32]).unwrap();
        assert_eq!(certification.public, key.public());
        assert!(certification.attest.starts_with(&MAGIC));
        assert!(certification.attest.windows(34).any(|part| part == key.name()));
        ak.public_key().verify(&certification.attest, &ecdsa(&certification.signature)).unwrap();
    }
}

/// TPM-13: what begins as an attestation does gets no ticket from the TPM, and no signature.
#[test]
fn tpm_13_data_that_pretends_to_be_an_attestation_is_refused() {
    let Some(soft) = SoftTpm::start() else { return };
    let tpm = connect(&soft);
    let ak = tpm.create_attestation_key().unwrap();
    for data in [&b"x"[..], b"a certificate request", &[7; 1024], &MAGIC[..3]] {
        let signature = tpm.sign_data(&ak, data).unwrap();
        ak.public_key().verify(data, signature.as_bytes()).unwrap();
    }
    let forged = tpm.quote(&ak, &[7; 32], pcrs(&[0])).unwrap().attest;
    for data in [&MAGIC[..], &forged] {
        assert_refused!(tpm.sign_data(&ak, data), "tpm_key_restricted", "TPM-13");
    }
    for len in [0, 1025] {
        assert_refused!(tpm.sign_data(&ak, &vec![7; len]), "tpm_data_length", "TPM-12");
    }
}

#[test]
fn an_attestation_key_is_loaded_again_and_by_its_own_tpm_only() {
    let Some(soft) = SoftTpm::start() else { return };
    let Some(other) = SoftTpm::start() else { return };
    let bytes = connect(&soft).create_attestation_key().unwrap().to_bytes().unwrap();
    let ak = AttestationKey::from_bytes(&bytes).unwrap();
    let tpm = connect(&soft);
    let quote = tpm.quote(&ak, &[7; 32], pcrs(&[0])).unwrap();
    ak.public_key().verify(&quote.attest, &ecdsa(&quote.signature)).unwrap();
    let refused = connect(&other).quote(&ak, &[7; 32], pcrs(&[0]));
    assert_refused!(refused, "tpm_blob_of_other_tpm", "TPM-44");
    for len in 0..bytes.len() {
        assert_refused!(AttestationKey::from_bytes(&bytes[..len]), "tpm_blob_corrupt", "TPM-44");
    }
}

#[test]
fn a_tpm_says_what_it_is() {
    let Some(soft) = SoftTpm::start() else { return };
    let info = connect(&soft).info().unwrap();
    assert_eq!((info.manufacturer.as_str(), info.revision), ("IBM", 164));
    assert!(!info.model.is_empty() && info.firmware != 0, "{info:?}");
    assert!(info.banks.contains(&PcrBank::Sha256), "{info:?}");
    assert!(info.algorithms.contains(&aims_keys::Algorithm::Es256), "{info:?}");
}
