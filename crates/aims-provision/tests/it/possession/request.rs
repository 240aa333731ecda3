//! Proofs as certificate requests.

use aims_credential::x509::{CertificateRequest, NewCertificateRequest};
use aims_id::WorkloadId;
use aims_jose::{Thumbprint, base64url};
use aims_keys::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, write};
use aims_keys::{Algorithm, AlgorithmSet, SignInput, SoftwareKey};
use aims_provision::{Challenge, KeyProof, KeyProofVerifier};
use aims_testkit::assert_refused;

use super::support::{AUDIENCE, SESSION, World, key, rsa_key};
use crate::support::{AGENT, MINUTE, NOW};

fn made(new: &NewCertificateRequest<'_>, key: &SoftwareKey) -> Vec<u8> {
    new.prepare().unwrap().sign(key).unwrap()
}

fn agent() -> WorkloadId {
    AGENT.parse().unwrap()
}

#[test]
fn att_21_att_22_a_certificate_request_proves_its_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let (world, key) = (World::new(), key(algorithm));
        let challenge = world.challenge();
        let der = made(&challenge.certificate_request(key.public_key()), &key);
        let proven = world.verify_request(&der, &challenge.nonce()).unwrap();
        assert_eq!(proven.key_for(&agent(), &[], NOW).unwrap(), key.public_key());
        assert_eq!(proven.thumbprint(), Thumbprint::of(key.public_key()));
        assert_eq!((proven.session(), proven.not_after()), (SESSION, NOW + MINUTE));
        let again = world.verify_request(&der, &challenge.nonce());
        assert_refused!(again, "unknown_challenge", "ATT-21");
    }
}

#[test]
fn aims_14_a_request_that_asks_for_another_name_yields_no_key() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let (own, admin) = (agent(), "spiffe://acme.example/agents/admin".parse().unwrap());
    let prove = |new: &dyn Fn(NewCertificateRequest<'_>) -> Vec<u8>| {
        let challenge = world.challenge();
        let der = new(challenge.certificate_request(key.public_key()));
        world.verify_request(&der, &challenge.nonce()).unwrap()
    };
    let asks = prove(&|new| made(&new.subject(&admin), &key));
    assert_refused!(asks.key_for(&own, &[], NOW), "name_mismatch", "AIMS-14");
    asks.key_for(&admin, &[], NOW).unwrap();
    let asks = prove(&|new| made(&new.subject(&own).dns_name("tools.example"), &key));
    assert_refused!(asks.key_for(&own, &["b.example"], NOW), "name_mismatch", "AIMS-14");
    asks.key_for(&own, &["b.example", "tools.example"], NOW).unwrap();
}

#[test]
fn att_21_a_request_without_challenge_is_refused() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let challenge = world.challenge();
    let der = CertificateRequest::prepare(key.public_key()).unwrap().sign(&key).unwrap();
    assert_refused!(world.verify_request(&der, &challenge.nonce()), "no_challenge", "ATT-21");
    // It used nothing up.
    let der = made(&challenge.certificate_request(key.public_key()), &key);
    world.verify_request(&der, &challenge.nonce()).unwrap();
}

#[test]
fn att_21_a_request_for_another_challenge_or_of_another_key_is_refused() {
    let (world, own, other) = (World::new(), key(Algorithm::Es256), key(Algorithm::Es256));
    let verify = |challenge: &Challenge, text: &str| {
        let der = made(&NewCertificateRequest::new(own.public_key()).challenge(text), &own);
        world.verify_request(&der, &challenge.nonce())
    };
    // Of another key, of another challenge, for another audience; the challenge itself; nearly right.
    for spoil in [
        |challenge: &Challenge, _: &World, _: &SoftwareKey, other: &SoftwareKey| {
            challenge.binding(other.public_key()).to_text()
        },
        |_: &Challenge, world: &World, own: &SoftwareKey, _: &SoftwareKey| {
            world.challenge().binding(own.public_key()).to_text()
        },
        |challenge: &Challenge, _: &World, own: &SoftwareKey, _: &SoftwareKey| {
            let elsewhere = Challenge::new("spiffe://bank.example", &challenge.nonce()).unwrap();
            elsewhere.binding(own.public_key()).to_text()
        },
        |challenge: &Challenge, _: &World, _: &SoftwareKey, _: &SoftwareKey| challenge.nonce(),
        |challenge: &Challenge, _: &World, own: &SoftwareKey, _: &SoftwareKey| {
            format!("{}=", challenge.binding(own.public_key()).to_text())
        },
        |_: &Challenge, _: &World, own: &SoftwareKey, _: &SoftwareKey| {
            base64url::encode(Thumbprint::of(own.public_key()).as_bytes())
        },
    ] {
        let challenge = world.challenge();
        let text = spoil(&challenge, &world, &own, &other);
        assert_refused!(verify(&challenge, &text), "binding_mismatch", "ATT-21");
        // What was signed and wrong has used the challenge up.
        let right = challenge.binding(own.public_key()).to_text();
        assert_refused!(verify(&challenge, &right), "unknown_challenge", "ATT-21");
    }
}

#[test]
fn att_22_a_request_signed_by_another_key_is_refused() {
    let (world, own, other) = (World::new(), key(Algorithm::Ed25519), key(Algorithm::Ed25519));
    let challenge = world.challenge();
    let unsigned = challenge.certificate_request(own.public_key()).prepare().unwrap();
    let forged = write_request(unsigned.signing_input(), &other);
    assert_refused!(world.verify_request(&forged, &challenge.nonce()), "bad_signature", "ATT-22");
    let good = write_request(unsigned.signing_input(), &own);
    world.verify_request(&good, &challenge.nonce()).unwrap();
}

#[test]
fn x5v_1_a_request_with_two_challenges_is_refused() {
    let (world, key) = (World::new(), key(Algorithm::Ed25519));
    let challenge = world.challenge();
    let text = challenge.binding(key.public_key()).to_text();
    let one = write(0x0c, &[text.as_bytes()]);
    let attribute = |values: &[&[u8]]| {
        let id = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07];
        write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[&id]), &write(SET, values)])
    };
    let request = |attributes: &[&[u8]]| {
        let spki = key.public_key().numbers().to_spki();
        let attributes = write(0xa0, attributes);
        let body = write(SEQUENCE, &[&write(INTEGER, &[&[0]]), &write(SEQUENCE, &[]), &spki, &attributes]);
        world.verify_request(&write_request(&body, &key), &challenge.nonce())
    };
    assert_refused!(request(&[&attribute(&[&one, &one])]), "malformed_attributes", "X5V-1");
    let single = attribute(&[&one]);
    assert_refused!(request(&[&single, &single]), "malformed_attributes", "X5V-1");
    assert_refused!(request(&[&attribute(&[])]), "malformed_attributes", "X5V-1");
    request(&[&single]).unwrap();
}

#[test]
fn att_21_a_request_counts_in_its_session_for_its_audience_and_in_time() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let challenge = world.challenge();
    let der = made(&challenge.certificate_request(key.public_key()), &key);
    let nonce = challenge.nonce();
    let proof = KeyProof::request(&der, &nonce);
    let verify = |audience, session: &[u8], now| world.verifier.verify(&proof, audience, session, now);
    assert_refused!(verify(AUDIENCE, b"connection 8", NOW), "unknown_challenge", "ATT-21");
    assert_refused!(world.verify_request(&der, "AAEC"), "malformed_challenge", "ATT-21");
    // Beside another nonce of the same session.
    let other = world.challenge().nonce();
    assert_refused!(world.verify_request(&der, &other), "binding_mismatch", "ATT-21");
    assert_refused!(verify(AUDIENCE, SESSION, NOW + MINUTE), "challenge_expired", "ATT-21");
    assert_refused!(verify(AUDIENCE, SESSION, NOW), "unknown_challenge", "ATT-21");
    let challenge = world.challenge();
    let der = made(&challenge.certificate_request(key.public_key()), &key);
    let nonce = challenge.nonce();
    let elsewhere =
        world.verifier.verify(&KeyProof::request(&der, &nonce), "spiffe://bank.example", SESSION, NOW);
    assert_refused!(elsewhere, "audience_mismatch", "ATT-21");
}

#[test]
fn jo_alg_02_requests_of_rsa_keys_are_accepted_only_where_they_are_named() {
    let Some(key) = rsa_key(Algorithm::Rs256) else { return };
    let world = World::new();
    let challenge = world.challenge();
    let der = made(&challenge.certificate_request(key.public_key()), &key);
    let nonce = challenge.nonce();
    assert_refused!(world.verify_request(&der, &nonce), "algorithm_not_allowed", "JO-ALG-02");
    let builder = KeyProofVerifier::builder(world.challenges.clone());
    let verifier = builder.algorithms(AlgorithmSet::of(&[Algorithm::Rs256])).build();
    verifier.verify(&KeyProof::request(&der, &nonce), AUDIENCE, SESSION, NOW).unwrap();
}

/// Every bit of every byte, and every length.
#[test]
fn att_22_tampering_with_any_byte_of_a_request_is_refused() {
    let (world, key) = (World::new(), key(Algorithm::Ed25519));
    let challenge = world.challenge();
    let subject = agent();
    let der = made(&challenge.certificate_request(key.public_key()).subject(&subject), &key);
    let nonce = challenge.nonce();
    for index in 0..der.len() {
        assert!(world.verify_request(&der[..index], &nonce).is_err(), "{index} bytes");
        for bit in 0..8 {
            let mut bytes = der.clone();
            bytes[index] ^= 1 << bit;
            assert!(world.verify_request(&bytes, &nonce).is_err(), "byte {index}, bit {bit}");
        }
    }
    for index in 0..nonce.len() {
        let mut text = nonce.clone();
        let other = if nonce.as_bytes()[index] == b'A' { "E" } else { "A" };
        text.replace_range(index..=index, other);
        assert!(world.verify_request(&der, &text).is_err());
    }
    world.verify_request(&der, &nonce).unwrap();
}

/// With the Ed25519 signature of any key over any body.
fn write_request(body: &[u8], key: &SoftwareKey) -> Vec<u8> {
    let signature = key.sign(SignInput::Message(body)).unwrap();
    let identifier = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
    write(SEQUENCE, &[body, &identifier, &write(BIT_STRING, &[&[0], signature.as_bytes()])])
}
