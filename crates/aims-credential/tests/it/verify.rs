//! What a verifier accepts and refuses. Every attack starts from a token that is accepted, and changes one thing.

use std::time::Duration;

use aims_credential::{BundleSet, BundleSource, TrustBundle, WitError, WitVerifier};
use aims_jose::base64url;
use aims_keys::{Algorithm, AlgorithmSet, SignInput, Signer, UnixTime, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::{
    EXP, Forge, IAT, ISSUER, KEY_ID, LEEWAY, ORIGIN, SUBJECT, World, at, bundle, id, jwk, jwk_json, key, now,
    public, sign_raw, sign_segments, verifier,
};

type Refusal = (&'static str, &'static str);

/// Asserts that the unchanged token is accepted, and each changed one refused for its reason.
fn refuse_all<const N: usize>(world: &World, cases: [(&str, Refusal, Forge); N]) {
    let verifier = world.verifier();
    verifier.verify(&world.forge().token(), now()).expect("the token before the attack");
    for (attack, (code, rule), forge) in cases {
        assert_refused!(verifier.verify(&forge.token(), now()), code, rule, "{attack}");
    }
}

#[test]
fn crd_4_wit_14_what_a_verified_wit_says() {
    let world = World::new();
    let token = world.forge().claim("acme.example/team", json!("travel")).token();
    let wit = world.verifier().verify(&token, now()).unwrap();
    assert_eq!(wit.subject(), &id(SUBJECT));
    assert_eq!(wit.confirmation_key(), public(&world.workload_key));
    assert_eq!(wit.thumbprint(), &jwk(&world.workload_key, "any").thumbprint());
    assert_eq!(wit.hash(), &backend::ring().sha256(token.as_bytes()));
    assert_eq!((wit.begun(), wit.not_after()), (at(IAT), at(EXP)));
    assert_eq!(wit.token_id(), Some("AAECAwQFBgcICQoLDA0ODw"));
    assert_eq!(wit.issuer(), Some(ISSUER));
    assert_eq!((wit.algorithm(), wit.key_id()), (Algorithm::Es256, Some(KEY_ID)));
    assert!(wit.claims().get("acme.example/team").unwrap().is_str("travel"));
    // Evidence of what an issuer vouches for, shown without its claims.
    let shown = format!("{wit:?}");
    assert!(shown.contains(SUBJECT) && !shown.contains("AAECAw"), "{shown}");
}

#[test]
fn wit_1_the_whole_field_value_is_one_token() {
    let world = World::new();
    let verifier = world.verifier();
    let token = world.forge().token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    for (attack, value) in [
        ("nothing", String::new()),
        ("a list of one", format!("{token},")),
        ("a list of two", format!("{token}, {token}")),
        ("white space before", format!(" {token}")),
        ("white space behind", format!("{token} ")),
        ("a line break", format!("{token}\n")),
        ("quotes", format!("\"{token}\"")),
        ("a scheme", format!("Bearer {token}")),
        ("padding", format!("{token}=")),
        ("the standard alphabet", format!("{header}.{payload}.+{}", signature.get(1..).unwrap())),
        ("two segments", input.to_owned()),
        ("four segments", format!("{token}.{signature}")),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", sign_segments(&world.issuer_key, header, "")),
        ("no signature", format!("{input}.")),
        ("JSON serialization", format!("{{\"payload\":\"{payload}\",\"signature\":\"{signature}\"}}")),
        ("not ASCII", format!("{input}.\u{ff0e}{}", signature.get(3..).unwrap())),
    ] {
        assert_refused!(verifier.verify(&value, now()), "malformed", "WIT-1", "{attack}");
    }
    // The trailing bits of the last character: another spelling of the same signature.
    let respelled = format!("{}{}", token.get(..token.len() - 1).unwrap(), next_spelling(&token));
    assert_refused!(verifier.verify(&respelled, now()), "malformed", "WIT-2");
}

/// The last character of a token with one of its unused bits set.
fn next_spelling(token: &str) -> char {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.bytes().last().unwrap();
    char::from(ALPHABET[ALPHABET.iter().position(|&c| c == last).unwrap() + 1])
}

#[test]
fn wit_1_a_token_of_8192_bytes_is_read_and_one_of_8193_is_not() {
    let world = World::new();
    let filled = |fill: usize| world.forge().claim("acme.example/fill", json!("x".repeat(fill))).token();
    let room = 8192 - filled(0).len();
    // Three bytes of claims make four characters.
    let (longest, longer) = (0..8)
        .map(|more| filled(room / 4 * 3 - 4 + more))
        .zip((0..8).map(|more| filled(room / 4 * 3 - 3 + more)))
        .find(|(_, longer)| longer.len() > 8192)
        .unwrap();
    assert!(longest.len() <= 8192 && longest.len() >= 8191, "{}", longest.len());
    let verifier = world.verifier();
    verifier.verify(&longest, now()).unwrap();
    assert_refused!(verifier.verify(&longer, now()), "malformed", "WIT-1");

    let wider = |bytes| {
        WitVerifier::builder(BundleSet::from(world.bundle()), backend::ring()).max_token_len(bytes).build()
    };
    wider(longer.len()).verify(&longer, now()).unwrap();
    assert_refused!(wider(longer.len() - 1).verify(&longer, now()), "malformed", "WIT-1");
    // However much is allowed by name, there is an end.
    let exact = |len: usize| "a".repeat(len - 2) + "..";
    assert_refused!(wider(usize::MAX).verify(&exact(16 * 1024 + 1), now()), "malformed", "WIT-1");
    assert!(matches!(
        wider(usize::MAX).verify(&exact(16 * 1024 + 1), now()),
        Err(WitError::MalformedToken(aims_jose::JwsError::TooLong))
    ));
    assert!(matches!(
        wider(usize::MAX).verify(&exact(16 * 1024), now()),
        Err(WitError::MalformedToken(aims_jose::JwsError::Form))
    ));
}

#[test]
fn wit_2_wit_3_crd_2_the_header() {
    let world = World::new();
    let wrong_type = ("wrong_type", "WIT-2");
    let unsupported = ("unsupported_alg", "WIT-3");
    refuse_all(
        &world,
        [
            ("a proof token", wrong_type, world.forge().header("typ", json!("wpt+jwt"))),
            ("any JWT", wrong_type, world.forge().header("typ", json!("JWT"))),
            ("the early type", wrong_type, world.forge().header("typ", json!("wimse-id+jwt"))),
            ("another case", wrong_type, world.forge().header("typ", json!("WIT+JWT"))),
            ("the long form", wrong_type, world.forge().header("typ", json!("application/wit+jwt"))),
            ("no type", wrong_type, world.forge().without_header("typ")),
            ("a list of types", wrong_type, world.forge().header("typ", json!(["wit+jwt"]))),
            ("none", unsupported, world.forge().header("alg", json!("none"))),
            ("HS256", unsupported, world.forge().header("alg", json!("HS256"))),
            ("an encryption", unsupported, world.forge().header("alg", json!("ECDH-ES"))),
            ("no algorithm", unsupported, world.forge().without_header("alg")),
            ("RS256, which nobody listed", unsupported, world.forge().header("alg", json!("RS256"))),
            ("another key type", ("bad_signature", "WIT-7"), world.forge().header("alg", json!("ES384"))),
            ("an extension", ("malformed", "JO-HDR-03"), world.forge().header("crit", json!(["exp"]))),
            ("a nested token", ("malformed", "JO-HDR-06"), world.forge().header("cty", json!("JWT"))),
            ("a key that is not text", ("malformed", "JO-HDR-05"), world.forge().header("kid", json!(7))),
            ("another key's name", ("unknown_key", "WIT-6"), world.forge().header("kid", json!("other"))),
            (
                "the name in another case",
                ("unknown_key", "WIT-6"),
                world.forge().header("kid", json!("2026-11 ")),
            ),
        ],
    );

    // CRD-2: keys in the header, or places to fetch them from, decide nothing.
    let attacker = key(Algorithm::Es256);
    let pointing = |forge: Forge| {
        forge.header("jwk", jwk_json(&attacker)).header("jku", json!("https://attacker.example/jwks"))
    };
    world.verifier().verify(&pointing(world.forge()).token(), now()).unwrap();
    assert_refused!(
        world.verifier().verify(&pointing(world.forge()).signed_by(&attacker).token(), now()),
        "bad_signature",
        "WIT-7"
    );

    let twice = r#"{"alg":"ES256","kid":"2026-11","typ":"wit+jwt","typ":"wit+jwt"}"#;
    let token = sign_raw(&world.issuer_key, twice, &world.forge().claims.to_string());
    assert_refused!(world.verifier().verify(&token, now()), "malformed", "WIT-2");
}

#[test]
fn wit_3_wit_11_the_list_of_a_trust_domain_holds_names() {
    let ed = World::of(Algorithm::EdDsa, Algorithm::EdDsa);
    let token = ed.forge().token();
    ed.verifier().verify(&token, now()).unwrap();
    let listed = |world: &World, algorithms: &[Algorithm]| {
        verifier(world.bundle().with_algorithms(AlgorithmSet::of(algorithms)))
    };
    assert_refused!(
        listed(&ed, &[Algorithm::Ed25519, Algorithm::Es256]).verify(&token, now()),
        "unsupported_alg",
        "WIT-3"
    );
    assert_refused!(listed(&ed, &[]).verify(&token, now()), "unsupported_alg", "WIT-3");

    let mixed = World::of(Algorithm::Es256, Algorithm::EdDsa);
    let token = mixed.forge().token();
    listed(&mixed, &[Algorithm::Es256, Algorithm::EdDsa]).verify(&token, now()).unwrap();
    let refused = assert_refused!(
        listed(&mixed, &[Algorithm::Es256, Algorithm::Ed25519]).verify(&token, now()),
        "bad_confirmation",
        "WIT-11"
    );
    assert_eq!(refused, WitError::ConfirmationAlgorithm(Algorithm::EdDsa));
}

#[test]
fn wit_7_the_two_names_of_ed25519_are_one_algorithm() {
    for (bound, written) in [(Algorithm::Ed25519, "EdDSA"), (Algorithm::EdDsa, "Ed25519")] {
        let world = World::of(bound, Algorithm::Es256);
        let wit =
            world.verifier().verify(&world.forge().header("alg", json!(written)).token(), now()).unwrap();
        // The name is kept as it was received.
        assert_eq!(wit.algorithm().name(), written);
    }
}

#[test]
fn wit_4_wid_12_the_subject() {
    let world = World::new();
    let refused = ("bad_subject", "WIT-4");
    refuse_all(
        &world,
        [
            ("a trust domain", refused, world.forge().claim("sub", json!(ORIGIN))),
            ("a trailing slash", refused, world.forge().claim("sub", json!(format!("{SUBJECT}/")))),
            (
                "an upper-case domain",
                refused,
                world.forge().claim("sub", json!("spiffe://ACME.example/agents/travel")),
            ),
            (
                "a dot segment",
                refused,
                world.forge().claim("sub", json!("spiffe://acme.example/agents/x/../travel")),
            ),
            (
                "an escape",
                refused,
                world.forge().claim("sub", json!("spiffe://acme.example/agents/%74ravel")),
            ),
            ("a query", refused, world.forge().claim("sub", json!(format!("{SUBJECT}?")))),
            ("no identifier", refused, world.forge().claim("sub", json!("travel"))),
            (
                "an https URL",
                refused,
                world.forge().claim("sub", json!("https://acme.example/agents/travel")),
            ),
            (
                "too long",
                refused,
                world.forge().claim("sub", json!(format!("{SUBJECT}/{}", "a".repeat(2048)))),
            ),
            ("white space", refused, world.forge().claim("sub", json!(format!(" {SUBJECT}")))),
            ("empty", refused, world.forge().claim("sub", json!(""))),
            ("none", ("malformed", "WIT-4"), world.forge().without("sub")),
            (
                "two in an array",
                ("malformed", "WIT-4"),
                world.forge().claim("sub", json!([SUBJECT, SUBJECT])),
            ),
        ],
    );
}

#[test]
fn ssf_14_jo_clm_10_a_token_with_events_is_refused() {
    let world = World::new();
    let refused = ("events_claim", "SSF-14");
    refuse_all(
        &world,
        [
            ("an event", refused, world.forge().claim("events", json!({"https://schemas.openid.net/a": {}}))),
            ("none", refused, world.forge().claim("events", json!({}))),
            ("no object", refused, world.forge().claim("events", json!(null))),
        ],
    );
}

#[test]
fn crd_4_aims_2_a_second_subject_is_refused() {
    let world = World::new();
    let forge = world.forge();
    for second in ["\"sub\"", "\"s\\u0075b\""] {
        let claims = forge.claims.to_string().replacen('{', &format!("{{{second}:\"{SUBJECT}2\","), 1);
        let token = sign_raw(&world.issuer_key, &forge.header.to_string(), &claims);
        assert_refused!(world.verifier().verify(&token, now()), "malformed", "JO-JSON-02", "{second}");
    }
}

#[test]
fn wit_5_wid_15_wid_19_crd_1_only_the_anchors_of_the_subjects_own_origin() {
    let acme = World::new();
    let bank = World::new();
    let bundles: BundleSet =
        [acme.bundle(), bundle("spiffe://bank.example", vec![jwk(&bank.issuer_key, KEY_ID)])]
            .into_iter()
            .collect();
    let verifier = WitVerifier::builder(bundles, backend::ring()).build();
    verifier.verify(&acme.forge().token(), now()).unwrap();

    // The bank's issuer, under the same `kid`, for a workload of acme; and with the bank's own.
    let foreign = acme.forge().signed_by(&bank.issuer_key);
    assert_refused!(verifier.verify(&foreign.token(), now()), "bad_signature", "WIT-7");
    let own = bank.forge().claim("sub", json!("spiffe://bank.example/teller"));
    verifier.verify(&own.token(), now()).unwrap();

    // The same name under the other scheme is another origin.
    let namesake = acme.forge().claim("sub", json!("wimse://acme.example/agents/travel"));
    assert_refused!(verifier.verify(&namesake.token(), now()), "unknown_trust_domain", "WIT-5");
    let unknown = acme.forge().claim("sub", json!("spiffe://sub.acme.example/agents/travel"));
    assert_refused!(verifier.verify(&unknown.token(), now()), "unknown_trust_domain", "WIT-5");
}

/// A source that has one bundle, and gives it out whatever it is asked for.
#[derive(Debug)]
struct Careless(std::sync::Arc<TrustBundle>);

impl BundleSource for Careless {
    fn bundle(&self, _: &str) -> Option<std::sync::Arc<TrustBundle>> {
        Some(self.0.clone())
    }
}

#[test]
fn wid_19_a_source_that_answers_for_another_origin_is_not_believed() {
    let world = World::new();
    let verifier =
        WitVerifier::builder(Careless(std::sync::Arc::new(world.bundle())), backend::ring()).build();
    verifier.verify(&world.forge().token(), now()).unwrap();
    let token = world.forge().claim("sub", json!("wimse://acme.example/agents/travel")).token();
    assert_refused!(verifier.verify(&token, now()), "unknown_trust_domain", "WIT-5");
}

#[test]
fn wit_6_without_kid_the_trust_domain_must_have_exactly_one_key() {
    let world = World::new();
    let nameless = world.forge().without_header("kid").token();
    world.verifier().verify(&nameless, now()).unwrap();

    let two = bundle(ORIGIN, vec![jwk(&world.issuer_key, KEY_ID), jwk(&key(Algorithm::Es256), "2026-12")]);
    assert_refused!(verifier(two.clone()).verify(&nameless, now()), "key_id_missing", "WIT-6");
    verifier(two).verify(&world.forge().token(), now()).unwrap();
    let none = bundle(ORIGIN, vec![]);
    assert_refused!(verifier(none.clone()).verify(&nameless, now()), "key_id_missing", "WIT-6");
    assert_refused!(verifier(none).verify(&world.forge().token(), now()), "unknown_key", "WIT-6");
}

#[test]
fn wit_7_signatures_of_others() {
    let world = World::new();
    let verifier = world.verifier();
    let refused = |token: &str, attack: &str| {
        assert_refused!(verifier.verify(token, now()), "bad_signature", "WIT-7", "{attack}");
    };
    refused(&world.forge().signed_by(&world.workload_key).token(), "the workload's own key");
    refused(&world.forge().signed_by(&key(Algorithm::Es256)).token(), "any other key");

    let token = world.forge().token();
    let (input, _) = token.rsplit_once('.').unwrap();
    refused(&format!("{input}.{}", base64url::encode([0; 64])), "zeros");
    refused(&format!("{input}.{}", base64url::encode([0; 63])), "a short signature");
    refused(&format!("{input}.AA"), "one byte");
    let over_claims = Signer::sign(&*world.issuer_key, SignInput::Message(b"another message")).unwrap();
    refused(&format!("{input}.{}", base64url::encode(over_claims.as_bytes())), "another message's signature");

    // The payload of another token of the same issuer.
    let other = world.forge().claim("sub", json!("spiffe://acme.example/agents/admin")).token();
    let parts: Vec<&str> = token.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    refused(&format!("{}.{}.{}", parts[0], others[1], parts[2]), "a swapped payload");
}

#[test]
fn wit_8_wit_9_times_at_their_edges() {
    let world = World::new();
    let verifier = world.verifier();
    let check = |forge: Forge, now: UnixTime| verifier.verify(&forge.token(), now);

    check(world.forge(), at(EXP + LEEWAY - 1)).unwrap();
    assert_refused!(check(world.forge(), at(EXP + LEEWAY)), "expired", "WIT-8");

    check(world.forge(), at(IAT - LEEWAY)).unwrap();
    assert_refused!(check(world.forge(), at(IAT - LEEWAY - 1)), "not_yet_valid", "WIT-9");

    let nbf = || world.forge().without("iat").claim("nbf", json!(IAT));
    check(nbf(), at(IAT - LEEWAY)).unwrap();
    assert_refused!(check(nbf(), at(IAT - LEEWAY - 1)), "not_yet_valid", "WIT-9");
    // Each counts for itself.
    let later = world.forge().claim("nbf", json!(IAT + 1000));
    assert_refused!(check(later, now()), "not_yet_valid", "WIT-9");

    // A fraction of a second is cut off.
    let fraction = || world.forge().claim("exp", json!(1_790_003_600.9));
    assert_refused!(check(fraction(), at(EXP + LEEWAY)), "expired", "WIT-8");
    check(fraction(), at(EXP + LEEWAY - 1)).unwrap();
}

#[test]
fn wit_8_the_leeway_is_30_seconds_and_never_more_than_120() {
    let world = World::new();
    let token = world.forge().token();
    for (set, counts) in [(0, 0), (1, 1), (120, 120), (121, 120), (u64::MAX, 120)] {
        let verifier = WitVerifier::builder(BundleSet::from(world.bundle()), backend::ring())
            .leeway(Duration::from_secs(set))
            .build();
        if counts > 0 {
            verifier.verify(&token, at(EXP + counts - 1)).unwrap();
        }
        assert_refused!(verifier.verify(&token, at(EXP + counts)), "expired", "WIT-8", "{set} s");
    }
}

#[test]
fn wit_8_wit_9_aims_8_dates_are_numbers_in_range() {
    let world = World::new();
    let (exp, nbf) = (("malformed", "WIT-8"), ("malformed", "WIT-9"));
    refuse_all(
        &world,
        [
            ("no exp", exp, world.forge().without("exp")),
            ("null", exp, world.forge().claim("exp", Value::Null)),
            ("a string", exp, world.forge().claim("exp", json!(EXP.to_string()))),
            ("a truth value", exp, world.forge().claim("exp", json!(true))),
            ("negative", exp, world.forge().claim("exp", json!(-1))),
            ("after the year 9999", exp, world.forge().claim("exp", json!(253_402_300_800_u64))),
            ("huge", exp, world.forge().claim("exp", json!(1e300))),
            ("nbf as text", nbf, world.forge().claim("nbf", json!("0"))),
            ("a negative nbf", nbf, world.forge().claim("nbf", json!(-1))),
            ("iat as text", nbf, world.forge().claim("iat", json!("0"))),
            ("a huge iat", nbf, world.forge().claim("iat", json!(1e300))),
        ],
    );
}

#[test]
fn wit_10_jo_key_10_the_confirmation() {
    let world = World::new();
    let cnf = |value: Value| world.forge().claim("cnf", value);
    let missing = ("bad_confirmation", "WIT-10");
    let other = ("bad_confirmation", "JO-KEY-10");
    let own = jwk_json(&world.workload_key);
    refuse_all(
        &world,
        [
            ("none", missing, world.forge().without("cnf")),
            ("null", missing, cnf(Value::Null)),
            ("text", missing, cnf(json!("key"))),
            ("empty", other, cnf(json!({}))),
            ("unknown members only", other, cnf(json!({"x": own}))),
            ("an array of keys", missing, cnf(json!({"jwk": [own]}))),
            ("the key as text", missing, cnf(json!({"jwk": own.to_string()}))),
            ("a thumbprint", other, cnf(json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}))),
            ("a key and its thumbprint", other, cnf(json!({"jwk": own, "jkt": "x"}))),
            ("a key and a name", other, cnf(json!({"jwk": own, "kid": "a"}))),
            ("a key and a certificate", other, cnf(json!({"jwk": own, "x5t#S256": "x"}))),
            ("a key and a place", other, cnf(json!({"jwk": own, "jku": "https://attacker.example"}))),
            ("a key and a secret one", other, cnf(json!({"jwk": own, "jwe": "a.b.c.d.e"}))),
        ],
    );
    // Other members mean nothing.
    world.verifier().verify(&cnf(json!({"jwk": own, "acme.example/x": 1})).token(), now()).unwrap();

    let forge = world.forge();
    let claims = forge.claims.to_string().replacen("\"cnf\":{", &format!("\"cnf\":{{\"jwk\":{own},"), 1);
    let token = sign_raw(&world.issuer_key, &forge.header.to_string(), &claims);
    assert_refused!(world.verifier().verify(&token, now()), "malformed", "JO-JSON-02", "two keys");
}

#[test]
fn wit_10_the_key_is_a_sound_public_key() {
    let world = World::new();
    let bad = ("bad_confirmation", "WIT-10");
    let zeros = json!(base64url::encode([0; 32]));
    let mut identity = [0; 32];
    identity[0] = 1;
    let ed = |x: &[u8]| {
        world.forge().claim(
            "cnf",
            json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "x": base64url::encode(x)}}),
        )
    };
    refuse_all(
        &world,
        [
            ("a private member", bad, world.forge().jwk("d", zeros.clone())),
            (
                "a symmetric key",
                bad,
                world.forge().claim("cnf", json!({"jwk": {"kty": "oct", "k": "AAAA", "alg": "HS256"}})),
            ),
            ("not on the curve", bad, world.forge().jwk("y", zeros.clone())),
            ("too short", bad, world.forge().jwk("x", json!(base64url::encode([1; 31])))),
            ("no coordinate", bad, world.forge().without_jwk("y")),
            ("for encryption", bad, world.forge().jwk("use", json!("enc"))),
            ("not for verifying", bad, world.forge().jwk("key_ops", json!(["sign"]))),
            ("small order: the identity", bad, ed(&identity)),
            ("small order: zero", bad, ed(&[0; 32])),
            ("not canonical", bad, ed(&[0xff; 32])),
            (
                "RSA of 1024 bits",
                bad,
                world.forge().claim(
                    "cnf",
                    json!({"jwk": {
            "kty": "RSA", "alg": "PS256", "e": "AQAB", "n": base64url::encode([0xff; 128])}}),
                ),
            ),
        ],
    );
}

#[test]
fn wit_11_the_key_names_a_signature_algorithm_that_fits_it() {
    let world = World::new();
    let bad = ("bad_confirmation", "WIT-11");
    refuse_all(
        &world,
        [
            ("no algorithm", bad, world.forge().without_jwk("alg")),
            ("none", bad, world.forge().jwk("alg", json!("none"))),
            ("a MAC", bad, world.forge().jwk("alg", json!("HS256"))),
            ("an encryption", bad, world.forge().jwk("alg", json!("ECDH-ES"))),
            ("not text", bad, world.forge().jwk("alg", json!(256))),
            ("another curve's", bad, world.forge().jwk("alg", json!("ES384"))),
            ("another type's", bad, world.forge().jwk("alg", json!("Ed25519"))),
            ("another curve", bad, world.forge().jwk("crv", json!("P-384"))),
            ("no type", bad, world.forge().without_jwk("kty")),
        ],
    );
}

#[test]
fn wit_12_crd_3_the_issuer_when_issuers_are_named() {
    let world = World::new();
    let strict = verifier(world.bundle().with_issuers([ISSUER, "https://second.acme.example"]));
    strict.verify(&world.forge().token(), now()).unwrap();
    for (attack, forge) in [
        ("none", world.forge().without("iss")),
        ("another", world.forge().claim("iss", json!("https://attacker.example"))),
        ("a slash more", world.forge().claim("iss", json!(format!("{ISSUER}/")))),
        ("a part", world.forge().claim("iss", json!("https://issuer.acme"))),
        ("empty", world.forge().claim("iss", json!(""))),
    ] {
        assert_refused!(strict.verify(&forge.token(), now()), "issuer_not_allowed", "WIT-12", "{attack}");
    }
    let list = world.forge().claim("iss", json!([ISSUER]));
    assert_refused!(strict.verify(&list.token(), now()), "malformed", "WIT-12");
    let nobody = verifier(world.bundle().with_issuers(Vec::<String>::new()));
    assert_refused!(nobody.verify(&world.forge().token(), now()), "issuer_not_allowed", "WIT-12");

    // Without a list it is a record, and never overrides `sub`.
    let other = world.forge().claim("iss", json!("spiffe://bank.example"));
    let wit = world.verifier().verify(&other.token(), now()).unwrap();
    assert_eq!((wit.subject().as_str(), wit.issuer()), (SUBJECT, Some("spiffe://bank.example")));
}

#[test]
fn wit_13_crd_13_aims_7_the_lifetime() {
    let world = World::new();
    let day = 24 * 60 * 60;
    let until = |secs: u64| world.forge().claim("exp", json!(IAT + secs));
    world.verifier().verify(&until(day).token(), now()).unwrap();
    let too_long = ("lifetime_too_long", "WIT-13");
    refuse_all(
        &world,
        [
            ("a second too long", too_long, until(day + 1)),
            ("from nbf", too_long, until(day + 1).without("iat").claim("nbf", json!(IAT))),
            ("from the earlier: nbf", too_long, until(day).claim("nbf", json!(IAT - 1))),
            ("from the earlier: iat", too_long, until(day + 1).claim("nbf", json!(IAT + 1))),
        ],
    );
    // A beginning that is not known is now, give or take the leeway.
    let leeway = 30;
    let ahead = now().as_secs() - IAT + leeway + day;
    world.verifier().verify(&until(ahead).without("iat").token(), now()).unwrap();
    let unknown = until(ahead + 1).without("iat").token();
    assert_refused!(world.verifier().verify(&unknown, now()), "lifetime_too_long", "WIT-13");

    let limited = |secs| {
        WitVerifier::builder(BundleSet::from(world.bundle()), backend::ring())
            .max_lifetime(Duration::from_secs(secs))
            .build()
    };
    limited(3600).verify(&until(3600).token(), now()).unwrap();
    assert_refused!(limited(3599).verify(&until(3600).token(), now()), "lifetime_too_long", "WIT-13");
    assert_refused!(limited(u64::MAX).verify(&until(day + 1).token(), now()), "lifetime_too_long", "WIT-13");
}

#[test]
fn jo_clm_07_the_token_identifier() {
    let world = World::new();
    let jti = |value: Value| world.forge().claim("jti", value);
    let bad = ("malformed", "JO-CLM-07");
    refuse_all(
        &world,
        [
            ("empty", bad, jti(json!(""))),
            ("257 bytes", bad, jti(json!("a".repeat(257)))),
            ("a number", bad, jti(json!(1))),
            ("null", bad, jti(Value::Null)),
        ],
    );
    world.verifier().verify(&jti(json!("a".repeat(256))).token(), now()).unwrap();
    let wit = world.verifier().verify(&world.forge().without("jti").token(), now()).unwrap();
    assert_eq!(wit.token_id(), None);
}

#[test]
fn jo_json_03_hostile_claims_are_bounded() {
    let world = World::new();
    let nested = |levels: usize| {
        let value = "[".repeat(levels) + &"]".repeat(levels);
        world.forge().claim("x", serde_json::from_str(&value).unwrap()).token()
    };
    let verifier = world.verifier();
    // The claims themselves are a level.
    verifier.verify(&nested(7), now()).unwrap();
    assert_refused!(verifier.verify(&nested(8), now()), "malformed", "JO-JSON-03");

    let raw = |claims: &str| sign_raw(&world.issuer_key, &world.forge().header.to_string(), claims);
    let deep = format!("{{\"x\":{}", "[".repeat(4000));
    assert_refused!(verifier.verify(&raw(&deep), now()), "malformed", "JO-JSON-03");
    let many: Vec<String> = (0..257).map(|i| format!("\"a{i}\":0")).collect();
    assert_refused!(
        verifier.verify(&raw(&format!("{{{}}}", many.join(","))), now()),
        "malformed",
        "JO-JSON-03"
    );
    for claims in ["[]", "\"x\"", "null", "{}x", "{", "\u{feff}{}"] {
        let refused = verifier.verify(&raw(claims), now()).unwrap_err();
        assert_eq!(refused.code(), "malformed", "{claims}");
        assert!(refused.rule().starts_with("JO-JSON-0"), "{claims}: {}", refused.rule());
    }
    let deep_header = format!("{{\"x\":{}", "[".repeat(4000));
    let token = sign_raw(&world.issuer_key, &deep_header, "{}");
    assert_refused!(verifier.verify(&token, now()), "malformed", "WIT-2");
}

#[test]
fn wit_14_unknown_claims_and_an_audience_are_ignored() {
    let world = World::new();
    let forge = world.forge().claim("aud", json!("https://tools.example")).claim("scope", json!("all"));
    world.verifier().verify(&forge.token(), now()).unwrap();
}
