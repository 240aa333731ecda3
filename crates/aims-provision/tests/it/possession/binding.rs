//! The value that binds challenge, audience and key.

use aims_jose::{Jwk, Thumbprint};
use aims_keys::{Algorithm, backend};
use aims_provision::Challenge;
use aims_testkit::assert_refused;

use super::support::{AUDIENCE, key};

/// Bytes 0 to 31.
const NONCE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// RFC 8037 appendix A.2, whose thumbprint is in A.3.
const JWK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn att_21_the_binding_is_the_digest_of_these_bytes() {
    let jwk = Jwk::parse(JWK, backend::ring()).unwrap();
    let binding = Challenge::new(AUDIENCE, NONCE).unwrap().binding(jwk.public_key());
    // By another program: d1a85561 804148f7 97317f73 c32aa22b a350ba9c 545f7e9a 4d2b6ad4 195b0c04.
    assert_eq!(binding.to_text(), "0ahVYYBBSPeXMX9zwyqiK6NQupxUX36aTStq1BlbDAQ");

    // By hand, from the bytes of RFC 8037.
    let ring = backend::ring();
    let canonical = br#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let thumbprint = ring.sha256(canonical);
    assert_eq!(Thumbprint::of(jwk.public_key()).as_bytes(), &thumbprint);
    let mut bytes = b"aims-attest-v1\0\x00\x15spiffe://acme.example".to_vec();
    bytes.extend(0..32);
    bytes.extend(ring.sha256(&thumbprint));
    assert_eq!(binding.as_bytes(), &ring.sha256(&bytes));
}

#[test]
fn att_21_the_binding_differs_by_nonce_audience_and_key() {
    let (one, other) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let challenge = Challenge::new(AUDIENCE, NONCE).unwrap();
    let binding = challenge.binding(one.public_key());
    assert_eq!(binding, challenge.binding(one.public_key()));
    assert_ne!(binding, challenge.binding(other.public_key()));
    assert_ne!(binding, Challenge::new("spiffe://acme.exampl", NONCE).unwrap().binding(one.public_key()));
    let nonce = NONCE.replace("AAEC", "AAED");
    assert_ne!(binding, Challenge::new(AUDIENCE, &nonce).unwrap().binding(one.public_key()));
    // The longest audience, whose length takes both bytes.
    let long = "a".repeat(Challenge::MAX_AUDIENCE);
    assert_ne!(binding, Challenge::new(&long, NONCE).unwrap().binding(one.public_key()));
    assert!(binding.matches(&binding.to_text()));
    for text in ["", "A", binding.to_text().split_at(1).1, &format!("{}A", binding.to_text()), NONCE] {
        assert!(!binding.matches(text), "{text}");
    }
}

#[test]
fn att_21_what_is_no_challenge() {
    for audience in ["", &"a".repeat(Challenge::MAX_AUDIENCE + 1)] {
        assert_refused!(Challenge::new(audience, NONCE), "bad_audience", "ATT-21");
    }
    let padded = format!("{NONCE}=");
    for nonce in
        ["", "AAEC", &padded, NONCE.split_at(1).1, &NONCE.replace('8', "9"), &NONCE.replace('Q', "+")]
    {
        assert_refused!(Challenge::new(AUDIENCE, nonce), "malformed_challenge", "ATT-21");
    }
    assert!(!format!("{:?}", Challenge::new(AUDIENCE, NONCE).unwrap()).contains("AAEC"));
}
