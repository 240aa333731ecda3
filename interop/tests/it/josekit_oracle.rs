//! josekit 0.10 (on OpenSSL): JWS both ways, for every algorithm that both know.

use aims_jose::{Jwk, Limits, NewHeader, PrivateJwk, UnverifiedJws};
use aims_keys::{Algorithm, AlgorithmSet, SoftwareKey, backend};
use josekit::jwk::Jwk as OtherJwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{self, ES256, ES384, EdDSA, JwsHeader, JwsSigner, JwsVerifier, PS256, RS256};

/// The algorithms that both know; josekit has `Ed25519` under its older name only.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256, Algorithm::Rs256];

const PAYLOAD: &[u8] = br#"{"sub":"spiffe://acme.example/agents/travel","exp":1790000000}"#;

/// The same private key for both, made by josekit since *ring* makes no RSA keys.
fn keys(algorithm: Algorithm) -> (SoftwareKey, OtherJwk) {
    let mut other = match algorithm {
        Algorithm::EdDsa => OtherJwk::generate_ed_key(EdCurve::Ed25519),
        Algorithm::Es256 => OtherJwk::generate_ec_key(EcCurve::P256),
        Algorithm::Es384 => OtherJwk::generate_ec_key(EcCurve::P384),
        _ => OtherJwk::generate_rsa_key(2048),
    }
    .unwrap();
    other.set_algorithm(algorithm.name());
    let ours = PrivateJwk::parse(&serde_json::to_string(&other).unwrap()).unwrap();
    assert_eq!(ours.algorithm(), algorithm);
    (ours.load(backend::ring()).unwrap(), other)
}

fn their_signer(algorithm: Algorithm, key: &OtherJwk) -> Box<dyn JwsSigner> {
    match algorithm {
        Algorithm::EdDsa => Box::new(EdDSA.signer_from_jwk(key).unwrap()),
        Algorithm::Es256 => Box::new(ES256.signer_from_jwk(key).unwrap()),
        Algorithm::Es384 => Box::new(ES384.signer_from_jwk(key).unwrap()),
        Algorithm::Ps256 => Box::new(PS256.signer_from_jwk(key).unwrap()),
        Algorithm::Rs256 => Box::new(RS256.signer_from_jwk(key).unwrap()),
        other => panic!("josekit does not know {other}"),
    }
}

fn their_verifier(algorithm: Algorithm, key: &OtherJwk) -> Box<dyn JwsVerifier> {
    match algorithm {
        Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(key).unwrap()),
        Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(key).unwrap()),
        Algorithm::Es384 => Box::new(ES384.verifier_from_jwk(key).unwrap()),
        Algorithm::Ps256 => Box::new(PS256.verifier_from_jwk(key).unwrap()),
        Algorithm::Rs256 => Box::new(RS256.verifier_from_jwk(key).unwrap()),
        other => panic!("josekit does not know {other}"),
    }
}

#[test]
fn josekit_verifies_what_we_sign() {
    for algorithm in ALGORITHMS {
        let (ours, _) = keys(algorithm);
        let token = NewHeader::with_key_id("jwt", ours.public_key(), "k")
            .unwrap()
            .unsigned(PAYLOAD)
            .sign(&ours)
            .unwrap();

        // They get the public key as we write it.
        let public = OtherJwk::from_bytes(Jwk::new(ours.public_key().clone()).to_json()).unwrap();
        let (payload, header) =
            jws::deserialize_compact(&token, &*their_verifier(algorithm, &public)).unwrap();
        assert_eq!(payload, PAYLOAD, "{algorithm}");
        assert_eq!(header.claim("alg").and_then(|alg| alg.as_str()), Some(algorithm.name()));

        let mut tampered = token.into_bytes();
        let last = tampered.len() / 2;
        tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
        assert!(jws::deserialize_compact(&tampered, &*their_verifier(algorithm, &public)).is_err());
    }
}

#[test]
fn we_verify_what_josekit_signs() {
    for algorithm in ALGORITHMS {
        let (ours, other) = keys(algorithm);
        let mut header = JwsHeader::new();
        header.set_token_type("jwt");
        header.set_key_id("k");
        let token = jws::serialize_compact(PAYLOAD, &header, &*their_signer(algorithm, &other)).unwrap();

        let jws = UnverifiedJws::parse(&token, &Limits::new()).unwrap();
        assert_eq!((jws.header().algorithm(), jws.header().key_id()), (algorithm, Some("k")));
        let verified = jws.verify(ours.public_key(), AlgorithmSet::of(&[algorithm])).unwrap();
        assert_eq!(verified.payload(), PAYLOAD, "{algorithm}");
    }
}

#[test]
fn jo_key_09_both_write_the_same_thumbprint_members() {
    for algorithm in ALGORITHMS {
        let (ours, other) = keys(algorithm);
        let written: serde_json::Value =
            serde_json::from_str(&Jwk::new(ours.public_key().clone()).to_json()).unwrap();
        let theirs: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&other.to_public_key().unwrap()).unwrap()).unwrap();
        for member in ["kty", "crv", "x", "y", "n", "e"] {
            assert_eq!(written.get(member), theirs.get(member), "{algorithm}: {member}");
        }
    }
}
