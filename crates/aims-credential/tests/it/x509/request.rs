//! Certificate requests.

use aims_credential::x509::CertificateRequest;
use aims_keys::der::{BIT_STRING, INTEGER, SEQUENCE, write};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, backend, der};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use crate::support::{key, ready};

fn made(key: &SoftwareKey) -> Vec<u8> {
    CertificateRequest::prepare(key.public_key()).unwrap().sign(key).unwrap()
}

#[test]
fn aims_6_the_sender_of_a_request_holds_the_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let key = key(algorithm);
        let request = CertificateRequest::verify(&made(&key), backend::ring()).unwrap();
        assert_eq!(request.key(), key.public_key());
        let unsigned = CertificateRequest::prepare(key.public_key()).unwrap();
        let later = ready(unsigned.sign_async(&*key)).unwrap();
        CertificateRequest::verify(&later, backend::ring()).unwrap();
    }
}

#[test]
fn aims_6_a_request_signed_by_another_key_is_refused() {
    let (own, other) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let unsigned = CertificateRequest::prepare(own.public_key()).unwrap();
    let signature = other.sign(SignInput::Message(unsigned.signing_input())).unwrap();
    let der = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).unwrap();
    let good = made(&own);
    // As another would send it: the key of somebody else, with a signature of their own.
    let mut stolen = good.clone();
    let body_len = unsigned.signing_input().len();
    let start = good.windows(body_len).position(|it| it == unsigned.signing_input()).unwrap();
    let identifier = &good[start + body_len..start + body_len + 12];
    stolen.clear();
    stolen
        .extend(write(SEQUENCE, &[unsigned.signing_input(), identifier, &write(BIT_STRING, &[&[0], &der])]));
    assert_refused!(CertificateRequest::verify(&stolen, backend::ring()), "bad_signature", "AIMS-6");
    assert_refused!(unsigned.attach(signature.as_bytes()), "bad_signature", "AIMS-6");
    let unsigned = CertificateRequest::prepare(own.public_key()).unwrap();
    assert_eq!(unsigned.sign(&*other), Err(aims_keys::SignError::WrongUse));
}

/// What OpenSSL 3 writes: `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=admin
/// -addext subjectAltName=URI:spiffe://acme.example/agents/admin -outform DER`.
#[test]
fn aims_6_names_in_a_request_are_not_heeded() {
    let key = key(Algorithm::Es256);
    let name = [
        0x30, 0x10, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x05, b'a', b'd', b'm', b'i',
        b'n',
    ];
    let body = |attributes: &[u8]| {
        write(SEQUENCE, &[&write(INTEGER, &[&[0]]), &name, &key.public_key().numbers().to_spki(), attributes])
    };
    let sign = |body: &[u8]| {
        let signature = key.sign(SignInput::Message(body)).unwrap();
        let signature = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).unwrap();
        let identifier = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        write(SEQUENCE, &[body, &identifier, &write(BIT_STRING, &[&[0], &signature])])
    };
    // With attributes, with an empty set, and without.
    for attributes in [write(0xa0, &[&[0x30, 0x00]]), write(0xa0, &[]), vec![]] {
        let request = CertificateRequest::verify(&sign(&body(&attributes)), backend::ring()).unwrap();
        // The key is all there is to be had of it.
        assert_eq!(request.key(), key.public_key());
    }
}

#[test]
fn x5v_1_requests_that_are_none() {
    let key = key(Algorithm::Ed25519);
    let good = made(&key);
    let verify = |der: &[u8]| CertificateRequest::verify(der, backend::ring());
    for end in 0..good.len() {
        assert_refused!(verify(&good[..end]), "malformed_request", "X5V-1");
    }
    assert_refused!(verify(&[&good[..], &[0]].concat()), "malformed_request", "X5V-1");
    assert_refused!(verify(&vec![0; 16 * 1024 + 1]), "request_too_large", "X5V-1");
    // SHA-1 with RSA.
    let sha1 = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];
    let unsigned = CertificateRequest::prepare(key.public_key()).unwrap();
    let old = write(SEQUENCE, &[unsigned.signing_input(), &sha1, &write(BIT_STRING, &[&[0; 65]])]);
    assert_refused!(verify(&old), "algorithm_not_allowed", "X5V-3");
}

proptest! {
    #[test]
    fn aims_6_tampering_with_any_byte_is_refused(at in 0_usize..120, by in 1_u8..=255) {
        let key = key(Algorithm::Ed25519);
        let mut der = made(&key);
        let at = at % der.len();
        der[at] ^= by;
        let refused = CertificateRequest::verify(&der, backend::ring());
        prop_assert!(refused.is_err(), "byte {at}");
    }
}
