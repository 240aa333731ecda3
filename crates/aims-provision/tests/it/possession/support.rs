//! An issuer that hands out challenges, and proofs that say whatever a test wants.

use std::sync::Arc;

use aims_jose::{Jwk, PrivateJwk, base64url};
use aims_keys::{Algorithm, PublicKey, SignInput, SoftwareKey, UnixTime, backend};
use aims_provision::{Challenge, Challenges, KeyProof, KeyProofError, KeyProofVerifier, ProvenKey};

use crate::support::NOW;

pub(super) const AUDIENCE: &str = "spiffe://acme.example";

pub(super) const SESSION: &[u8] = b"connection 7";

pub(super) struct World {
    pub(super) challenges: Arc<Challenges>,
    pub(super) verifier: KeyProofVerifier,
}

impl World {
    pub(super) fn new() -> Self {
        let challenges = Arc::new(Challenges::builder(backend::ring()).per_session(10_000).build());
        Self { verifier: KeyProofVerifier::builder(challenges.clone()).build(), challenges }
    }

    /// A challenge as the workload has it.
    pub(super) fn challenge(&self) -> Challenge {
        let challenge = self.challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
        Challenge::new(AUDIENCE, &challenge.nonce()).unwrap()
    }

    pub(super) fn verify(&self, token: &str) -> Result<ProvenKey, KeyProofError> {
        self.verify_at(token, NOW)
    }

    pub(super) fn verify_at(&self, token: &str, now: UnixTime) -> Result<ProvenKey, KeyProofError> {
        self.verifier.verify(&KeyProof::jws(token), AUDIENCE, SESSION, now)
    }

    pub(super) fn verify_request(&self, der: &[u8], nonce: &str) -> Result<ProvenKey, KeyProofError> {
        self.verifier.verify(&KeyProof::request(der, nonce), AUDIENCE, SESSION, NOW)
    }
}

pub(super) fn key(algorithm: Algorithm) -> SoftwareKey {
    SoftwareKey::generate(algorithm, backend::ring()).unwrap()
}

/// An RSA key of a published example, where the vectors are.
pub(super) fn rsa_key(algorithm: Algorithm) -> Option<SoftwareKey> {
    let vector = aims_testkit::vectors::json("jose/rfc/cookbook/jwk-3_4.rsa_private_key.json")?;
    let private = PrivateJwk::parse_as(&vector.to_string(), algorithm).unwrap();
    Some(private.load(backend::ring()).unwrap())
}

/// A good proof.
pub(super) fn proof(challenge: &Challenge, key: &SoftwareKey) -> String {
    challenge.prepare_proof(key.public_key(), NOW).unwrap().sign(key).unwrap()
}

/// The header of a good proof.
pub(super) fn header(key: &PublicKey) -> String {
    let (alg, jwk) = (key.algorithm().name(), Jwk::new(key.clone()).to_json());
    format!(r#"{{"alg":"{alg}","typ":"aims-key-proof+jwt","jwk":{jwk}}}"#)
}

/// The claims of a good proof.
pub(super) fn claims(challenge: &Challenge, key: &PublicKey) -> String {
    let (nonce, binding, iat) = (challenge.nonce(), challenge.binding(key).to_text(), NOW.as_secs());
    format!(r#"{{"aud":"{AUDIENCE}","binding":"{binding}","iat":{iat},"nonce":"{nonce}"}}"#)
}

/// A token of any header and claims, signed with `key`.
pub(super) fn signed(header: &str, claims: &str, key: &SoftwareKey) -> String {
    let input = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
    let signature = key.sign(SignInput::Message(input.as_bytes())).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_bytes()))
}
