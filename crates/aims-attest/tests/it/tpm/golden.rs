//! What a software TPM has signed, and what a cloud's has.

use aims_attest::tpm::{
    Attest, CertifiedKey, EnrolledDevices, EventLog, PcrBank, PcrPolicy, PcrValues, TpmDevice, TpmSignature,
    TpmVerifier,
};
use aims_attest::{Asked, BoundKey, Evidence, EvidenceType, KeyBinding, Verifier};
use aims_jose::Thumbprint;
use aims_keys::{Algorithm, PublicKey, backend};
use aims_testkit::{assert_refused, vectors};

use super::support::{EK, hex, vector};
use crate::support::NOW;

struct Golden {
    device: TpmDevice,
    attest: Vec<u8>,
    signature: Vec<u8>,
    nonce: Vec<u8>,
    pcrs: PcrValues,
}

fn golden() -> Option<Golden> {
    let file = |name: &str| vector(&format!("swtpm/{name}"));
    let mut pcrs = PcrValues::new();
    let values = file("quote_sha256_pcr0_7_16.pcrs")?;
    for (index, value) in [0, 7, 16].into_iter().zip(values.chunks(32)) {
        pcrs.insert(PcrBank::Sha256, index, value).unwrap();
    }
    Some(Golden {
        device: TpmDevice::new(&file("ak_p256_public.tpmt")?, EK, backend::ring()).unwrap(),
        attest: file("quote_sha256_pcr0_7_16.tpms_attest")?,
        signature: file("quote_sha256_pcr0_7_16.tpmt_signature")?,
        nonce: file("nonce.bin")?,
        pcrs,
    })
}

/// The signature of a file of the set, raw, as a TPM writes it.
fn tpmt(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(32);
    [&[0, 0x18, 0, 0x0b, 0, 32][..], r, &[0, 32], s].concat()
}

#[test]
fn tpm_20_tpm_22_tpm_25_the_quote_of_a_tpm_verifies() {
    let Some(golden) = golden() else { return };
    assert_eq!(golden.device.ak().as_bytes(), vector("swtpm/ak_p256_name.bin").unwrap());
    golden.device.verify(&golden.attest, &golden.signature).unwrap();
    let attest = Attest::parse(&golden.attest).unwrap();
    assert_eq!((attest.extra_data(), golden.nonce.len()), (golden.nonce.as_slice(), 32));
    assert_eq!((attest.clock().reset_count(), attest.clock().restart_count()), (5, 0));
    assert!(attest.clock().is_safe());
    let quoted = attest.quoted().unwrap();
    assert!(quoted.selections()[0].indices().eq([0, 7, 16]));
    golden.pcrs.check(quoted, golden.device.hash(), backend::ring()).unwrap();
    // PCR 16 is zeros, extended by the digest of a program.
    let program = backend::ring().sha256(b"agent image");
    let extended = backend::ring().sha256(&[[0; 32], program].concat());
    assert_eq!(golden.pcrs.get(PcrBank::Sha256, 16).unwrap().as_bytes(), extended);
    let seven = golden.pcrs.get(PcrBank::Sha256, 7).unwrap().as_bytes();
    let policy = PcrPolicy::builder("swtpm", 1).require(PcrBank::Sha256, 7, [seven]).build().unwrap();
    policy.check(&golden.pcrs).unwrap();
    let raw =
        TpmSignature::parse(&golden.signature).unwrap().to_jose(golden.device.key().algorithm()).unwrap();
    assert_eq!(raw, vector("swtpm/quote_sha256_pcr0_7_16.sig").unwrap());
}

#[test]
fn tpm_22_no_bit_of_the_quote_of_a_tpm_can_be_another() {
    let Some(golden) = golden() else { return };
    for bit in 0..golden.attest.len() * 8 {
        let mut attest = golden.attest.clone();
        attest[bit / 8] ^= 1 << (bit % 8);
        assert_refused!(
            golden.device.verify(&attest, &golden.signature),
            "bad_signature",
            "TPM-22",
            "bit {bit}"
        );
    }
    for bit in 0..golden.signature.len() * 8 {
        let mut signature = golden.signature.clone();
        signature[bit / 8] ^= 1 << (bit % 8);
        golden.device.verify(&golden.attest, &signature).unwrap_err();
    }
}

#[test]
fn tpm_30_of_the_keys_that_a_tpm_certified_the_unrestricted_one_is_for_credentials() {
    let Some(golden) = golden() else { return };
    let file = |name: &str| vector(&format!("swtpm/{name}")).unwrap();
    let check = |of: &str, public: &str| {
        let attest = file(&format!("{of}_certify.tpms_attest"));
        golden.device.verify(&attest, &tpmt(&file(&format!("{of}_certify.sig")))).unwrap();
        let attest = Attest::parse(&attest).unwrap();
        assert_eq!(attest.extra_data(), golden.nonce);
        CertifiedKey::check(&file(public), attest.certified().unwrap(), backend::ring())
    };
    let key = check("app_key_p256", "app_key_p256_public.tpmt").unwrap();
    let numbers = key.public().public_numbers().unwrap();
    let loaded = PublicKey::load(numbers.clone(), numbers.usual_algorithm(), backend::ring()).unwrap();
    assert_eq!(key.thumbprint(), &Thumbprint::of(&loaded));
    let restricted = check("restricted_key_p256", "restricted_key_p256_public.tpmt");
    assert_refused!(restricted, "tpm_key_attributes", "TPM-30");
    let other = check("app_key_p256", "restricted_key_p256_public.tpmt");
    assert_refused!(other, "tpm_key_name", "TPM-30");
    // Every bit of the public area is in the name.
    let public = file("app_key_p256_public.tpmt");
    let attest = file("app_key_p256_certify.tpms_attest");
    let certified = *Attest::parse(&attest).unwrap().certified().unwrap();
    for bit in 0..public.len() * 8 {
        let mut changed = public.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        CertifiedKey::check(&changed, &certified, backend::ring()).unwrap_err();
    }
    // Keys of the set that are no attestation keys.
    for name in ["app_key_p256_public.tpmt", "ek_p384_public.tpmt"] {
        let device = TpmDevice::new(&file(name), EK, backend::ring());
        assert_refused!(device, "tpm_ak_attributes", "TPM-23", "{name}");
    }
}

/// A Windows machine in a cloud: a key of RSA that signs over SHA-1, PCRs of SHA-1, and a log in the older format.
#[test]
fn tpm_22_tpm_25_tpm_27_a_quote_with_sha_1_is_read_and_proves_nothing() {
    let Some(file) = vectors::json("attestation/tpm/windows_gcp_shielded_vm.json") else { return };
    let bytes = |pointer: &str| {
        let text =
            file.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("{pointer}"));
        aims_jose::base64::decode(text).unwrap()
    };
    let device = TpmDevice::new(&bytes("/AK/Public"), EK, backend::ring());
    let (attest, signature) = (bytes("/Quote/Quote"), bytes("/Quote/Signature"));
    let quote = Attest::parse(&attest).unwrap();
    let quoted = quote.quoted().unwrap();
    assert_eq!(quoted.selections()[0].algorithm_id(), 0x0004);
    let check = PcrValues::new().check(quoted, PcrBank::Sha256, backend::ring());
    assert_refused!(check, "pcr_weak_bank", "TPM-25");
    // The attestation key itself signs over SHA-1, whatever the quote is about.
    assert_refused!(device, "unsupported_algorithm", "TPM-22");
    assert_refused!(TpmSignature::parse(&signature), "tpm_signature_hash", "TPM-22");
    assert_refused!(EventLog::parse(&bytes("/Log/Raw")), "event_log_not_agile", "TPM-27");
}

/// Evidence that was made with swtpm 0.7.1 for these tests, as a collector makes it: PCRs of two banks, a quote and a certification that answer a challenge of ours.
#[test]
fn tpm_24_tpm_25_tpm_30_evidence_of_a_software_tpm_is_accepted_for_its_challenge_and_its_key() {
    let ak = hex(include_str!("swtpm/ak.tpmt.hex").trim());
    let device = TpmDevice::new(&ak, EK, backend::ring()).unwrap();
    let devices = EnrolledDevices::new();
    devices.enrol(device);
    // swtpm began with PCRs of zeros; these two were extended by the digest of "x".
    let x256 = backend::ring().sha256(&[[0; 32], backend::ring().sha256(b"x")].concat());
    let x384 = backend::ring().sha384(&[[0; 48], backend::ring().sha384(b"x")].concat());
    let policy = PcrPolicy::builder("swtpm", 1)
        .require(PcrBank::Sha256, 0, [[0; 32]])
        .require(PcrBank::Sha256, 7, [x256])
        .require(PcrBank::Sha384, 7, [x384])
        .build()
        .unwrap();
    let verifier = TpmVerifier::builder(devices, backend::ring()).pcr_policy(policy).build();
    let payload = include_str!("swtpm/evidence.json").as_bytes().to_vec();
    let evidence = Evidence::new(EvidenceType::Tpm2Quote, payload, NOW).unwrap();
    let key: Thumbprint = "-JtMFrChAaYOrv_1kpX54HGI5fiWeMH2LFhzEKXGslw".parse().unwrap();
    for (nonce, expected) in [(7, "accepted"), (8, "nonce_mismatch")] {
        let binding = KeyBinding::of("spiffe://acme.example", &[nonce; 32], &key, backend::ring());
        let appraisal = verifier.appraise(&evidence, &Asked::bound(NOW, &binding, &key));
        assert_eq!(appraisal.verdict().code(), expected);
        let is_bound = *appraisal.bound_key() == BoundKey::Hardware(key);
        assert_eq!(is_bound, expected == "accepted");
    }
}

/// By swtpm 0.7.1 too: attestation keys of other kinds, each with a quote of PCRs 0 and 7 when they were zeros. A digest of PCRs is by the hash function of the key.
#[test]
fn tpm_22_tpm_25_quotes_by_keys_of_other_kinds_verify() {
    let mut pcrs = PcrValues::new();
    for index in [0, 7] {
        pcrs.insert(PcrBank::Sha256, index, &[0; 32]).unwrap();
    }
    let expected = [
        (Algorithm::Es384, PcrBank::Sha384),
        (Algorithm::Rs256, PcrBank::Sha256),
        (Algorithm::Ps256, PcrBank::Sha256),
        (Algorithm::Ps512, PcrBank::Sha512),
    ];
    let lines: Vec<_> = include_str!("swtpm/keys.txt").lines().collect();
    assert_eq!(lines.len(), expected.len());
    for (line, (algorithm, hash)) in lines.into_iter().zip(expected) {
        let parts: Vec<_> = line.split(' ').skip(1).map(hex).collect();
        let [ak, attest, signature] = parts.as_slice() else { panic!("{line}") };
        let device = TpmDevice::new(ak, EK, backend::ring()).unwrap();
        assert_eq!((device.key().algorithm(), device.hash()), (algorithm, hash));
        device.verify(attest, signature).unwrap();
        let read = Attest::parse(attest).unwrap();
        assert_eq!(read.extra_data(), [7, 7]);
        pcrs.check(read.quoted().unwrap(), device.hash(), backend::ring()).unwrap();
        let mut changed = attest.clone();
        changed[60] ^= 1;
        assert_refused!(device.verify(&changed, signature), "bad_signature", "TPM-22", "{algorithm}");
        let mut changed = signature.clone();
        changed[60] ^= 1;
        assert_refused!(device.verify(attest, &changed), "bad_signature", "TPM-22", "{algorithm}");
    }
}
