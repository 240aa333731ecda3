//! Attestation keys and keys that they certify (TPM-22, TPM-23, TPM-30).

use aims_attest::tpm::{Attest, CertifiedKey, EnrolledDevices, TpmDevice, TpmDevices};
use aims_jose::Thumbprint;
use aims_keys::backend;
use aims_testkit::{TestTpm, assert_refused};

use super::support::{EK, Machine, with_attributes};

/// Bits of `TPMA_OBJECT`.
const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

#[test]
fn tpm_23_an_attestation_key_signs_nothing_but_what_its_tpm_says() {
    let public = TestTpm::new().ak_public().to_vec();
    let device = |public: &[u8]| TpmDevice::new(public, EK, backend::ring());
    let good = device(&public).unwrap();
    assert_eq!((good.ek_sha256(), good.manufacturer(), good.is_revoked()), (&EK, None, false));
    let computed = [&[0, 0x0b][..], &backend::ring().sha256(&public)].concat();
    assert_eq!(good.ak().as_bytes(), computed);
    for bit in [FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN, RESTRICTED, DECRYPT, SIGN] {
        let odd = with_attributes(&public, 0x0005_0072 ^ bit);
        assert_refused!(device(&odd), "tpm_ak_attributes", "TPM-23", "bit {bit:#x}");
    }
}

#[test]
fn tpm_22_tpm_23_an_attestation_key_has_a_scheme_of_its_own_and_a_strong_one() {
    let public = TestTpm::new().ak_public().to_vec();
    let device = |public: &[u8]| TpmDevice::new(public, EK, backend::ring());
    // No symmetric cipher, then the scheme: none, and ECDSA over a hash function that does not go with the curve.
    let (head, tail) = (&public[..12], &public[16..]);
    let none = [head, &[0, 0x10], tail].concat();
    assert_refused!(device(&none), "tpm_ak_algorithm", "TPM-22");
    let sha_384 = [head, &[0, 0x18, 0, 0x0c], tail].concat();
    assert_refused!(device(&sha_384), "tpm_ak_algorithm", "TPM-22");
    let sha_1 = [head, &[0, 0x18, 0, 0x04], tail].concat();
    assert_refused!(device(&sha_1), "unsupported_algorithm", "TPM-22");
    let mut named_by_sha_1 = public.clone();
    named_by_sha_1[3] = 0x04;
    assert_refused!(device(&named_by_sha_1), "unsupported_algorithm", "TPM-22");
    assert_refused!(device(&public[..80]), "malformed", "TPM-20");
    let mut off_curve = public.clone();
    off_curve[87] ^= 1;
    assert_refused!(device(&off_curve), "key_not_on_curve", "JO-KEY-03");
}

#[test]
fn tpm_22_a_signature_is_of_this_key_over_these_bytes() {
    let (tpm, other) = (TestTpm::new(), TestTpm::new());
    let device = TpmDevice::new(tpm.ak_public(), EK, backend::ring()).unwrap();
    let (attest, signature) = tpm.quote(&[1; 32], &[0]);
    device.verify(&attest, &signature).unwrap();
    assert_refused!(device.verify(&attest, &other.sign(&attest)), "bad_signature", "TPM-22");
    assert_refused!(device.verify(&attest[1..], &signature), "bad_signature", "TPM-22");
    // One that is made for a hash function that is not accepted, or by another scheme.
    let mut weak = signature.clone();
    weak[3] = 0x04;
    assert_refused!(device.verify(&attest, &weak), "tpm_signature_hash", "TPM-22");
    let mut odd = signature;
    odd[3] = 0x0c;
    assert_refused!(device.verify(&attest, &odd), "tpm_signature_scheme", "TPM-22");
}

#[test]
fn tpm_22_what_was_not_enrolled_is_not_found() {
    let machine = Machine::new();
    let devices = EnrolledDevices::new();
    let ak = machine.device().ak().clone();
    assert!(devices.device(&ak).unwrap().is_none());
    assert!(!devices.revoke(&ak));
    devices.enrol(machine.device());
    assert!(!devices.device(&ak).unwrap().unwrap().is_revoked());
    assert!(devices.revoke(&ak));
    assert!(devices.device(&ak).unwrap().unwrap().is_revoked());
    // Whoever has it can be enrolled again, and is not believed again for that.
    devices.enrol(machine.device());
    assert!(devices.device(&ak).unwrap().unwrap().is_revoked());
}

#[test]
fn tpm_30_a_credential_key_is_the_certified_one_stays_in_its_tpm_and_signs_for_its_owner() {
    let tpm = TestTpm::new();
    let (key, public) = tpm.key();
    let check = |public: &[u8], certified: &[u8]| {
        let (bytes, _) = tpm.certify(certified, &[]);
        let attest = Attest::parse(&bytes).unwrap();
        CertifiedKey::check(public, attest.certified().unwrap(), backend::ring())
    };
    let found = check(&public, &public).unwrap();
    assert_eq!(found.thumbprint(), &Thumbprint::of(key.public_key()));
    assert_eq!(found.public().as_bytes(), public);
    let (_, other) = tpm.key();
    assert_refused!(check(&other, &public), "tpm_key_name", "TPM-30");
    for bit in [FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN, RESTRICTED, DECRYPT, SIGN] {
        let odd = with_attributes(&public, 0x0004_0472 ^ bit);
        assert_refused!(check(&odd, &odd), "tpm_key_attributes", "TPM-30", "bit {bit:#x}");
    }
    let short = &public[..public.len() - 1];
    assert_refused!(check(short, short), "malformed", "TPM-20");
}

#[test]
fn att_123_what_is_shown_names_no_machine() {
    let machine = Machine::new();
    let shown = format!("{:?} {:?}", machine.device(), machine.devices());
    assert_eq!(
        shown,
        "TpmDevice { key: PublicKey { algorithm: Es256, backend: ring, .. }, is_revoked: false, .. } EnrolledDevices { count: 1, .. }"
    );
}
