//! The WIT-SVID profile.

use std::time::Duration;

use aims_credential::{BundleSet, Mark, MarkKey, MarkTable, WitCache, WitIssuer, WitProfile, WitVerifier};
use aims_keys::{Algorithm, AlgorithmSet, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{
    EXP, IAT, KEY_ID, LEEWAY, SUBJECT, World, at, bundle, claims_of, id, jwk, key, now, public, verifier,
};

fn svid_verifier(world: &World) -> WitVerifier {
    verifier(world.bundle().with_profile(WitProfile::WitSvid))
}

#[test]
fn ws_1_kid_is_required() {
    let world = World::new();
    let verifier = svid_verifier(&world);
    verifier.verify(&world.forge().token(), now()).unwrap();
    let nameless = world.forge().without_header("kid").token();
    assert_refused!(verifier.verify(&nameless, now()), "key_id_missing", "WS-1");
    world.verifier().verify(&nameless, now()).unwrap();
    let other_case = world.forge().header("kid", json!("A"));
    let lower = bundle("spiffe://acme.example", vec![jwk(&world.issuer_key, "a")]);
    let lower = crate::support::verifier(lower.with_profile(WitProfile::WitSvid));
    assert_refused!(lower.verify(&other_case.token(), now()), "unknown_key", "WIT-6");
}

#[test]
fn ws_2_the_type_is_that_of_a_wit() {
    let world = World::new();
    let jwt = world.forge().header("typ", json!("JWT"));
    assert_refused!(svid_verifier(&world).verify(&jwt.token(), now()), "wrong_type", "WIT-2");
}

#[test]
fn ws_3_ws_6_no_eddsa() {
    for name in [Algorithm::EdDsa, Algorithm::Ed25519] {
        let world = World::of(name, Algorithm::Es256);
        let token = world.forge().token();
        world.verifier().verify(&token, now()).unwrap();
        assert_refused!(svid_verifier(&world).verify(&token, now()), "unsupported_alg", "WS-3", "{name}");

        let world = World::of(Algorithm::Es256, name);
        let token = world.forge().token();
        world.verifier().verify(&token, now()).unwrap();
        assert_refused!(svid_verifier(&world).verify(&token, now()), "bad_confirmation", "WS-6", "{name}");
    }
    let world = World::of(Algorithm::Es384, Algorithm::Es384);
    svid_verifier(&world).verify(&world.forge().token(), now()).unwrap();
    let missing = world.forge().without("cnf").token();
    assert_refused!(svid_verifier(&world).verify(&missing, now()), "bad_confirmation", "WIT-10");
}

#[test]
fn ws_3_the_list_of_the_trust_domain_counts_too() {
    let world = World::of(Algorithm::Es384, Algorithm::Es256);
    let bundle = world.bundle().with_profile(WitProfile::WitSvid);
    let only = bundle.with_algorithms(AlgorithmSet::of(&[Algorithm::Es256]));
    assert_refused!(verifier(only).verify(&world.forge().token(), now()), "unsupported_alg", "WIT-3");
}

#[test]
fn ws_4_ws_17_unknown_members_are_ignored_unless_critical() {
    let world = World::new();
    let verifier = svid_verifier(&world);
    let more = world.forge().header("acme.example/x", json!(1)).claim("acme.example/y", json!([2]));
    verifier.verify(&more.token(), now()).unwrap();
    let critical = world.forge().header("crit", json!(["acme.example/x"])).header("acme.example/x", json!(1));
    assert_refused!(verifier.verify(&critical.token(), now()), "malformed", "JO-HDR-03");
}

#[test]
fn ws_5_the_subject_is_a_spiffe_id_with_a_path() {
    let world = World::new();
    let wimse = bundle("wimse://acme.example", vec![jwk(&world.issuer_key, KEY_ID)]);
    let token = world.forge().claim("sub", json!("wimse://acme.example/agents/travel")).token();
    verifier(wimse.clone()).verify(&token, now()).unwrap();
    let svid = verifier(wimse.with_profile(WitProfile::WitSvid));
    assert_refused!(svid.verify(&token, now()), "bad_subject", "WS-5");
    let domain = world.forge().claim("sub", json!("spiffe://acme.example")).token();
    assert_refused!(svid_verifier(&world).verify(&domain, now()), "bad_subject", "WIT-4");
}

#[test]
fn ws_7_ws_8_exp_and_nbf() {
    let world = World::new();
    let verifier = svid_verifier(&world);
    assert_refused!(verifier.verify(&world.forge().without("exp").token(), now()), "malformed", "WIT-8");
    verifier.verify(&world.forge().token(), at(EXP + LEEWAY - 1)).unwrap();
    assert_refused!(verifier.verify(&world.forge().token(), at(EXP + LEEWAY)), "expired", "WIT-8");
    let nbf = |nbf: u64| world.forge().claim("nbf", json!(nbf)).token();
    verifier.verify(&nbf(IAT), at(IAT - LEEWAY)).unwrap();
    assert_refused!(verifier.verify(&nbf(IAT), at(IAT - LEEWAY - 1)), "not_yet_valid", "WIT-9");
    // WS-8: a cap on `exp - nbf`, which an `iat` ahead does not lift.
    let long = world.forge().claim("nbf", json!(EXP - 86_401)).claim("iat", json!(EXP)).token();
    assert_refused!(verifier.verify(&long, now()), "lifetime_too_long", "WIT-13");
}

#[test]
fn ws_9_iat_does_not_say_from_when_on() {
    let world = World::new();
    let ahead = world.forge().claim("iat", json!(IAT + 1800)).token();
    assert_refused!(world.verifier().verify(&ahead, now()), "not_yet_valid", "WIT-9");
    let wit = svid_verifier(&world).verify(&ahead, now()).unwrap();
    assert_eq!(wit.begun(), at(0));
    let with_nbf = world.forge().claim("iat", json!(IAT + 1800)).claim("nbf", json!(IAT)).token();
    assert_eq!(svid_verifier(&world).verify(&with_nbf, now()).unwrap().begun(), at(IAT));
    // At the edge of what clocks may disagree it says when the token began.
    let edge = |iat: u64| {
        let token = world.forge().claim("iat", json!(iat)).token();
        svid_verifier(&world).verify(&token, at(IAT)).unwrap().begun()
    };
    assert_eq!((edge(IAT + LEEWAY), edge(IAT + LEEWAY + 1)), (at(IAT + LEEWAY), at(0)));
}

#[test]
fn ws_9_aims_55_an_iat_ahead_outlives_no_cut() {
    let world = World::new();
    let marks = MarkTable::with_capacity(1);
    marks.add(&MarkKey::Agent(&id(SUBJECT)), Mark::not_before(at(IAT + 10))).unwrap();
    let bundles = BundleSet::from(world.bundle().with_profile(WitProfile::WitSvid));
    let verifier = WitVerifier::builder(bundles, backend::ring()).marks(marks).build();
    let ahead = world.forge().claim("iat", json!(IAT + 1800)).token();
    assert_refused!(verifier.verify(&ahead, now()), "superseded", "AIMS-55");
}

#[test]
fn ws_10_no_audience() {
    let world = World::new();
    for audience in [json!("https://tools.example"), json!([]), json!(null)] {
        let token = world.forge().claim("aud", audience).token();
        assert_refused!(svid_verifier(&world).verify(&token, now()), "audience_forbidden", "WS-10");
    }
}

#[test]
fn ws_12_ws_18_the_same_token_comes_again() {
    let world = World::new();
    let cache = WitCache::new(svid_verifier(&world), 10);
    let token = world.forge().token();
    for _ in 0..3 {
        cache.verify(&token, now()).unwrap();
        svid_verifier(&world).verify(&token, now()).unwrap();
    }
}

#[test]
fn ws_1_ws_3_ws_5_ws_6_ws_10_ws_11_the_issuer_follows_the_profile() {
    let world = World::new();
    let issuer = world.issuer().with_profile(WitProfile::WitSvid).unwrap();
    let token = issuer.issue(&id(SUBJECT), public(&world.workload_key), at(IAT)).unwrap();
    svid_verifier(&world).verify(&token, now()).unwrap();
    let claims = claims_of(&token);
    assert!(claims.get("aud").is_none() && claims.get("iss").is_none());

    let ed = key(Algorithm::Ed25519);
    assert_refused!(issuer.issue(&id(SUBJECT), public(&ed), now()), "unsupported_alg", "WS-6");
    let ed = WitIssuer::new("spiffe://acme.example".parse().unwrap(), ed, KEY_ID).unwrap();
    assert_refused!(ed.with_profile(WitProfile::WitSvid), "unsupported_alg", "WS-3");
    let wimse =
        WitIssuer::new("wimse://acme.example".parse().unwrap(), world.issuer_key.clone(), KEY_ID).unwrap();
    assert_refused!(wimse.clone().with_profile(WitProfile::WitSvid), "bad_subject", "WS-5");
    wimse.with_profile(WitProfile::Wit).unwrap();
}

#[test]
fn wit_9_two_profiles_side_by_side() {
    // A profile per trust domain: the same verifier holds each to its own.
    let (acme, bank) = (World::new(), World::new());
    let bundles: BundleSet = [
        acme.bundle().with_profile(WitProfile::WitSvid),
        bundle("spiffe://bank.example", vec![jwk(&bank.issuer_key, KEY_ID)]),
    ]
    .into_iter()
    .collect();
    let verifier = WitVerifier::builder(bundles, backend::ring()).leeway(Duration::ZERO).build();
    let aud =
        |world: &World, sub: &str| world.forge().claim("sub", json!(sub)).claim("aud", json!("x")).token();
    verifier.verify(&aud(&bank, "spiffe://bank.example/teller"), now()).unwrap();
    assert_refused!(verifier.verify(&aud(&acme, SUBJECT), now()), "audience_forbidden", "WS-10");
}
