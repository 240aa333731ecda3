//! What an issuer writes, and what it does not.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{JwtSvidIssueError, JwtSvidIssuer, JwtSvidRequest};
use aims_id::SpiffeId;
use aims_keys::{Algorithm, AsyncSigner, SignInput, Signer};
use aims_testkit::assert_refused;
use serde_json::json;

use super::support::{AUDIENCE, Domain, EXP, LIFETIME};
use crate::support::{IAT, ISSUER, KEY_ID, ORIGIN, SUBJECT, at, claims_of, header_of, key, now, public};

fn spiffe(text: &str) -> SpiffeId {
    text.parse().unwrap()
}

#[test]
fn js_2_js_4_js_5_js_7_js_8_what_a_token_says() {
    let domain = Domain::new();
    let token = domain.issuer().issue(&spiffe(SUBJECT), AUDIENCE, at(IAT)).unwrap();
    assert_eq!(header_of(&token), json!({"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}));
    let claims = claims_of(&token);
    let jti = claims["jti"].as_str().unwrap();
    assert_eq!(jti.len(), 22, "128 bits");
    assert_eq!(claims, json!({"sub": SUBJECT, "aud": AUDIENCE, "iat": IAT, "exp": EXP, "jti": jti}));
    let svid = domain.verifier().verify(&token, now()).unwrap();
    assert_eq!(svid.token_id(), Some(jti));
    let again = domain.issuer().issue(&spiffe(SUBJECT), AUDIENCE, at(IAT)).unwrap();
    assert_ne!(claims_of(&again)["jti"], jti);

    let named = domain.issuer().with_issuer(ISSUER).issue(&spiffe(SUBJECT), AUDIENCE, at(IAT)).unwrap();
    assert_eq!(claims_of(&named)["iss"], ISSUER);
}

#[test]
fn js_7_more_audiences_are_asked_for_one_by_one() {
    let domain = Domain::new();
    let subject = spiffe(SUBJECT);
    let request = JwtSvidRequest::new(&subject, AUDIENCE).and_audience("https://other.example");
    let token = domain.issuer().sign(&request, at(IAT)).unwrap();
    assert_eq!(claims_of(&token)["aud"], json!([AUDIENCE, "https://other.example"]));
    let single = domain.builder().single_audience().build();
    assert_refused!(single.verify(&token, now()), "multiple_audiences", "JS-7");
    for empty in [JwtSvidRequest::new(&subject, ""), JwtSvidRequest::new(&subject, AUDIENCE).and_audience("")]
    {
        assert_refused!(domain.issuer().sign(&empty, at(IAT)), "bad_claims", "JS-7");
    }
}

#[test]
fn js_6_js_11_subjects_of_others() {
    let domain = Domain::new();
    let issue = |subject: &str| domain.issuer().issue(&spiffe(subject), AUDIENCE, now());
    assert_refused!(issue("spiffe://bank.example/teller"), "foreign_subject", "JS-11");
    assert_refused!(issue(ORIGIN), "bad_subject", "JS-6");
}

#[test]
fn js_3_js_4_the_key_of_an_issuer() {
    let issuer = |algorithm, kid: &str| {
        JwtSvidIssuer::new("acme.example".parse().unwrap(), key(algorithm), kid).map(|_| ())
    };
    issuer(Algorithm::Es384, KEY_ID).unwrap();
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519] {
        assert_refused!(issuer(algorithm, KEY_ID), "unsupported_alg", "JS-3");
    }
    assert_refused!(issuer(Algorithm::Es256, ""), "malformed_key_id", "JS-4");
    assert_refused!(issuer(Algorithm::Es256, "a\n"), "malformed_key_id", "JS-4");
}

#[test]
fn aims_7_the_lifetime() {
    let domain = Domain::new();
    let subject = spiffe(SUBJECT);
    let issue = |issuer: &JwtSvidIssuer, secs| {
        let request = JwtSvidRequest::new(&subject, AUDIENCE).lifetime(Duration::from_secs(secs));
        issuer.sign(&request, at(IAT)).map(|token| claims_of(&token)["exp"].as_u64().unwrap() - IAT)
    };
    let issuer = domain.issuer();
    assert_eq!(issue(&issuer, 3600), Ok(3600));
    assert_refused!(issue(&issuer, 3601), "bad_lifetime", "AIMS-7");
    assert_refused!(issue(&issuer, 0), "bad_lifetime", "AIMS-7");
    let longer = issuer.clone().with_max_lifetime(Duration::from_secs(u64::MAX));
    assert_eq!(issue(&longer, 86_400), Ok(86_400));
    assert_refused!(issue(&longer, 86_401), "bad_lifetime", "AIMS-7");
    // The default follows the maximum down.
    let of = |issuer: JwtSvidIssuer| {
        let token = issuer.issue(&subject, AUDIENCE, at(IAT)).unwrap();
        claims_of(&token)["exp"].as_u64().unwrap() - IAT
    };
    assert_eq!(of(issuer.clone()), LIFETIME);
    assert_eq!(of(issuer.clone().with_max_lifetime(Duration::from_secs(60))), 60);
    assert_eq!(of(issuer.clone().with_lifetime(Duration::from_secs(u64::MAX))), 3600);
}

#[test]
fn js_1_no_token_that_verifiers_would_not_read() {
    let domain = Domain::new();
    let subject = spiffe(SUBJECT);
    let long = "x".repeat(9000);
    let request = JwtSvidRequest::new(&subject, &long);
    assert_refused!(domain.issuer().sign(&request, now()), "token_too_long", "JO-B64-01");
    let exact = domain.issuer().issue(&subject, AUDIENCE, at(IAT)).unwrap().len();
    let limited = |len| domain.issuer().with_max_token_len(len).issue(&subject, AUDIENCE, at(IAT));
    assert_eq!(limited(exact).unwrap().len(), exact);
    assert_refused!(limited(exact - 1), "token_too_long", "JO-B64-01");
    // More than is read by whoever allows most.
    let request = JwtSvidRequest::new(&subject, &long).and_audience(&long);
    let issuer = domain.issuer().with_max_token_len(usize::MAX);
    assert_refused!(issuer.sign(&request, now()), "token_too_long", "JO-B64-01");
}

#[test]
fn jo_sign_02_signed_elsewhere_or_without_blocking() {
    let domain = Domain::new();
    let subject = spiffe(SUBJECT);
    let request = JwtSvidRequest::new(&subject, AUDIENCE);
    let trust_domain = || "acme.example".parse().unwrap();
    let external = JwtSvidIssuer::external(trust_domain(), public(&domain.key).clone(), KEY_ID).unwrap();
    let unsigned = external.prepare(&request, at(IAT)).unwrap();
    let signature = Signer::sign(&*domain.key, SignInput::Message(unsigned.signing_input())).unwrap();
    let token = unsigned.attach(signature.as_bytes()).unwrap();
    domain.verifier().verify(&token, now()).unwrap();

    let unsigned = external.prepare(&request, at(IAT)).unwrap();
    let stranger = key(Algorithm::Es256);
    let wrong = Signer::sign(&*stranger, SignInput::Message(unsigned.signing_input())).unwrap();
    assert_refused!(unsigned.attach(wrong.as_bytes()), "bad_signature", "JO-SIGN-02");
    let refused = external.prepare(&request, at(IAT)).unwrap().sign(&*stranger).unwrap_err();
    assert!(matches!(refused, JwtSvidIssueError::Sign(_)), "{refused:?}");
    assert_eq!(refused.code(), "wrong_use");
}

#[test]
fn jo_sign_02_without_blocking() {
    let domain = Domain::new();
    let subject = spiffe(SUBJECT);
    let signer: Arc<dyn AsyncSigner> = domain.key.clone();
    let issuer = JwtSvidIssuer::with_async_signer("acme.example".parse().unwrap(), signer, KEY_ID).unwrap();
    let request = JwtSvidRequest::new(&subject, AUDIENCE);
    let token = crate::support::ready(issuer.sign_async(&request, at(IAT))).unwrap();
    domain.verifier().verify(&token, now()).unwrap();
    assert!(format!("{issuer:?}").contains("JwtSvidIssuer"));
    let unsigned = issuer.clone().prepare(&request, at(IAT)).unwrap();
    crate::support::ready(unsigned.sign_async(&*domain.key)).unwrap();
}
