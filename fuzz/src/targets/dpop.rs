//! `DPoP`: a URI has one normal form, and only the proof that the client made counts, once.

use std::sync::LazyLock;

use aims_jose::{Thumbprint, base64url};
use aims_keys::{Signer, backend};
use aims_oauth::{AccessToken, DpopProver, DpopRequest, DpopTarget, DpopVerifier};
use aims_proof::ReplayMemory;

use super::world::{NOW, Party};

pub(super) fn run(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        match text.parse::<DpopTarget>() {
            Ok(target) => check(&target, text),
            Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
        }
    }
    if input.starts_with(b"{") {
        claims(input);
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

/// Claims that the client signs.
fn claims(input: &[u8]) {
    let (header, _) = MADE.proof.split_once('.').expect("a header");
    let signed = [header, ".", &base64url::encode(input)].concat();
    let signature = MADE.party.sign(signed.as_bytes());
    let proof = [&signed, ".", &base64url::encode(signature.as_bytes())].concat();
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(2), backend::ring()).build();
    let request = DpopRequest::new("POST", &MADE.target).with_token(&MADE.token);
    match verifier.verify([&proof], &request, NOW) {
        Ok(outcome) => {
            assert_eq!(*outcome.thumbprint(), Thumbprint::of(MADE.party.key.public_key()));
            let said: serde_json::Value =
                serde_json::from_slice(input).expect("strict is a subset of lenient");
            assert!(said["htm"] == "POST" && said["jti"].as_str().is_some_and(|id| !id.is_empty()));
            assert!(said["htu"].as_str().is_some_and(|uri| MADE.target.is(uri)), "it is for another URI");
            assert_eq!(said["ath"], MADE.hash, "it is with another token");
            let age = said["iat"].as_f64().expect("a date") - 1_790_000_000.0;
            assert!((-61.0..=6.0).contains(&age), "made {age} s after now");
            let again = verifier.verify([&proof], &request, NOW).expect_err("a proof counts once");
            assert_eq!(again.code(), "replay");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
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
    party: Party,
    /// Of the token, as proofs have it.
    hash: String,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let party = Party::new("k");
    let target: DpopTarget = "https://tools.example/v1/search".parse().expect("a URI");
    let token: AccessToken = "a-token".parse().expect("a token");
    let prover = DpopProver::new(party.key.clone()).expect("a prover");
    let unsigned = prover.proof("POST", &target).with_token(&token).prepare(NOW).expect("a proof");
    let signature = party.sign(unsigned.signing_input());
    let proof = unsigned.attach(signature.as_bytes()).expect("a proof");
    let hash = base64url::encode(backend::ring().sha256(token.expose().as_bytes()));
    Made { target, token, proof, party, hash }
});

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        "https://tools.example/v1/%7Esearch?q=1#f",
        "HTTPS://Tools.example:443/v1/./x/../~search",
        "http://[2001:DB8::1]:80",
        "https://a/../..//%2e%2E/b/.",
        "https://u@a/",
    ]);
    for uri in ["https://tools.example/v1/search", "HTTPS://tools.example:443/v1/%73earch?a=1"] {
        let more = format!(r#""htu":"{uri}","iat":1790000000,"jti":"p-1","ath":"{}""#, MADE.hash);
        seeds.push(format!(r#"{{"htm":"POST",{more}}}"#).into_bytes());
    }
    seeds.push(MADE.proof.clone().into_bytes());
    seeds
}
