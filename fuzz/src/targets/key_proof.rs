//! Proofs of possession as tokens: what the key did not sign proves nothing, and a proof counts once.

use std::sync::{Arc, LazyLock};

use aims_keys::{Algorithm, SoftwareKey, backend};
use aims_provision::{Challenges, KeyProof, KeyProofVerifier};

use super::world::{NOW, WORLD};

const ISSUER: &str = "spiffe://acme.example";

const SESSION: &[u8] = b"connection 7";

/// A verifier whose only challenge this proof answers. Another thread may have shown it already.
struct Issuer {
    verifier: KeyProofVerifier,
    proof: String,
}

static FIXED: LazyLock<Issuer> = LazyLock::new(issuer);

fn issuer() -> Issuer {
    let challenges = Arc::new(Challenges::builder(backend::ring()).build());
    let challenge = challenges.issue(ISSUER, SESSION, NOW).expect("a challenge");
    let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).expect("a key");
    let unsigned = challenge.prepare_proof(key.public_key(), NOW).expect("a proof");
    let proof = unsigned.sign(&key).expect("a signature");
    Issuer { verifier: KeyProofVerifier::builder(challenges).build(), proof }
}

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let proof = KeyProof::jws(text);
    let elsewhere = FIXED.verifier.verify(&proof, ISSUER, b"connection 8", NOW);
    assert!(elsewhere.is_err(), "a proof counted in another session");
    match FIXED.verifier.verify(&proof, ISSUER, SESSION, NOW) {
        Ok(proven) => {
            assert_eq!(text, FIXED.proof, "a proof was accepted that nobody made");
            assert_eq!(proven.session(), SESSION);
            let again = FIXED.verifier.verify(&proof, ISSUER, SESSION, NOW).expect_err("a proof counts once");
            assert_eq!((again.code(), again.rule()), ("unknown_challenge", "ATT-21"));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    // The same bytes as a request, and the same text as a nonce.
    assert!(FIXED.verifier.verify(&KeyProof::request(input, text), ISSUER, SESSION, NOW).is_err());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![FIXED.proof.clone().into_bytes(), issuer().proof.into_bytes(), WORLD.wpt.clone().into_bytes()]
}
