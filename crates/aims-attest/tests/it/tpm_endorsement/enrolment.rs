//! Enrolling TPMs (TPM-23, TPM-29).

use std::time::Duration;

use aims_attest::tpm::{
    EndorsementRoots, EndorsementVerifier, EnrolledTpm, Enrolment, EnrolmentError, PendingEnrolment,
    TpmCredential, TpmPublic,
};
use aims_keys::{UnixTime, backend};
use aims_testkit::assert_refused;

use super::certificates::*;
use super::support::{NOW, golden};
use super::tpm::{Curve, Tpm, unhex};

const MINUTE: Duration = Duration::from_secs(60);

/// A TPM with its certificate, and who enrols it.
pub(crate) struct World {
    tpm: Tpm,
    root: Authority,
    chain: Vec<Vec<u8>>,
    ak: Vec<u8>,
    enrolment: Enrolment,
}

impl World {
    pub(crate) fn new(curve: Curve) -> Self {
        let (tpm, root) = (Tpm::new(curve), Authority::new("root"));
        let chain = vec![root.certify(&Certificate::of(&tpm.key()))];
        let roots = EndorsementRoots::new("makers-2026", [root.root()]).unwrap();
        let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend::ring()).build());
        Self { tpm, root, chain, ak: ak(), enrolment }
    }

    pub(crate) fn begin(&self) -> Result<(TpmCredential, PendingEnrolment), EnrolmentError> {
        self.enrolment.begin(&self.chain, &self.tpm.ek, &self.ak, NOW)
    }

    pub(crate) fn activate(&self, credential: &TpmCredential) -> Option<Vec<u8>> {
        let name = TpmPublic::parse(&self.ak).unwrap().name(backend::ring());
        self.tpm.activate(name.as_bytes(), credential.id_object(), credential.encrypted_secret())
    }

    pub(crate) fn enrol(&self) -> EnrolledTpm {
        let (credential, pending) = self.begin().unwrap();
        pending.finish(&self.activate(&credential).unwrap(), NOW).unwrap()
    }
}

/// The attestation key of the golden set.
pub(crate) fn ak() -> Vec<u8> {
    unhex(
        "0023000b00050072000000100018000b000300100020e4542afca75b287127f4684c8d451efe8b4b2198faa153f4aff00cdbf04425480020863db18184aa443cf0c1851370deb1db70cd3e95061759f8c41a26c1cc8251ae",
    )
}

#[test]
fn tpm_29_a_tpm_that_gives_out_the_secret_is_enrolled() {
    for curve in [Curve::P256, Curve::P384] {
        let world = World::new(curve);
        let (credential, pending) = world.begin().unwrap();
        assert_eq!((pending.expires(), pending.endorsement().model()), (NOW + MINUTE, "model 7"));
        let secret = world.activate(&credential).unwrap();
        assert_eq!(secret.len(), 32);
        assert!(!format!("{pending:?}").contains("secret"), "{pending:?}");
        let enrolled = pending.finish(&secret, NOW + MINUTE).unwrap();
        assert_eq!(*enrolled.ek_sha256(), backend::ring().sha256(&world.tpm.key().to_spki()));
        assert_eq!(enrolled.ak_public().as_bytes(), world.ak);
        assert_eq!(*enrolled.ak_name(), enrolled.ak_public().name(backend::ring()));
        assert_eq!(
            (enrolled.manufacturer(), enrolled.model(), enrolled.version()),
            ("id:41494D53", "model 7", "id:00010002")
        );
        assert_eq!((enrolled.roots_id(), enrolled.enrolled_at()), ("makers-2026", NOW + MINUTE));
        assert_eq!(enrolled.not_after().as_secs(), 1_893_456_000);
        assert_eq!(enrolled.device().ek_sha256(), enrolled.ek_sha256());
        assert_eq!(enrolled.device().manufacturer(), Some("id:41494D53"));
    }
}

#[test]
fn tpm_29_any_other_secret_ends_the_enrolment() {
    let world = World::new(Curve::P256);
    let (credential, _) = world.begin().unwrap();
    let secret = world.activate(&credential).unwrap();
    let mut changed = secret.clone();
    changed[31] ^= 1;
    for wrong in [&changed[..], &secret[..31], &[], &[&secret[..], &[0]].concat(), &[0; 32]] {
        let (_, pending) = world.begin().unwrap();
        assert_refused!(pending.finish(wrong, NOW), "nonce_mismatch", "TPM-29");
    }
    // That of another enrolment of the same TPM is another.
    let (_, pending) = world.begin().unwrap();
    assert_refused!(pending.finish(&secret, NOW), "nonce_mismatch", "TPM-29");
}

#[test]
fn tpm_29_a_credential_is_for_one_tpm_and_one_key() {
    let (world, other) = (World::new(Curve::P256), World::new(Curve::P384));
    let (credential, _) = world.begin().unwrap();
    let name = other.enrol().ak_name().as_bytes().to_vec();
    let encrypted = credential.encrypted_secret();
    assert_eq!(other.tpm.activate(&name, credential.id_object(), encrypted), None);
    let mut another = name.clone();
    another[9] ^= 1;
    assert_eq!(world.tpm.activate(&another, credential.id_object(), encrypted), None);
}

#[test]
fn att_21_an_enrolment_lapses() {
    let world = World::new(Curve::P256);
    for (lifetime, after, taken) in [
        (None, MINUTE, true),
        (None, MINUTE + Duration::from_secs(1), false),
        (Some(Duration::from_secs(5)), Duration::from_secs(6), false),
        (Some(MINUTE * 60), MINUTE * 10, true),
        (Some(MINUTE * 60), MINUTE * 10 + Duration::from_secs(1), false),
    ] {
        let mut enrolment = world.enrolment.clone();
        if let Some(lifetime) = lifetime {
            enrolment = enrolment.with_lifetime(lifetime);
        }
        let (credential, pending) = enrolment.begin(&world.chain, &world.tpm.ek, &world.ak, NOW).unwrap();
        let finished = pending.finish(&world.activate(&credential).unwrap(), NOW + after);
        if taken {
            finished.unwrap();
        } else {
            assert_refused!(finished, "expired", "ATT-21");
        }
    }
    // A clock that goes back makes no time.
    let (credential, pending) = world.begin().unwrap();
    let finished = pending.finish(&world.activate(&credential).unwrap(), NOW - MINUTE);
    assert_refused!(finished, "expired", "ATT-21");
}

#[test]
fn att_24_nothing_is_enrolled_after_the_end_of_its_certificate() {
    let world = World::new(Curve::P256);
    let chain = [world.root.certify(&Certificate {
        validity: ("20260101000000Z", "20261130002700Z"),
        ..Certificate::of(&world.tpm.key())
    })];
    let end = UnixTime::from_secs(1_795_998_420);
    let begun = end - Duration::from_secs(10);
    let (credential, pending) = world.enrolment.begin(&chain, &world.tpm.ek, &world.ak, begun).unwrap();
    let secret = world.activate(&credential).unwrap();
    assert_eq!(pending.endorsement().not_after(), end);
    assert_refused!(pending.finish(&secret, end + Duration::from_secs(1)), "expired", "ATT-21");
}

#[test]
fn tpm_29_the_certificate_is_for_the_endorsement_key_of_the_tpm() {
    let world = World::new(Curve::P256);
    let other = Tpm::new(Curve::P384);
    let begun = world.enrolment.begin(&world.chain, &other.ek, &world.ak, NOW);
    assert_refused!(begun, "key_mismatch", "TPM-29");
    // Nor does a good certificate of somebody else's TPM help.
    let theirs = [world.root.certify(&Certificate::of(&other.key()))];
    let begun = world.enrolment.begin(&theirs, &world.tpm.ek, &world.ak, NOW);
    assert_refused!(begun, "key_mismatch", "TPM-29");
    let stranger = [Authority::new("root").certify(&Certificate::of(&world.tpm.key()))];
    let begun = world.enrolment.begin(&stranger, &world.tpm.ek, &world.ak, NOW);
    assert_refused!(begun, "bad_signature", "TPM-28");
}

#[test]
fn tpm_23_the_attestation_key_is_one() {
    let world = World::new(Curve::P256);
    let begin = |ak: &[u8]| world.enrolment.begin(&world.chain, &world.tpm.ek, ak, NOW);
    for (attributes, what) in [
        ([0, 4, 0, 0x72], "not restricted"),
        ([0, 1, 0, 0x72], "signs nothing"),
        ([0, 7, 0, 0x72], "decrypts"),
        ([0, 5, 0, 0x70], "can leave its TPM"),
        ([0, 5, 0, 0x62], "can leave its parent"),
        ([0, 5, 0, 0x52], "was made elsewhere"),
    ] {
        let mut ak = world.ak.clone();
        ak[4..8].copy_from_slice(&attributes);
        assert_refused!(begin(&ak), "tpm_ak_attributes", "TPM-23", "{what}");
    }
    let without = [&world.ak[..12], &[0, 0x10], &world.ak[16..]].concat();
    assert_refused!(begin(&without), "tpm_ak_algorithm", "TPM-22");
    let mut sha1 = world.ak.clone();
    sha1[3] = 4;
    assert_refused!(begin(&sha1), "unsupported_algorithm", "TPM-22");
    assert_refused!(begin(&world.tpm.ek), "tpm_ak_attributes", "TPM-23");
    assert_refused!(begin(&world.ak[..87]), "malformed", "TPM-20");
    assert_refused!(begin(&[]), "malformed", "TPM-20");
    assert_refused!(begin(&[0; 4096]), "too_large", "ATT-5");
    // An application key that signs anything, and one that is restricted but was never an attestation key by its attributes alone.
    if let Some(app) = golden("app_key_p256_public.tpmt") {
        assert_refused!(begin(&app), "tpm_ak_attributes", "TPM-23");
    }
}

#[test]
fn tpm_29_the_endorsement_key_is_one() {
    let world = World::new(Curve::P256);
    let begin = |ek: &[u8]| world.enrolment.begin(&world.chain, ek, &world.ak, NOW);
    for attributes in
        [[0, 3, 0, 0xb0], [0, 3, 0, 0xa2], [0, 3, 0, 0x92], [0, 2, 0, 0xb2], [0, 1, 0, 0xb2], [0, 7, 0, 0xb2]]
    {
        let mut ek = world.tpm.ek.clone();
        ek[4..8].copy_from_slice(&attributes);
        assert_refused!(begin(&ek), "tpm_ek_attributes", "TPM-29", "{attributes:?}");
    }
    let without = [&world.tpm.ek[..42], &[0, 0x10], &world.tpm.ek[48..]].concat();
    assert_refused!(begin(&without), "not_a_storage_key", "TPM-29");
    assert_refused!(begin(&world.tpm.ek[1..]), "unsupported_algorithm", "TPM-22");
    assert_refused!(begin(&world.ak), "tpm_ek_attributes", "TPM-29");
}

#[test]
fn tpm_29_a_software_tpm_with_its_own_certificate_is_asked_for_a_secret() {
    let (Some(root), Some(intermediate), Some(certificate), Some(ek), Some(ak)) = (
        golden("ca_root.pem"),
        golden("ca_intermediate.pem"),
        golden("ek_p384_cert.der"),
        golden("ek_p384_public.tpmt"),
        golden("ak_p256_public.tpmt"),
    ) else {
        return;
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let intermediate = aims_credential::x509::from_pem(&text(intermediate)).unwrap().remove(0).to_vec();
    let roots = EndorsementRoots::from_pem("swtpm", &text(root)).unwrap();
    let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend::ring()).build());
    let now = UnixTime::from_secs(1_795_316_669);
    let begin = |ek: &[u8], ak: &[u8]| enrolment.begin(&[&certificate, &intermediate], ek, ak, now);
    let (credential, pending) = begin(&ek, &ak).unwrap();
    assert_eq!((credential.id_object().len(), credential.encrypted_secret().len()), (84, 100));
    assert_eq!(pending.endorsement().manufacturer(), "id:00001014");
    // Each byte of the endorsement key in turn: another key, another algorithm, or one that no certificate is for. The rest is the TPM's own affair:
    // what is encrypted for other attributes or for another policy has another name algorithm or none of its keys.
    for at in
        [0, 1, 2, 3, 4, 5, 7, 8, 9, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 100, 169]
    {
        let mut changed = ek.clone();
        changed[at] ^= 2;
        assert!(begin(&changed, &ak).is_err(), "byte {at}");
    }
}
