//! What is accepted, and what comes out.

use std::sync::Arc;

use aims_keys::Algorithm;
use aims_proof::{Audiences, ReplayMemory, Target, WptRequest, WptVerifier};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{CONTEXT, NOW, Parts, TXN, World, hash, secs, verifier};

#[test]
fn wpt_1_to_wpt_16_an_accepted_request_says_what_it_covers() {
    let world = World::new();
    let agent = world.agent();
    let proof = Parts::new(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    assert_eq!(proof.wit().subject().as_str(), "spiffe://acme.example/agents/travel");
    assert_eq!(proof.id(), "a-proof");
    assert_eq!(proof.audience(), "https://tools.example/v1/search");
    assert_eq!(proof.proof_not_after(), NOW + secs(60));
    assert_eq!(proof.txn_token(), Some(TXN));
    assert_eq!(proof.context("x-context"), Some(CONTEXT));
    assert_eq!(proof.context("X-Context"), Some(CONTEXT));
    assert_eq!(proof.context("accept"), None);

    let proof = Parts::plain(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    assert_eq!(proof.txn_token(), None);
    assert_eq!(proof.context("x-context"), None);
}

#[test]
fn wpt_1_the_name_of_the_scheme_has_no_case_and_spaces_may_follow() {
    let world = World::new();
    let agent = world.agent();
    for scheme in ["WPT ", "wpt ", "Wpt    "] {
        let mut received = Parts::plain(&agent).send();
        let credentials = received.field("authorization");
        *credentials = credentials.replace("WPT ", scheme);
        received.verify(&world, &verifier().0.build()).expect(scheme);
    }
}

#[test]
fn wpt_2_a_proof_may_have_8192_bytes() {
    let world = World::new();
    let mut parts = Parts::plain(&world.agent());
    let missing = |parts: &Parts| 8192 - parts.token().len();
    parts.claims["padding"] = json!("");
    // Three bytes are four characters; spaces behind the claims fill what is left.
    parts.claims["padding"] = json!("x".repeat(missing(&parts) / 4 * 3 - 3));
    let mut payload = parts.claims.to_string();
    while parts.token().len() < 8192 {
        payload.push(' ');
        parts.payload = Some(payload.clone());
    }
    assert_eq!(parts.token().len(), 8192);
    parts.send().verify(&world, &verifier().0.build()).unwrap();
    payload.push(' ');
    parts.payload = Some(payload);
    assert_refused!(parts.send().verify(&world, &verifier().0.build()), "malformed", "WPT-2");
}

#[test]
fn wpt_3_wpt_4_every_algorithm_of_the_credential() {
    let world = World::new();
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::EdDsa] {
        let agent = world.agent_with(algorithm, secs(3600));
        Parts::new(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    }
}

#[test]
fn wpt_5_a_tolerant_verifier_compares_media_types() {
    let world = World::new();
    let mut parts = Parts::plain(&world.agent());
    for typ in ["application/wpt+jwt", "wpt+jwt", "WPT+JWT", "Application/WPT+jwt"] {
        parts.header["typ"] = json!(typ);
        parts.send().verify(&world, &verifier().0.full_media_type().build()).expect(typ);
    }
    for typ in ["text/wpt+jwt", "wit+jwt", "application/wit+jwt", "application/application/wpt+jwt"] {
        parts.header["typ"] = json!(typ);
        let verifier = verifier().0.full_media_type().build();
        assert_refused!(parts.send().verify(&world, &verifier), "wrong_type", "WPT-5", "{typ}");
    }
}

#[test]
fn wpt_6_an_alias_is_accepted_whatever_the_path() {
    let world = World::new();
    let mut parts = Parts::plain(&world.agent());
    parts.claims["aud"] = json!("tools-alias");
    parts.send().verify(&world, &verifier().0.build()).unwrap();
    for aud in ["tools-alias/", "Tools-alias", "tools-alias?", "tools-alia", "tools-alias#"] {
        parts.claims["aud"] = json!(aud);
        assert_refused!(
            parts.send().verify(&world, &verifier().0.build()),
            "audience_mismatch",
            "WPT-6",
            "{aud}"
        );
    }
}

#[test]
fn wpt_6_the_operator_learns_what_was_named_and_what_was_expected() {
    let world = World::new();
    let mut parts = Parts::plain(&world.agent());
    let mut own = Audiences::http("https://tools.example").unwrap();
    let told = |parts: &Parts, own: &Audiences| {
        let verifier = WptVerifier::builder(own.clone(), ReplayMemory::with_capacity(1)).build();
        let refused = parts.send().verify(&world, &verifier);
        assert_refused!(refused, "audience_mismatch", "WPT-6").to_string()
    };
    let message = |named: &str, expected: &str| {
        format!("the proof is for another audience: it names {named}, expected is {expected}")
    };

    let search = r#""https://tools.example/v1/search""#;
    parts.claims["aud"] = json!("http://tools.example/v1/search");
    assert_eq!(told(&parts, &own), message(r#""http://tools.example/v1/search""#, search));
    // What may be a secret, and what would begin another line or quotation.
    for (aud, named) in [
        ("https://tools.example/v1/search?key=hunter2", r#""https://tools.example/v1/search?..""#),
        ("https://tools.example/v1/search#hunter2", r#""https://tools.example/v1/search?..""#),
        ("https://me:hunter2@tools.example/a@b", r#""https://..@tools.example/a@b""#),
        ("https://me:hunter2@x@tools.example", r#""https://..@tools.example""#),
        ("me:hunter2@tools.example", r#""..@tools.example""#),
        ("a\n\"\u{202e}", r#""a\n\"\u{202e}""#),
        ("", r#""""#),
    ] {
        parts.claims["aud"] = json!(aud);
        assert_eq!(told(&parts, &own), message(named, search), "{aud}");
    }
    // Only the beginning of a long one, and of many the first.
    parts.claims["aud"] = json!("é".repeat(1000));
    parts.path = format!("/{}", "\u{1}".repeat(4000));
    own = own.and_exact("urn:tools").unwrap().and_http("http://127.0.0.1:8080").unwrap();
    for n in 0..50 {
        own = own.and_exact(&format!("urn:tools:{n}")).unwrap();
    }
    let long = told(&parts, &own);
    assert!(long.contains(&format!("names \"{}..\",", "é".repeat(100))), "{long}");
    assert!(long.ends_with(r#" or "urn:tools" or 50 more"#) && long.len() < 4000, "{long}");
    // A request without a path of this service: nothing but an alias names it.
    parts.path = "tools.example:443".into();
    assert!(
        told(&parts, &own)
            .ends_with(r#"expected is "urn:tools" or "urn:tools:0" or "urn:tools:1" or 48 more"#)
    );
    let own = Audiences::http("https://tools.example").unwrap();
    assert!(told(&parts, &own).ends_with("expected is nothing"));
}

/// Edges: one second less or more is refused.
#[test]
fn wpt_8_wpt_9_ws_15_crd_12_times_at_their_edges() {
    let world = World::new();
    let agent = world.agent();
    let now = NOW.as_secs();
    let verify = |exp: serde_json::Value, nbf: Option<u64>, leeway: u64, max: u64| {
        let mut parts = Parts::plain(&agent);
        parts.claims["exp"] = exp;
        if let Some(nbf) = nbf {
            parts.claims["nbf"] = json!(nbf);
        }
        let verifier = verifier().0.leeway(secs(leeway)).max_lifetime(secs(max)).build();
        parts.send().verify(&world, &verifier)
    };
    verify(json!(now - 29), None, 30, 300).unwrap();
    assert_refused!(verify(json!(now - 30), None, 30, 300), "expired", "WPT-8");
    verify(json!(now + 1), None, 0, 300).unwrap();
    assert_refused!(verify(json!(now), None, 0, 300), "expired", "WPT-8");
    // A fraction of a second is cut off.
    verify(serde_json::from_str(&format!("{}.5", now + 1)).unwrap(), None, 0, 300).unwrap();
    assert_refused!(
        verify(serde_json::from_str(&format!("{now}.5")).unwrap(), None, 0, 300),
        "expired",
        "WPT-8"
    );

    verify(json!(now + 330), None, 30, 300).unwrap();
    assert_refused!(verify(json!(now + 331), None, 30, 300), "lifetime_too_long", "WPT-9");
    verify(json!(now + 10), None, 0, 10).unwrap();
    assert_refused!(verify(json!(now + 11), None, 0, 10), "lifetime_too_long", "WPT-9");

    verify(json!(now + 60), Some(now + 30), 30, 300).unwrap();
    assert_refused!(verify(json!(now + 60), Some(now + 31), 30, 300), "not_yet_valid", "JO-CLM-03");

    // Neither limit can be widened beyond what the digest allows.
    verify(json!(now - 119), None, 100_000, 300).unwrap();
    assert_refused!(verify(json!(now - 120), None, 100_000, 300), "expired", "WPT-8");
    verify(json!(now + 300), None, 0, 100_000).unwrap();
    assert_refused!(verify(json!(now + 301), None, 0, 100_000), "lifetime_too_long", "WPT-9");
}

#[test]
fn wpt_8_the_defaults_are_those_of_the_digest() {
    let world = World::new();
    let agent = world.agent();
    for (exp, accepted) in [(-29, true), (-30, false), (330, true), (331, false)] {
        let mut parts = Parts::plain(&agent);
        parts.claims["exp"] = json!(NOW.as_secs().saturating_add_signed(exp));
        assert_eq!(parts.send().verify(&world, &verifier().0.build()).is_ok(), accepted, "{exp}");
    }
}

#[test]
fn wpt_11_jo_clm_07_an_identifier_has_1_to_256_bytes() {
    let world = World::new();
    let agent = world.agent();
    for id in ["x".to_owned(), "x".repeat(256), "\u{e9}".repeat(128), "with \"escapes\" \n".to_owned()] {
        let mut parts = Parts::plain(&agent);
        parts.claims["jti"] = json!(id);
        let proof = parts.send().verify(&world, &verifier().0.build()).unwrap();
        assert_eq!(proof.id(), id);
    }
}

#[test]
fn wpt_13_wpt_14_every_token_relied_on_is_covered_and_every_entry_is_understood() {
    let world = World::new();
    let agent = world.agent();
    let both = || verifier().0.context_field("x-second").context_field("X-SECOND").build();

    let mut parts = Parts::new(&agent);
    parts.claims["oth"]["x-second"] = json!(hash("second"));
    let mut received = parts.send();
    received.add("x-second", "  second ");
    let proof = received.verify(&world, &both()).unwrap();
    // The spaces around a value are not part of it.
    assert_eq!((proof.context("x-context"), proof.context("x-second")), (Some(CONTEXT), Some("second")));

    // One of two is covered.
    let mut received = Parts::new(&agent).send();
    received.add("x-second", "second");
    assert_refused!(received.verify(&world, &both()), "other_binding_mismatch", "WPT-13");
    received.drop_field("x-second");
    received.verify(&world, &both()).expect("a field that is not there is not relied on");

    // The two values exchanged.
    let mut received = parts.send();
    *received.field("x-context") = "second".into();
    received.add("x-second", CONTEXT);
    assert_refused!(received.verify(&world, &both()), "other_binding_mismatch", "WPT-14");
}

#[test]
fn wpt_15_what_is_not_covered_does_not_come_out() {
    let world = World::new();
    let mut received = Parts::plain(&world.agent()).send();
    received.add("x-unbound", "by nobody");
    let proof = received.verify(&world, &verifier().0.build()).unwrap();
    assert_eq!(proof.context("x-unbound"), None);

    // Nor for a caller that hands in more than is relied on.
    let agent = world.agent();
    let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
    let token = Parts::new(&agent).token();
    let fields = [("x-unbound", "by nobody"), ("X-Context", CONTEXT)];
    let request =
        WptRequest::new(&token, Target::HttpPath("/v1/search")).txn_token(Some(TXN)).context(&fields);
    let proof = verifier().0.build().verify(&wit, &request, NOW).unwrap();
    assert_eq!((proof.context("x-unbound"), proof.context("x-context")), (None, Some(CONTEXT)));
}

#[test]
fn wpt_13_a_caller_that_hands_in_a_field_twice_is_refused() {
    let world = World::new();
    let agent = world.agent();
    let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
    let token = Parts::new(&agent).token();
    let fields = [("x-context", CONTEXT), ("X-Context", "another")];
    let request =
        WptRequest::new(&token, Target::HttpPath("/v1/search")).txn_token(Some(TXN)).context(&fields);
    assert_refused!(verifier().0.build().verify(&wit, &request, NOW), "malformed", "WPT-1");
}

#[test]
fn wpt_16_other_claims_and_header_members_are_ignored() {
    let world = World::new();
    let agent = world.agent();
    let other_types = [json!("text"), json!(7), json!(null), json!([1]), json!({ "a": 1 }), json!(true)];
    for value in other_types {
        let mut parts = Parts::plain(&agent);
        // `ath` is of wpt-01; the others have no meaning in a WPT.
        for claim in ["iat", "iss", "sub", "ath", "cnf", "https://example.com/claim"] {
            parts.claims[claim] = value.clone();
        }
        parts.header["kid"] = json!("any");
        parts.header["cty"] = value;
        parts.send().verify(&world, &verifier().0.build()).unwrap();
    }
}

#[test]
fn wpt_17_no_bearer_token_authenticates() {
    let world = World::new();
    let mut received = Parts::plain(&world.agent()).send();
    *received.field("authorization") = "Bearer an-access-token".into();
    assert_refused!(received.verify(&world, &verifier().0.build()), "no_proof", "WPT-1");
    // `Proxy-Authorization` is for a proxy, and not looked at.
    let mut received = Parts::plain(&world.agent()).send();
    received.add("proxy-authorization", "Bearer an-access-token");
    received.verify(&world, &verifier().0.build()).unwrap();
}

#[test]
fn wpt_18_no_token_is_shown() {
    let world = World::new();
    let agent = world.agent();
    let parts = Parts::new(&agent);
    let token = parts.token();
    let secrets: Vec<&str> =
        token.split('.').chain(agent.wit.token().split('.')).chain([TXN, CONTEXT]).collect();
    let proof = parts.send().verify(&world, &verifier().0.build()).unwrap();
    let fields = [("x-context", CONTEXT)];
    let request =
        WptRequest::new(&token, Target::HttpPath("/v1/search")).txn_token(Some(TXN)).context(&fields);
    let new = aims_proof::NewWpt::new("https://tools.example/").txn_token(TXN).context("x-context", CONTEXT);
    let mut broken = parts.send();
    broken.field("authorization").push('=');
    let error = broken.verify(&world, &verifier().0.build()).unwrap_err();
    let shown = [
        format!("{:?}", aims_proof::Authenticated::by_wpt(&proof)),
        format!("{proof:?}"),
        format!("{request:?}"),
        format!("{new:?}"),
        format!("{:?}", new.prepare(&agent.wit, NOW).unwrap()),
        format!("{error:?} {error}"),
        format!("{:?}", verifier().0.build()),
    ];
    assert!(format!("{proof:?}").starts_with("VerifiedProof { wit: VerifiedWit { subject: "));
    assert!(format!("{request:?}").starts_with("WptRequest { target: "));
    for text in shown {
        for secret in &secrets {
            assert!(!text.contains(secret), "{text} shows {secret}");
        }
    }
}

#[test]
fn wpt_7_recipients_come_from_configuration_only() {
    let world = World::new();
    let parts = Parts::plain(&world.agent());
    let memory = || Arc::new(ReplayMemory::with_capacity(10));
    for (base, accepted) in [("https://tools.example", true), ("https://inner.example:8443", false)] {
        let verifier = WptVerifier::builder(Audiences::http(base).unwrap(), memory()).build();
        assert_eq!(parts.send().verify(&world, &verifier).is_ok(), accepted);
    }
    let several =
        Audiences::http("https://inner.example:8443").unwrap().and_http("https://tools.example").unwrap();
    parts.send().verify(&world, &WptVerifier::builder(several, memory()).build()).unwrap();
}
