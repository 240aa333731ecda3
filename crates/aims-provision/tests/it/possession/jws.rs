//! Proofs as tokens.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use aims_attest::BoundKey;
use aims_credential::WitIssuer;
use aims_jose::{Jwk, Thumbprint, base64url};
use aims_keys::{Algorithm, AlgorithmSet, SignError, SignInput, UnixTime};
use aims_provision::{Challenge, KeyProof, KeyProofVerifier};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::support::{AUDIENCE, SESSION, World, claims, header, key, proof, rsa_key, signed};
use crate::support::{AGENT, MINUTE, NOW};

#[test]
fn att_21_att_22_the_holder_of_a_key_proves_it() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::EdDsa] {
        let (world, key) = (World::new(), key(algorithm));
        let challenge = world.challenge();
        let token = proof(&challenge, &key);
        let later = NOW + Duration::from_secs(59);
        let proven = world.verify_at(&token, later).unwrap();
        assert_eq!(proven.key_for(&AGENT.parse().unwrap(), &[], later).unwrap(), key.public_key());
        let thumbprint = Thumbprint::of(key.public_key());
        assert_eq!(proven.thumbprint(), thumbprint);
        assert_eq!(proven.bound_key(), BoundKey::ProofOfPossession(thumbprint));
        assert_eq!((proven.session(), proven.not_after()), (SESSION, NOW + MINUTE));
        assert_refused!(world.verify_at(&token, later), "unknown_challenge", "ATT-21");
    }
}

#[test]
fn att_22_a_signature_made_elsewhere_is_attached() {
    let (world, own, other) = (World::new(), key(Algorithm::Es256), key(Algorithm::Es256));
    let challenge = world.challenge();
    let prepare = || challenge.prepare_proof(own.public_key(), NOW).unwrap();
    let foreign = other.sign(SignInput::Message(prepare().signing_input())).unwrap();
    assert_refused!(prepare().attach(foreign.as_bytes()), "bad_signature", "ATT-22");
    assert_eq!(prepare().sign(&other), Err(SignError::WrongUse));
    let signature = own.sign(SignInput::Message(prepare().signing_input())).unwrap();
    let token = prepare().attach(signature.as_bytes()).unwrap();
    assert!(!format!("{:?}", prepare()).contains(&challenge.nonce()));
    world.verify(&token).unwrap();
    // A key in software is never waited for.
    let signed = pin!(world.challenge().prepare_proof(own.public_key(), NOW).unwrap().sign_async(&own))
        .poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(token) = signed else { panic!("it waits") };
    world.verify(&token.unwrap()).unwrap();
}

#[test]
fn att_22_a_proof_by_another_key_than_the_one_in_it_is_refused() {
    let (world, own, other) = (World::new(), key(Algorithm::Es256), key(Algorithm::Es256));
    let challenge = world.challenge();
    // The header and the binding name a key that the sender does not hold.
    let (header, claims) = (header(own.public_key()), claims(&challenge, own.public_key()));
    assert_refused!(world.verify(&signed(&header, &claims, &other)), "bad_signature", "ATT-22");
    // Nothing was used up by what its key did not sign.
    world.verify(&signed(&header, &claims, &own)).unwrap();
}

#[test]
fn att_21_a_key_that_was_swapped_is_refused() {
    let (world, own, other) = (World::new(), key(Algorithm::Es256), key(Algorithm::Es256));
    let challenge = world.challenge();
    // Signed by the key in the header, while the binding is that of another.
    let token = signed(&header(other.public_key()), &claims(&challenge, own.public_key()), &other);
    assert_refused!(world.verify(&token), "binding_mismatch", "ATT-21");
    // And the challenge is gone.
    assert_refused!(world.verify(&proof(&challenge, &own)), "unknown_challenge", "ATT-21");
}

#[test]
fn att_21_a_binding_of_another_challenge_is_refused() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let (one, other) = (world.challenge(), world.challenge());
    let mixed = claims(&one, key.public_key()).replace(&one.nonce(), &other.nonce());
    assert_refused!(
        world.verify(&signed(&header(key.public_key()), &mixed, &key)),
        "binding_mismatch",
        "ATT-21"
    );
    for binding in ["", "AAAA", &"A".repeat(43), &"A".repeat(44)] {
        let challenge = world.challenge();
        let text = challenge.binding(key.public_key()).to_text();
        let claims = claims(&challenge, key.public_key()).replace(&text, binding);
        let token = signed(&header(key.public_key()), &claims, &key);
        assert_refused!(world.verify(&token), "binding_mismatch", "ATT-21");
    }
}

#[test]
fn att_21_a_proof_counts_in_its_session_only() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let challenge = world.challenge();
    let token = proof(&challenge, &key);
    for session in [&b"connection 8"[..], b""] {
        let stolen = world.verifier.verify(&KeyProof::jws(&token), AUDIENCE, session, NOW);
        assert_refused!(stolen, "unknown_challenge", "ATT-21");
    }
    // Nor can one that saw the challenge answer it with a key of its own, or use it up.
    let thief = self::key(Algorithm::Es256);
    let own = proof(&challenge, &thief);
    let other = world.verifier.verify(&KeyProof::jws(&own), AUDIENCE, b"connection 8", NOW);
    assert_refused!(other, "unknown_challenge", "ATT-21");
    world.verify(&token).unwrap();
}

#[test]
fn att_21_a_proof_counts_for_its_audience_only() {
    const BANK: &str = "spiffe://bank.example";
    let (world, key) = (World::new(), key(Algorithm::Es256));
    // At another recipient than the one that handed out the challenge.
    let token = proof(&world.challenge(), &key);
    let elsewhere = world.verifier.verify(&KeyProof::jws(&token), BANK, SESSION, NOW);
    assert_refused!(elsewhere, "audience_mismatch", "ATT-21");
    // A challenge that was passed on: the workload answers whom it believes to talk to.
    let nonce = world.challenge().nonce();
    let relayed = proof(&Challenge::new(BANK, &nonce).unwrap(), &key);
    assert_refused!(world.verify(&relayed), "audience_mismatch", "ATT-21");
    // And says so in the binding, too.
    let nonce = world.challenge().nonce();
    let relayed = Challenge::new(BANK, &nonce).unwrap();
    let token = signed(&header(key.public_key()), &claims(&relayed, key.public_key()), &key);
    assert_refused!(world.verify(&token), "binding_mismatch", "ATT-21");
}

#[test]
fn att_21_att_24_times() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let expired = proof(&world.challenge(), &key);
    assert_refused!(world.verify_at(&expired, NOW + MINUTE), "challenge_expired", "ATT-21");
    let made_at = |secs: u64| {
        let unsigned = world.challenge().prepare_proof(key.public_key(), UnixTime::from_secs(secs));
        unsigned.unwrap().sign(&key).unwrap()
    };
    let now = NOW.as_secs();
    world.verify(&made_at(now + 30)).unwrap();
    world.verify(&made_at(now - 30)).unwrap();
    assert_refused!(world.verify(&made_at(now + 31)), "issued_in_future", "ATT-24");
    assert_refused!(world.verify(&made_at(now - 31)), "too_old", "ATT-24");
    let leeway = |secs| {
        let builder = KeyProofVerifier::builder(world.challenges.clone());
        builder.leeway(Duration::from_secs(secs)).build()
    };
    let verify = |leeway: &KeyProofVerifier, secs| {
        leeway.verify(&KeyProof::jws(&made_at(secs)), AUDIENCE, SESSION, NOW)
    };
    assert_refused!(verify(&leeway(0), now + 1), "issued_in_future", "ATT-24");
    verify(&leeway(1000), now + 120).unwrap();
    assert_refused!(verify(&leeway(1000), now + 121), "issued_in_future", "ATT-24");
}

#[test]
fn att_24_a_proven_key_is_not_for_later() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let proven = world.verify(&proof(&world.challenge(), &key)).unwrap();
    let subject = AGENT.parse().unwrap();
    proven.key_for(&subject, &[], NOW + Duration::from_secs(59)).unwrap();
    assert_refused!(proven.key_for(&subject, &[], NOW + MINUTE), "expired", "ATT-24");
}

#[test]
fn att_22_a_challenge_that_evidence_holds_is_answered_by_the_key() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let take =
        |challenge: &Challenge| world.challenges.take(&challenge.nonce(), AUDIENCE, SESSION, NOW).unwrap();
    let challenge = world.challenge();
    let token = proof(&challenge, &key);
    let proven = world.verifier.verify_taken(&KeyProof::jws(&token), take(&challenge), NOW).unwrap();
    assert_eq!((proven.session(), proven.not_after()), (SESSION, NOW + MINUTE));
    assert_refused!(world.verify(&token), "unknown_challenge", "ATT-21");
    // The proof of another challenge.
    let other = world.challenge();
    let refused = world.verifier.verify_taken(&KeyProof::jws(&token), take(&other), NOW);
    assert_refused!(refused, "unknown_challenge", "ATT-21");
    let late = world.challenge();
    let token = proof(&late, &key);
    let refused = world.verifier.verify_taken(&KeyProof::jws(&token), take(&late), NOW + MINUTE);
    assert_refused!(refused, "challenge_expired", "ATT-21");
}

#[test]
fn att_21_of_many_threads_one_proves_it() {
    let (world, key) = (World::new(), key(Algorithm::Ed25519));
    for _ in 0..50 {
        let token = proof(&world.challenge(), &key);
        let got = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    if world.verify(&token).is_ok() {
                        got.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(got.into_inner(), 1);
    }
}

#[test]
fn jo_hdr_02_tokens_of_other_types_are_refused() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let claims = claims(&world.challenge(), key.public_key());
    let good = header(key.public_key());
    for typ in
        ["wpt+jwt", "wit+jwt", "JWT", "dpop+jwt", "application/aims-key-proof+jwt", "AIMS-key-proof+jwt", ""]
    {
        let header = good.replace("aims-key-proof+jwt", typ);
        assert_refused!(world.verify(&signed(&header, &claims, &key)), "wrong_type", "JO-HDR-02");
    }
    let without = good.replace(r#""typ":"aims-key-proof+jwt","#, "");
    assert_refused!(world.verify(&signed(&without, &claims, &key)), "wrong_type", "JO-HDR-02");

    let issuer_key = Arc::new(self::key(Algorithm::Es256));
    let issuer = WitIssuer::new(AUDIENCE.parse().unwrap(), issuer_key, "k").unwrap();
    let wit = issuer.issue(&AGENT.parse().unwrap(), key.public_key(), NOW).unwrap();
    assert_refused!(world.verify(&wit), "wrong_type", "JO-HDR-02");
    world.verify(&signed(&good, &claims, &key)).unwrap();
}

#[test]
fn jo_alg_01_jo_alg_02_jo_key_02_algorithms() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let claims = claims(&world.challenge(), key.public_key());
    let good = header(key.public_key());
    let first = r#"{"alg":"ES256""#;
    for alg in ["none", "None", "HS256", "ES512", "es256", ""] {
        let header = good.replace(first, &format!(r#"{{"alg":"{alg}""#));
        assert_refused!(world.verify(&signed(&header, &claims, &key)), "unknown_algorithm", "JO-ALG-01");
    }
    for alg in ["RS256", "PS256", "ML-DSA-44"] {
        let header = good.replace(first, &format!(r#"{{"alg":"{alg}""#));
        assert_refused!(world.verify(&signed(&header, &claims, &key)), "algorithm_not_allowed", "JO-ALG-02");
    }
    for (alg, code) in [("ES384", "key_curve"), ("EdDSA", "key_type"), ("Ed25519", "key_type")] {
        let header = good.replace(first, &format!(r#"{{"alg":"{alg}""#));
        let refused = world.verify(&signed(&header, &claims, &key));
        assert_refused!(refused, code, "JO-KEY-02");
    }
    let inner = good.replace(r#"{"alg":"ES256","crv""#, r#"{"alg":"ES384","crv""#);
    assert_ne!(inner, good);
    assert_refused!(world.verify(&signed(&inner, &claims, &key)), "key_algorithm_mismatch", "JO-KEY-02");
    // With an empty signature, as `none` has it.
    let empty = format!("{}.{}.", base64url::encode(r#"{"alg":"none"}"#), base64url::encode(&claims));
    assert_refused!(world.verify(&empty), "malformed_token", "JO-B64-01");
    world.verify(&signed(&good, &claims, &key)).unwrap();
}

#[test]
fn jo_alg_02_rsa_keys_are_accepted_only_where_they_are_named() {
    let Some(key) = rsa_key(Algorithm::Ps256) else { return };
    let world = World::new();
    let token = proof(&world.challenge(), &key);
    assert_refused!(world.verify(&token), "algorithm_not_allowed", "JO-ALG-02");
    let builder = KeyProofVerifier::builder(world.challenges.clone());
    let verifier = builder.algorithms(AlgorithmSet::of(&[Algorithm::Ps256])).build();
    verifier.verify(&KeyProof::jws(&token), AUDIENCE, SESSION, NOW).unwrap();
    // And never weak ones.
    let n = base64url::encode([0xff; 128]);
    let weak =
        format!(r#"{{"alg":"PS256","typ":"aims-key-proof+jwt","jwk":{{"kty":"RSA","e":"AQAB","n":"{n}"}}}}"#);
    let token = signed(&weak, &claims(&world.challenge(), key.public_key()), &key);
    let refused = verifier.verify(&KeyProof::jws(&token), AUDIENCE, SESSION, NOW);
    assert_refused!(refused, "rsa_modulus", "JO-KEY-04");
}

#[test]
fn jo_key_05_a_key_under_which_anybody_can_sign_is_refused() {
    let world = World::new();
    let claims = claims(&world.challenge(), key(Algorithm::Ed25519).public_key());
    // The neutral element, as key and as R, with S of zero: the equation holds for each message.
    let mut point = [0; 32];
    point[0] = 1;
    let x = base64url::encode(point);
    let header = format!(
        r#"{{"alg":"Ed25519","typ":"aims-key-proof+jwt","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#
    );
    let signature = base64url::encode([point, [0; 32]].concat());
    let token = format!("{}.{}.{signature}", base64url::encode(header), base64url::encode(&claims));
    assert_refused!(world.verify(&token), "key_small_order", "JO-KEY-05");
}

#[test]
fn att_22_the_header_has_nothing_else() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let claims = claims(&world.challenge(), key.public_key());
    let good = header(key.public_key());
    for member in [
        r#""kid":"k""#,
        r#""x5c":["MIIB"]"#,
        r#""jku":"https://evil.example/keys""#,
        r#""cty":"JWT""#,
        r#""x":1"#,
    ] {
        let header = good.replacen('{', &format!("{{{member},"), 1);
        assert_refused!(world.verify(&signed(&header, &claims, &key)), "unexpected_header", "ATT-22");
    }
    let without = format!(r#"{{"alg":"ES256","typ":"{}"}}"#, aims_provision::KEY_PROOF_TYPE);
    assert_refused!(world.verify(&signed(&without, &claims, &key)), "no_key", "ATT-22");
    for member in [r#""crit":["exp"],"exp":1"#, r#""b64":false"#] {
        let header = good.replacen('{', &format!("{{{member},"), 1);
        let refused = world.verify(&signed(&header, &claims, &key)).unwrap_err();
        assert_eq!(refused.rule(), "JO-HDR-03");
    }
    for (jwk, code, rule) in [
        ("null", "key_not_an_object", "JO-KEY-02"),
        (r#""text""#, "key_not_an_object", "JO-KEY-02"),
        (r#"{"kty":"oct","k":"AAAA"}"#, "symmetric_key", "JO-ALG-05"),
    ] {
        let header = good.replace(&Jwk::new(key.public_key().clone()).to_json(), jwk);
        assert_refused!(world.verify(&signed(&header, &claims, &key)), code, rule);
    }
    let private = good.replace(r#""kty":"EC""#, r#""kty":"EC","d":"AAAA""#);
    assert_refused!(world.verify(&signed(&private, &claims, &key)), "private_key", "JO-KEY-03");
    world.verify(&signed(&good, &claims, &key)).unwrap();
}

#[test]
fn jo_json_02_members_that_stand_twice_are_refused() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let claims = claims(&world.challenge(), key.public_key());
    let good = header(key.public_key());
    for member in [r#""alg":"ES256""#, r#""typ":"aims-key-proof+jwt""#, r#""jwk":{}"#, r#""\u006awk":{}"#] {
        let header = good.replacen('{', &format!("{{{member},"), 1);
        let token = signed(&header, &claims, &key);
        assert_refused!(world.verify(&token), "json_duplicate_name", "JO-JSON-02");
    }
    let inner = good.replace(r#""kty":"EC""#, r#""kty":"EC","kty":"EC""#);
    assert_refused!(world.verify(&signed(&inner, &claims, &key)), "json_duplicate_name", "JO-JSON-02");
    for member in [r#""aud":"a""#, r#""nonce":"a""#, r#""iat":1"#, r#""bindin\u0067":"a""#] {
        let claims = claims.replacen('{', &format!("{{{member},"), 1);
        let token = signed(&good, &claims, &key);
        assert_refused!(world.verify(&token), "json_duplicate_name", "JO-JSON-02");
    }
    world.verify(&signed(&good, &claims, &key)).unwrap();
}

#[test]
fn att_22_the_claims_are_these_four() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let header = header(key.public_key());
    let challenge = world.challenge();
    let good = claims(&challenge, key.public_key());
    let verify = |claims: &str| world.verify(&signed(&header, claims, &key));
    for member in [r#""exp":1"#, r#""sub":"spiffe://acme.example/agents/admin""#, r#""x":null"#] {
        let claims = good.replacen('{', &format!("{{{member},"), 1);
        assert_refused!(verify(&claims), "unexpected_claim", "ATT-22");
    }
    let (binding, nonce) = (challenge.binding(key.public_key()).to_text(), challenge.nonce());
    let members = [
        ("aud", format!(r#""aud":"{AUDIENCE}","#), "JO-CLM-05", "JO-CLM-05"),
        ("binding", format!(r#""binding":"{binding}","#), "JO-CLM-01", "JO-CLM-01"),
        ("iat", format!(r#""iat":{},"#, NOW.as_secs()), "JO-CLM-03", "JO-CLM-02"),
        ("nonce", format!(r#","nonce":"{nonce}""#), "JO-CLM-01", "JO-CLM-01"),
    ];
    for (name, member, missing, wrong) in members {
        assert!(good.contains(&member));
        assert_refused!(verify(&good.replace(&member, "")), "claim_missing", missing);
        for value in [r#"["a"]"#, "null", "true", "{}"] {
            let other = good.replace(&member, "").replacen('{', &format!(r#"{{"{name}":{value},"#), 1);
            assert_refused!(verify(&other), "claim_type", wrong);
        }
    }
    assert_refused!(verify(&good.replace(&nonce, "AAEC")), "malformed_challenge", "ATT-21");
    assert_refused!(verify(""), "no_payload", "JO-B64-04");
    assert_eq!(verify("[]").unwrap_err().rule(), "JO-JSON-01");
    verify(&good).unwrap();
}

#[test]
fn jo_b64_01_tokens_too_long_or_cut_short_are_refused() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let token = proof(&world.challenge(), &key);
    for end in 0..token.len() {
        assert!(world.verify(token.split_at(end).0).is_err(), "{end} bytes");
    }
    assert_refused!(world.verify(&"a".repeat(8193)), "token_too_long", "JO-B64-01");
    assert_refused!(world.verify(&"a".repeat(8192)), "malformed_token", "JO-B64-01");
    for text in ["", ".", "..", "...", "{}"] {
        assert_refused!(world.verify(text), "malformed_token", "JO-B64-01");
    }
    assert_refused!(world.verify(&format!("{token}.a")), "malformed_token", "JO-B64-01");
    world.verify(&token).unwrap();

    // The longest that we make is one that we take.
    let long = "a".repeat(Challenge::MAX_AUDIENCE);
    let challenge = world.challenges.issue(&long, SESSION, NOW).unwrap();
    let token = proof(&challenge, &key);
    world.verifier.verify(&KeyProof::jws(&token), &long, SESSION, NOW).unwrap();
}

/// Every bit of every byte.
#[test]
fn att_22_tampering_with_any_byte_is_refused() {
    let (world, key) = (World::new(), key(Algorithm::Ed25519));
    let token = proof(&world.challenge(), &key);
    for index in 0..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            let text = String::from_utf8(bytes).unwrap();
            assert!(world.verify(&text).is_err(), "byte {index}, bit {bit}");
        }
    }
    world.verify(&token).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn att_22_any_text_is_refused(text in "[ -~]{0,200}(\\.[ -~]{0,200}){0,3}") {
        prop_assert!(World::new().verify(&text).is_err());
    }

    /// Whatever claims the holder of a key signs.
    #[test]
    fn att_21_arbitrary_claims_are_refused(text in "[ -~]{0,200}") {
        let (world, key) = (World::new(), key(Algorithm::Ed25519));
        world.challenge();
        prop_assert!(world.verify(&signed(&header(key.public_key()), &text, &key)).is_err());
    }

    #[test]
    fn att_21_any_audience_and_session(audience in "[^\\x00-\\x1f]{1,60}", session in prop::collection::vec(any::<u8>(), 0..60)) {
        let (world, key) = (World::new(), key(Algorithm::Ed25519));
        let nonce = world.challenges.issue(&audience, &session, NOW).unwrap().nonce();
        let token = proof(&Challenge::new(&audience, &nonce).unwrap(), &key);
        let proven = world.verifier.verify(&KeyProof::jws(&token), &audience, &session, NOW).unwrap();
        prop_assert_eq!(proven.session(), &*session);
    }
}

#[test]
fn att_21_nothing_shows_a_challenge_or_a_session() {
    let (world, key) = (World::new(), key(Algorithm::Es256));
    let challenge = world.challenge();
    let token = proof(&challenge, &key);
    let proof = KeyProof::jws(&token);
    let proven = world.verifier.verify(&proof, AUDIENCE, SESSION, NOW).unwrap();
    let shown = format!("{:?} {proof:?} {proven:?}", world.verifier);
    assert!(!shown.contains(&challenge.nonce()) && !shown.contains(&token), "{shown}");
    assert!(shown.contains("Jws(..)") && !shown.contains("99, 111, 110"), "{shown}");
}
