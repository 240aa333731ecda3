//! `DPoP`: a URI has one normal form, and only the proof that the client made counts, once.

use std::sync::{Arc, LazyLock};

use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, backend};
use aims_oauth::{AccessToken, DpopProver, DpopRequest, DpopTarget, DpopVerifier};
use aims_proof::ReplayMemory;

use super::world::NOW;

pub(super) fn run(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        match text.parse::<DpopTarget>() {
            Ok(target) => check(&target, text),
            Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
        }
    }
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(2), backend::ring()).build();
    let request = DpopRequest::new("POST", &MADE.target).with_token(&MADE.token);
    match verifier.verify([input], &request, NOW) {
        Ok(_) => {
            assert_eq!(input, MADE.proof.as_bytes(), "a proof was accepted that nobody made");
            let again = verifier.verify([input], &request, NOW).expect_err("a proof counts once");
            assert_eq!(again.code(), "replay");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let elsewhere = DpopRequest::new("GET", &MADE.target).with_token(&MADE.token);
    assert!(verifier.verify([input], &elsewhere, NOW).is_err(), "a proof counted for another method");
}

fn check(target: &DpopTarget, text: &str) {
    let again: DpopTarget = target.as_str().parse().expect("what is normal is read again");
    assert_eq!(&again, target, "a second normal form");
    assert!(target.is(text) && target.is(target.as_str()));
    assert!(target.as_str().is_ascii() && !target.as_str().contains(['?', '#', ' ']));
    let mut parts = target.as_str().splitn(4, '/').skip(2);
    let (authority, path) = (parts.next().expect("an authority"), parts.next().expect("a path"));
    assert!(!authority.is_empty() && !authority.contains('@'), "a userinfo");
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "a dot segment is left");
}

struct Made {
    target: DpopTarget,
    token: AccessToken,
    proof: String,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
    let target: DpopTarget = "https://tools.example/v1/search".parse().expect("a URI");
    let token: AccessToken = "a-token".parse().expect("a token");
    let prover = DpopProver::new(key.clone()).expect("a prover");
    let unsigned = prover.proof("POST", &target).with_token(&token).prepare(NOW).expect("a proof");
    let signature = key.sign(SignInput::Message(unsigned.signing_input())).expect("a signature");
    let proof = unsigned.attach(signature.as_bytes()).expect("a proof");
    Made { target, token, proof }
});

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        "https://tools.example/v1/%7Esearch?q=1#f",
        "HTTPS://Tools.example:443/v1/./x/../~search",
        "http://[2001:DB8::1]:80",
        "https://a/../..//%2e%2E/b/.",
        "https://u@a/",
    ]);
    seeds.push(MADE.proof.clone().into_bytes());
    seeds
}
