//! The profile of wpt-01: in force where a verifier was built with it, and nowhere else.

use aims_proof::{NewWpt, ProofError, Target, VerifiedProof, WPT_01_FIELD, WptProfile, WptRequest};
use aims_testkit::{assert_refused, vectors};
use serde_json::json;

use crate::support::{Broken, NOW, Parts, Received, World, hash, ready, verifier};
use crate::vectors as examples;

const ACCESS: &str = "16_mAd0GiwaZokU26_0902100";

/// What it is, what is changed, and the refusal.
type Change<T> = (&'static str, fn(&mut T), &'static str, &'static str);

/// A request as wpt-01 has it, with an access token.
fn sent(parts: &Parts) -> Received {
    let mut received = parts.send();
    *received.field("authorization") = format!("Bearer {ACCESS}");
    received.add(WPT_01_FIELD, &parts.token());
    received
}

fn parts(world: &World) -> Parts {
    let mut parts = Parts::new(&world.agent());
    parts.claims["ath"] = json!(hash(ACCESS));
    parts
}

fn verify(world: &World, received: &Received) -> Result<VerifiedProof, ProofError> {
    received.verify(world, &verifier().0.profile(WptProfile::Wpt01).build())
}

#[test]
fn examples_of_wpt_01_verify_under_the_profile() {
    for (name, other) in [
        ("wimse/wpt-01-example.json", None),
        ("wimse/wpt-01-oth-example.json", Some("some-example-other-token")),
    ] {
        let Some(vector) = vectors::json(name) else { return };
        let wits = examples::wits("wimse://example.com", &vector["issuer_jwk"], "June 5");
        let (fields, path) = examples::request(vector["http_request"].as_str().unwrap());
        let verifier = examples::verifier("https://workload.example.com")
            .profile(WptProfile::Wpt01)
            .context_field("x-custom-token")
            .build();
        let proof = verifier.verify_http(&wits, &fields[..], path, examples::now(&vector)).unwrap();
        assert!(vector["access_token"].as_str().is_none_or(|token| proof.covers_access_token(token)));
        assert_eq!(proof.context("x-custom-token"), other);
        // WPT-17: who calls is who the WIT names.
        assert_eq!(proof.wit().subject().as_str(), "wimse://example.com/specific-workload");
    }
}

#[test]
fn the_access_token_is_covered_or_there_is_none() {
    let world = World::new();
    let parts = parts(&world);
    let proof = verify(&world, &sent(&parts)).unwrap();
    assert!(proof.covers_access_token(ACCESS) && !proof.covers_access_token("another"));
    assert!(proof.txn_token().is_some() && proof.context("x-context").is_some());

    for scheme in ["DPoP", "bearer", "dpop ", "BEARER  "] {
        let mut received = sent(&parts);
        *received.field("authorization") = format!("{scheme} {ACCESS}");
        assert!(verify(&world, &received).unwrap().covers_access_token(ACCESS), "{scheme}");
    }

    // No access token, and no `ath`.
    let mut without = parts.clone();
    without.remove("ath");
    let mut received = sent(&without);
    received.drop_field("authorization");
    assert!(!verify(&world, &received).unwrap().covers_access_token(ACCESS));
    // Another scheme has no access token.
    received.add("authorization", "Basic dXNlcjpwYXNz");
    assert!(!verify(&world, &received).unwrap().covers_access_token(ACCESS));
}

#[test]
fn one_thing_is_wrong_and_the_status_is_400() {
    let world = World::new();
    let code = "access_token_binding_mismatch";
    let in_claims: [Change<Parts>; 8] = [
        ("ath missing", |p| p.remove("ath"), code, "WPT-13"),
        ("ath of another token", |p| p.claims["ath"] = json!(hash("x")), code, "WPT-13"),
        ("ath empty", |p| p.claims["ath"] = json!(""), code, "WPT-13"),
        ("ath null", |p| p.claims["ath"] = json!(null), code, "WPT-13"),
        ("ath number", |p| p.claims["ath"] = json!(1), code, "WPT-13"),
        ("oth is one hash", |p| p.claims["oth"] = json!(hash("x")), "malformed", "WPT-14"),
        ("another audience", |p| p.claims["aud"] = json!("https://x.example/"), "audience_mismatch", "WPT-6"),
        ("legacy type", |p| p.header["typ"] = json!("wimse-proof+jwt"), "wrong_type", "WPT-5"),
    ];
    for (name, change, code, rule) in in_claims {
        let mut parts = parts(&world);
        change(&mut parts);
        let error = assert_refused!(verify(&world, &sent(&parts)), code, rule, "{name}");
        assert_eq!((error.status(), error.challenge()), (400, None), "{name}");
    }
    let on_the_way: [Change<Received>; 9] = [
        ("no access token", |r| r.drop_field("authorization"), code, "WPT-13"),
        ("another scheme", |r| *r.field("authorization") = "Basic x".into(), code, "WPT-13"),
        ("empty access token", |r| *r.field("authorization") = "Bearer".into(), code, "WPT-13"),
        ("another access token", |r| r.field("authorization").push('x'), code, "WPT-13"),
        ("two access tokens", |r| r.add("authorization", "Bearer x"), "malformed", "WPT-1"),
        ("no proof", |r| r.drop_field(WPT_01_FIELD), "no_proof", "WPT-1"),
        ("two proofs", |r| r.add(WPT_01_FIELD, "x"), "malformed", "WPT-1"),
        ("bad WIT", |r| r.field("workload-identity-token").push('='), "malformed", "WIT-1"),
        ("no WIT", |r| r.drop_field("workload-identity-token"), "no_credential", "WIT-1"),
    ];
    for (name, change, code, rule) in on_the_way {
        let mut received = sent(&parts(&world));
        change(&mut received);
        let error = assert_refused!(verify(&world, &received), code, rule, "{name}");
        assert_eq!((error.status(), error.challenge()), (400, None), "{name}");
    }
    // Nobody is to blame when the memory is lost.
    let own = aims_proof::Audiences::http("https://tools.example").unwrap();
    let lost = aims_proof::WptVerifier::builder(own, Broken(aims_credential::ReplayError::Unavailable))
        .context_field("x-context")
        .profile(WptProfile::Wpt01)
        .build();
    let error = sent(&parts(&world)).verify(&world, &lost).unwrap_err();
    assert_eq!((error.status(), error.code()), (503, "replay_store_unavailable"));
}

#[test]
fn wpt_1_the_two_profiles_do_not_mix() {
    let world = World::new();
    let parts = parts(&world);
    // A request of the current draft, before a verifier of wpt-01: there is no proof in its field.
    assert_refused!(verify(&world, &parts.send()), "no_proof", "WPT-1");
    // A request of wpt-01, before a verifier of the current draft, feature or not.
    for verifier in [verifier().0.build(), verifier().0.profile(WptProfile::Wpt02).build()] {
        let error = assert_refused!(sent(&parts).verify(&world, &verifier), "no_proof", "WPT-1");
        assert_eq!(error.status(), 400);
        assert!(matches!(error, ProofError::Wpt(_)));
    }
    // The current draft does not know `ath`: it is ignored, and no access token comes out.
    let mut wrong = parts.clone();
    wrong.claims["ath"] = json!(hash("x"));
    let mut received = wrong.send();
    received.add(WPT_01_FIELD, "not looked at");
    assert!(!received.verify(&world, &verifier().0.build()).unwrap().covers_access_token(ACCESS));
    let agent = world.agent();
    let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
    let token = Parts::plain(&agent).token();
    let request = WptRequest::new(&token, Target::HttpPath("/v1/search")).access_token(Some(ACCESS));
    assert!(!verifier().0.build().verify(&wit, &request, NOW).unwrap().covers_access_token(ACCESS));
}

#[test]
fn what_is_made_for_wpt_01_is_accepted() {
    let world = World::new();
    let agent = world.agent();
    let new = NewWpt::new("https://tools.example/v1/search").access_token(ACCESS);
    let token = ready(new.sign(&agent.holder, NOW)).unwrap();
    let credentials = format!("DPoP {ACCESS}");
    let fields = [
        ("authorization", &*credentials),
        ("workload-identity-token", agent.wit.token()),
        (WPT_01_FIELD, &*token),
    ];
    let verifier = verifier().0.profile(WptProfile::Wpt01).build();
    let proof = verifier.verify_http(&world.wits, &fields[..], "/v1/search", NOW).unwrap();
    assert!(proof.covers_access_token(ACCESS) && !proof.covers_access_token("another"));
}
