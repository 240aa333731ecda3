//! Private keys in their formats: whatever is loaded signs what its public half verifies.

use aims_jose::PrivateJwk;
use aims_keys::der::{ecdsa_from_der, ecdsa_to_der};
use aims_keys::{Algorithm, PrivateKey, SignInput, Signer, backend};

pub(super) fn run(input: &[u8]) {
    let pkcs8 = PrivateKey::from_pkcs8(input.to_vec().into());
    for algorithm in [Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256] {
        match pkcs8.load(algorithm, backend::ring()) {
            Ok(key) => signs(&key),
            Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
        }
    }

    if let Ok(signature) = ecdsa_from_der(Algorithm::Es256, input) {
        let again = ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).expect("what was read is written");
        assert_eq!(again, input, "a second spelling was accepted");
    }

    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(key) = PrivateKey::from_pem(text) {
        let again = PrivateKey::from_pem(&key.expose_pem()).expect("what is written is read");
        assert_eq!(key.expose_pkcs8(), again.expose_pkcs8());
    }
    match PrivateJwk::parse(text) {
        Ok(jwk) => {
            if let Ok(key) = jwk.load(backend::ring()) {
                signs(&key);
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn signs(key: &impl Signer) {
    let signature = key.sign(SignInput::Message(b"message")).expect("a loaded key signs");
    key.public_key().verify(b"message", signature.as_bytes()).expect("its public half verifies");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        // RFC 8037 appendix A.1 and RFC 7515 appendix A.3.
        r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        r#"{"kty":"EC","crv":"P-256","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#,
    ]);
    for algorithm in [Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384] {
        let key = PrivateKey::generate(algorithm, backend::ring()).expect("a key");
        seeds.push(key.expose_pkcs8().to_vec());
        seeds.push(key.expose_pem().as_bytes().to_vec());
        if algorithm == Algorithm::Es256 {
            let key = key.load(algorithm, backend::ring()).expect("it loads");
            let signature = key.sign(SignInput::Message(b"message")).expect("it signs");
            seeds.push(ecdsa_to_der(algorithm, signature.as_bytes()).expect("it is written"));
        }
    }
    seeds
}
