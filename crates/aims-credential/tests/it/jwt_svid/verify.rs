//! What a verifier accepts and refuses. Every attack starts from a token that is accepted, and changes one thing.

use std::time::Duration;

use aims_credential::{BundleSet, BundleSource, JwtSvidVerifier, TrustBundle};
use aims_jose::base64url;
use aims_keys::{Algorithm, SoftwareKey};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::support::{AUDIENCE, Domain, EXP, builder, jwt_bundle};
use crate::support::{
    Forge, IAT, KEY_ID, LEEWAY, ORIGIN, SUBJECT, at, jwk, jwk_json, key, now, rsa_key, sign_raw,
    sign_segments,
};

type Refusal = (&'static str, &'static str);

/// Asserts that the unchanged token is accepted, and each changed one refused for its reason.
fn refuse_all<const N: usize>(domain: &Domain, cases: [(&str, Refusal, Forge); N]) {
    let verifier = domain.verifier();
    verifier.verify(&domain.forge().token(), now()).expect("the token before the attack");
    for (attack, (code, rule), forge) in cases {
        assert_refused!(verifier.verify(&forge.token(), now()), code, rule, "{attack}");
    }
}

#[test]
fn js_1_only_the_compact_form() {
    let domain = Domain::new();
    let verifier = domain.verifier();
    let token = domain.forge().token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    for (attack, value) in [
        ("nothing", String::new()),
        ("two segments", input.to_owned()),
        ("four segments", format!("{token}.{signature}")),
        ("no signature", format!("{input}.")),
        ("no payload", sign_segments(&domain.key, header, "")),
        ("JSON serialization", format!("{{\"payload\":\"{payload}\",\"signature\":\"{signature}\"}}")),
    ] {
        assert_refused!(verifier.verify(&value, now()), "malformed", "JS-1", "{attack}");
    }
    assert_refused!(verifier.verify(&format!("{token} "), now()), "malformed", "JO-B64-02");
    assert_refused!(verifier.verify(&format!("{token}="), now()), "malformed", "JO-B64-02");
    // Cut off anywhere, it is never accepted.
    for len in 0..token.len() {
        verifier.verify(token.get(..len).unwrap(), now()).unwrap_err();
    }
}

#[test]
fn js_1_a_token_of_8192_bytes_is_read_and_one_of_8193_is_not() {
    let domain = Domain::new();
    let exact = |len: usize| "a".repeat(len - 2) + "..";
    let too_long = |verifier: &JwtSvidVerifier, len: usize| {
        assert_refused!(verifier.verify(&exact(len), now()), "malformed", "JO-B64-01");
        assert_refused!(verifier.verify(&exact(len - 1), now()), "malformed", "JS-1");
    };
    too_long(&domain.verifier(), 8193);
    too_long(&domain.builder().max_token_len(500).build(), 501);
    // However much is allowed by name, there is an end.
    too_long(&domain.builder().max_token_len(usize::MAX).build(), 16 * 1024 + 1);
}

#[test]
fn js_2_no_other_member_in_the_header() {
    let domain = Domain::new();
    let member = ("header_member", "JS-2");
    let attacker = key(Algorithm::Es256);
    refuse_all(
        &domain,
        [
            ("an unknown one", member, domain.forge().header("acme.example", json!(1))),
            ("a nested token", member, domain.forge().header("cty", json!("JWT"))),
            ("a key", member, domain.forge().header("jwk", jwk_json(&attacker)).signed_by(&attacker)),
            ("a place of keys", member, domain.forge().header("jku", json!("https://attacker.example"))),
            ("a certificate", member, domain.forge().header("x5c", json!([]))),
            ("an extension", ("malformed", "JO-HDR-03"), domain.forge().header("crit", json!(["exp"]))),
            ("no encoding", ("malformed", "JO-HDR-03"), domain.forge().header("b64", json!(false))),
        ],
    );
    let twice = format!(r#"{{"alg":"ES256","kid":"{KEY_ID}","kid":"{KEY_ID}"}}"#);
    let token = sign_raw(&domain.key, &twice, &domain.forge().claims.to_string());
    assert_refused!(domain.verifier().verify(&token, now()), "malformed", "JO-JSON-02");
}

#[test]
fn js_3_the_algorithms() {
    let unsupported = ("unsupported_alg", "JS-3");
    let domain = Domain::new();
    let named = |name: &str| domain.forge().header("alg", json!(name));
    refuse_all(
        &domain,
        [
            ("none", unsupported, named("none")),
            ("HS256", unsupported, named("HS256")),
            ("EdDSA", unsupported, named("EdDSA")),
            ("Ed25519", unsupported, named("Ed25519")),
            ("ML-DSA-44", unsupported, named("ML-DSA-44")),
            ("ES512", unsupported, named("ES512")),
            ("PS384", unsupported, named("PS384")),
            ("RS256, which nobody named", unsupported, named("RS256")),
            ("another case", unsupported, named("es256")),
            ("no algorithm", unsupported, domain.forge().without_header("alg")),
            ("an algorithm of another key", ("bad_signature", "JS-11"), named("ES384")),
        ],
    );
    // Not with a key for it either: EdDSA is none of the nine.
    let ed = Domain::of(Algorithm::EdDsa);
    assert_refused!(ed.verifier().verify(&ed.forge().token(), now()), "unsupported_alg", "JS-3");
    let es384 = Domain::of(Algorithm::Es384);
    es384.verifier().verify(&es384.forge().token(), now()).unwrap();

    // Whoever names RS256 gets as far as the key.
    let rs256 = domain.builder().accept_rs256().build();
    assert_refused!(rs256.verify(&named("RS256").token(), now()), "bad_signature", "JS-11");
    assert_refused!(rs256.verify(&named("RS384").token(), now()), "unsupported_alg", "JS-3");
    rs256.verify(&domain.forge().token(), now()).unwrap();
}

#[test]
fn js_3_rs256_is_for_those_who_name_it() {
    let (Some(modern), Some(older)) = (rsa_key(Algorithm::Ps256), rsa_key(Algorithm::Rs256)) else { return };
    let (modern, older) = (Domain { key: modern }, Domain { key: older });
    let by_modern = modern.forge();
    modern.verifier().verify(&by_modern.token(), now()).unwrap();
    let by_older = older.forge();
    assert_refused!(older.verifier().verify(&by_older.token(), now()), "unsupported_alg", "JS-3");
    older.builder().accept_rs256().build().verify(&by_older.token(), now()).unwrap();
    let bound_to_modern = modern.builder().accept_rs256().build();
    assert_refused!(bound_to_modern.verify(&by_older.token(), now()), "bad_signature", "JS-11");

    // JS-4: under both its algorithms it is still the only key.
    let both = jwt_bundle(ORIGIN, vec![jwk(&modern.key, KEY_ID), jwk(&older.key, KEY_ID)]);
    let both = builder(both).accept_rs256().build();
    for forge in [by_modern, by_older] {
        both.verify(&forge.token(), now()).unwrap();
        both.verify(&forge.without_header("kid").token(), now()).unwrap();
    }
}

#[test]
fn js_4_a_token_without_kid_needs_the_only_key() {
    let domain = Domain::new();
    let nameless = domain.forge().without_header("kid").token();
    domain.verifier().verify(&nameless, now()).unwrap();
    let other = key(Algorithm::Es256);
    let two = builder(jwt_bundle(ORIGIN, vec![jwk(&domain.key, KEY_ID), jwk(&other, "other")])).build();
    assert_refused!(two.verify(&nameless, now()), "key_id_missing", "JS-4");
    two.verify(&domain.forge().token(), now()).unwrap();
    // Nor does the algorithm choose between two.
    let es384 = jwk(&key(Algorithm::Es384), "other");
    let two = builder(jwt_bundle(ORIGIN, vec![jwk(&domain.key, KEY_ID), es384])).build();
    assert_refused!(two.verify(&nameless, now()), "key_id_missing", "JS-4");
    let stranger = domain.forge().without_header("kid").header("alg", json!("ES384")).token();
    assert_refused!(domain.verifier().verify(&stranger, now()), "bad_signature", "JS-11");
    let none = builder(jwt_bundle(ORIGIN, vec![])).build();
    assert_refused!(none.verify(&nameless, now()), "key_id_missing", "JS-4");
    let odd = domain.forge().header("kid", json!(7)).token();
    assert_refused!(domain.verifier().verify(&odd, now()), "malformed", "JO-HDR-05");
}

#[test]
fn js_5_the_type() {
    let domain = Domain::new();
    let wrong = ("wrong_type", "JS-5");
    for accepted in [domain.forge().header("typ", json!("JOSE")), domain.forge().without_header("typ")] {
        domain.verifier().verify(&accepted.token(), now()).unwrap();
    }
    refuse_all(
        &domain,
        [
            ("a WIT", wrong, domain.forge().header("typ", json!("wit+jwt"))),
            ("another case", wrong, domain.forge().header("typ", json!("jwt"))),
            ("the long form", wrong, domain.forge().header("typ", json!("application/JWT"))),
            ("an access token", wrong, domain.forge().header("typ", json!("at+jwt"))),
            ("an empty one", wrong, domain.forge().header("typ", json!(""))),
            ("a list", wrong, domain.forge().header("typ", json!(["JWT"]))),
            ("null", wrong, domain.forge().header("typ", Value::Null)),
        ],
    );
}

#[test]
fn js_6_the_subject() {
    let domain = Domain::new();
    let subject = ("bad_subject", "JS-6");
    let of = |sub: &str| domain.forge().claim("sub", json!(sub));
    refuse_all(
        &domain,
        [
            ("a trust domain", subject, of(ORIGIN)),
            ("a root path", subject, of("spiffe://acme.example/")),
            ("another scheme", subject, of("wimse://acme.example/agents/travel")),
            ("a URL", subject, of("https://acme.example/agents/travel")),
            ("upper case", subject, of("spiffe://ACME.example/agents/travel")),
            ("a dot segment", subject, of("spiffe://acme.example/agents/../travel")),
            ("an empty one", ("malformed", "JS-6"), of("")),
            ("a number", ("malformed", "JS-6"), domain.forge().claim("sub", json!(1))),
            ("none", ("malformed", "JS-6"), domain.forge().without("sub")),
        ],
    );
}

#[test]
fn js_7_the_audience() {
    let domain = Domain::new();
    let verifier = domain.verifier();
    let of = |aud: Value| domain.forge().claim("aud", aud);
    for accepted in [json!([AUDIENCE]), json!(["https://other.example", AUDIENCE])] {
        let svid = verifier.verify(&of(accepted).token(), now()).unwrap();
        assert_eq!(svid.audience(), AUDIENCE);
    }
    let mismatch = ("audience_mismatch", "JS-7");
    let malformed = ("malformed", "JS-7");
    refuse_all(
        &domain,
        [
            ("another", mismatch, of(json!("https://other.example"))),
            ("a prefix", mismatch, of(json!("https://tools.exampl"))),
            ("a longer one", mismatch, of(json!("https://tools.example/"))),
            ("another case", mismatch, of(json!("https://TOOLS.example"))),
            ("a list in one text", mismatch, of(json!("https://tools.example https://other.example"))),
            ("only others", mismatch, of(json!(["https://a.example", "https://b.example"]))),
            ("an empty list", malformed, of(json!([]))),
            ("not only texts", malformed, of(json!([AUDIENCE, 1]))),
            ("a list in a list", malformed, of(json!([[AUDIENCE]]))),
            ("an object", malformed, of(json!({"aud": AUDIENCE}))),
            ("null", malformed, of(Value::Null)),
            ("none", ("audience_missing", "JS-7"), domain.forge().without("aud")),
        ],
    );
}

#[test]
fn js_7_a_verifier_of_several_names_or_of_single_audiences() {
    let domain = Domain::new();
    let of = |aud: Value| domain.forge().claim("aud", aud).token();
    let other = "spiffe://acme.example/tools/search";
    let both = domain.builder().audience(other).build();
    assert_eq!(both.verify(&of(json!(other)), now()).unwrap().audience(), other);
    assert_eq!(both.verify(&of(json!([other, AUDIENCE])), now()).unwrap().audience(), AUDIENCE);

    // A verifier without a name is in no audience.
    let nameless = JwtSvidVerifier::builder(BundleSet::from(domain.bundle()), "").build();
    for aud in [json!(""), json!([""]), json!(AUDIENCE)] {
        assert_refused!(nameless.verify(&of(aud), now()), "audience_mismatch", "JS-7");
    }

    let single = domain.builder().single_audience().build();
    single.verify(&of(json!(AUDIENCE)), now()).unwrap();
    single.verify(&of(json!([AUDIENCE])), now()).unwrap();
    assert_refused!(single.verify(&of(json!([AUDIENCE, other])), now()), "multiple_audiences", "JS-7");
    assert_refused!(single.verify(&of(json!([AUDIENCE, AUDIENCE])), now()), "multiple_audiences", "JS-7");
    assert_refused!(single.verify(&of(json!(other)), now()), "audience_mismatch", "JS-7");
}

#[test]
fn js_8_the_expiry() {
    let domain = Domain::new();
    let verifier = domain.verifier();
    let token = domain.forge().token();
    verifier.verify(&token, at(EXP + LEEWAY - 1)).unwrap();
    assert_refused!(verifier.verify(&token, at(EXP + LEEWAY)), "expired", "JS-8");
    let malformed = ("malformed", "JS-8");
    refuse_all(
        &domain,
        [
            ("none", malformed, domain.forge().without("exp")),
            ("a text", malformed, domain.forge().claim("exp", json!("1790000300"))),
            ("null", malformed, domain.forge().claim("exp", Value::Null)),
            ("a year beyond", malformed, domain.forge().claim("exp", json!(253_402_300_800_u64))),
        ],
    );
    // The clocks of others may differ by seconds, never by hours.
    let lenient = domain.builder().leeway(Duration::from_secs(86_400)).build();
    lenient.verify(&token, at(EXP + 59)).unwrap();
    assert_refused!(lenient.verify(&token, at(EXP + 60)), "expired", "JS-8");
    let exact = domain.builder().leeway(Duration::ZERO).build();
    exact.verify(&token, at(EXP - 1)).unwrap();
    assert_refused!(exact.verify(&token, at(EXP)), "expired", "JS-8");
}

#[test]
fn js_9_iat_nbf_jti_and_iss_are_checked_where_they_stand() {
    let domain = Domain::new();
    let bare = domain.forge().without("iat").without("jti").token();
    domain.verifier().verify(&bare, now()).unwrap();
    domain.verifier().verify(&bare, now()).expect("it can be shown again");
    let early = ("not_yet_valid", "JS-9");
    let malformed = ("malformed", "JS-9");
    let ahead = |secs| json!(IAT + 60 + secs);
    refuse_all(
        &domain,
        [
            ("issued ahead", early, domain.forge().claim("iat", ahead(LEEWAY + 1))),
            ("begins ahead", early, domain.forge().claim("nbf", ahead(LEEWAY + 1))),
            ("iat of a wrong type", malformed, domain.forge().claim("iat", json!("now"))),
            ("nbf of a wrong type", malformed, domain.forge().claim("nbf", json!(true))),
            ("nbf out of range", malformed, domain.forge().claim("nbf", json!(-1))),
            ("jti of a wrong type", malformed, domain.forge().claim("jti", json!(7))),
            ("an empty jti", malformed, domain.forge().claim("jti", json!(""))),
            ("iss of a wrong type", malformed, domain.forge().claim("iss", json!([]))),
        ],
    );
    for name in ["iat", "nbf"] {
        domain.verifier().verify(&domain.forge().claim(name, ahead(LEEWAY)).token(), now()).unwrap();
    }
}

#[test]
fn js_10_the_authorization_field() {
    let domain = Domain::new();
    let verifier = domain.verifier();
    let token = domain.forge().token();
    for value in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER {token}")] {
        assert_eq!(verifier.verify_authorization(&value, now()).unwrap().subject().as_str(), SUBJECT);
    }
    for value in
        [token.clone(), String::new(), "Bearer".into(), format!("DPoP {token}"), format!(" Bearer {token}")]
    {
        assert_refused!(verifier.verify_authorization(&value, now()), "not_bearer", "JS-10", "{value}");
    }
    let apart = format!("Bearer  {token}");
    assert_refused!(verifier.verify_authorization(&apart, now()), "malformed", "JO-B64-02");
}

#[test]
fn js_11_the_keys_are_those_of_the_subjects_trust_domain() {
    let domain = Domain::new();
    let attacker = Domain::new();
    let unknown = domain.forge().header("kid", json!("other"));
    assert_refused!(domain.verifier().verify(&unknown.token(), now()), "unknown_key", "JS-11");
    let forged = domain.forge().signed_by(&attacker.key);
    assert_refused!(domain.verifier().verify(&forged.token(), now()), "bad_signature", "JS-11");

    // Another trust domain, trusted too and with a key of the same name, speaks for its own workloads only.
    let bank = "spiffe://bank.example";
    let both = [domain.bundle(), jwt_bundle(bank, vec![jwk(&attacker.key, KEY_ID)])];
    let verifier = JwtSvidVerifier::builder(BundleSet::from_iter(both), AUDIENCE).build();
    verifier.verify(&domain.forge().token(), now()).unwrap();
    assert_refused!(verifier.verify(&forged.token(), now()), "bad_signature", "JS-11");
    let theirs = attacker.forge().claim("sub", json!("spiffe://bank.example/teller"));
    assert_eq!(verifier.verify(&theirs.token(), now()).unwrap().subject().trust_domain(), "bank.example");
    assert_refused!(domain.verifier().verify(&theirs.token(), now()), "unknown_trust_domain", "JS-11");

    // Keys that are trusted for the other scheme say nothing about SPIFFE IDs.
    let namesake = jwt_bundle("wimse://acme.example", vec![jwk(&domain.key, KEY_ID)]);
    assert_refused!(
        builder(namesake).build().verify(&domain.forge().token(), now()),
        "unknown_trust_domain",
        "JS-11"
    );
}

/// A source that answers with the bundle of another origin.
#[derive(Debug)]
struct Confused(std::sync::Arc<TrustBundle>);

impl BundleSource for Confused {
    fn bundle(&self, _: &str) -> Option<std::sync::Arc<TrustBundle>> {
        Some(self.0.clone())
    }
}

#[test]
fn js_11_a_source_cannot_stretch_a_bundle_over_another_trust_domain() {
    let domain = Domain::new();
    let verifier = JwtSvidVerifier::builder(Confused(domain.bundle().into()), AUDIENCE).build();
    verifier.verify(&domain.forge().token(), now()).unwrap();
    let foreign = domain.forge().claim("sub", json!("spiffe://bank.example/teller"));
    assert_refused!(verifier.verify(&foreign.token(), now()), "unknown_trust_domain", "JS-11");
}

#[test]
fn js_12_a_token_bound_to_a_key_is_no_bearer_token() {
    let domain = Domain::new();
    let holder = key(Algorithm::Es256);
    let refused = ("bad_confirmation", "JO-KEY-10");
    refuse_all(
        &domain,
        [
            ("a key", refused, domain.forge().claim("cnf", json!({"jwk": jwk_json(&holder)}))),
            ("a thumbprint", refused, domain.forge().claim("cnf", json!({"jkt": "AAAA"}))),
            ("nobody", refused, domain.forge().claim("cnf", json!({}))),
        ],
    );
}

#[test]
fn js_13_ssf_14_claims_of_other_tokens_are_refused() {
    let domain = Domain::new();
    let (events, foreign) = (("events_claim", "SSF-14"), ("foreign_claim", "JS-13"));
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    refuse_all(
        &domain,
        [
            ("a logout token", events, domain.forge().claim("events", logout)),
            ("no event", events, domain.forge().claim("events", json!(null))),
            ("the nonce of an ID Token", foreign, domain.forge().claim("nonce", json!("n"))),
            ("its party", foreign, domain.forge().claim("azp", json!("app"))),
            ("its access token", foreign, domain.forge().claim("at_hash", json!("a"))),
            ("its code", foreign, domain.forge().claim("c_hash", json!("c"))),
            ("the client of a grant", foreign, domain.forge().claim("client_id", json!("app"))),
            ("its scope", foreign, domain.forge().claim("scope", json!("a"))),
            ("an assertion", ("self_issued", "JS-13"), domain.forge().claim("iss", json!(SUBJECT))),
        ],
    );
}

#[test]
fn js_1_the_payload_is_one_object_without_duplicates() {
    let domain = Domain::new();
    let signed = |claims: &str| sign_raw(&domain.key, &domain.forge().header.to_string(), claims);
    let claims = domain.forge().claims.to_string();
    let twice = claims.replacen('{', r#"{"aud":"https://other.example","#, 1);
    let escaped = claims.replacen('{', r#"{"\u0061ud":"https://other.example","#, 1);
    let nested = claims.replacen('{', r#"{"acme.example":{"a":1,"a":2},"#, 1);
    let verifier = domain.verifier();
    verifier.verify(&signed(&claims), now()).unwrap();
    for duplicate in [twice, escaped, nested] {
        assert_refused!(
            verifier.verify(&signed(&duplicate), now()),
            "malformed",
            "JO-JSON-02",
            "{duplicate}"
        );
    }
    assert_refused!(verifier.verify(&signed("[]"), now()), "malformed", "JO-JSON-01");
    assert_refused!(
        verifier.verify(&signed(claims.strip_suffix('}').unwrap()), now()),
        "malformed",
        "JO-JSON-01"
    );
    let deep = format!("{}{}", "[".repeat(9), "]".repeat(9));
    let deep = claims.replacen('{', &format!(r#"{{"acme.example":{deep},"#), 1);
    assert_refused!(verifier.verify(&signed(&deep), now()), "malformed", "JO-JSON-03");
}

#[test]
fn js_11_no_byte_can_be_changed() {
    let domain = Domain::new();
    let verifier = domain.verifier();
    let token = domain.forge().token();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        verifier.verify(&tampered, now()).expect_err(&tampered);
    }
}

#[test]
fn js_3_a_mac_under_the_public_key_is_refused() {
    let domain = Domain::new();
    let confused = |secret: &SoftwareKey| {
        let header = base64url::encode(format!(r#"{{"alg":"HS256","kid":"{KEY_ID}"}}"#));
        sign_segments(secret, &header, &base64url::encode(domain.forge().claims.to_string()))
    };
    assert_refused!(domain.verifier().verify(&confused(&domain.key), now()), "unsupported_alg", "JS-3");
}
