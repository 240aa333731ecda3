//! The published counterexamples to WIMSE identifiers (fkautz/wimse-security-counterexamples), as far as credentials decide
//! them: canonicalization, issuer-origin binding, hierarchical matching, uniqueness and reuse.

use aims_credential::{BundleSet, ExpectedPeers, Mark, MarkKey, MarkTable, PeerMap, WitVerifier};
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{
    IAT, KEY_ID, SUBJECT, World, at, bundle, claims_of, id, jwk, key, now, public, verifier,
};

#[test]
fn wid_8_wid_12_canonicalization_a_second_spelling_never_becomes_the_first() {
    let world = World::new();
    for spelling in [
        "spiffe://acme.example/agents/%74ravel",
        "spiffe://acme.example/agents//travel",
        "spiffe://acme.example/agents/./travel",
        "spiffe://acme.example/agents/x/../travel",
        "spiffe://acme.example/agents/travel/",
        "spiffe://ACME.example/agents/travel",
        "SPIFFE://acme.example/agents/travel",
        "spiffe://acme.example:443/agents/travel",
        "spiffe://acme.example./agents/travel",
    ] {
        // Signed by the right issuer all the same.
        let token = world.forge().claim("sub", json!(spelling)).token();
        let refused = world.verifier().verify(&token, now()).unwrap_err();
        // A trailing dot is another, legal, trust domain for `spiffe`: unknown.
        let rule = if spelling.contains("example./") { "WIT-5" } else { "WIT-4" };
        assert_eq!(refused.rule(), rule, "{spelling}");
    }
}

#[test]
fn wid_15_wid_19_crd_1_aims_3_issuer_origin_binding_a_trusted_issuer_speaks_for_its_own_origin_only() {
    let acme = World::new();
    let bank = World::new();
    let bundles: BundleSet = [
        acme.bundle(),
        bundle("spiffe://bank.example", vec![jwk(&bank.issuer_key, KEY_ID)]),
        bundle("wimse://acme.example", vec![jwk(&bank.issuer_key, KEY_ID)]),
    ]
    .into_iter()
    .collect();
    let verifier = WitVerifier::builder(bundles, backend::ring()).build();
    for subject in [SUBJECT, "spiffe://acme.example/bank.example"] {
        let token =
            bank.forge().claim("sub", json!(subject)).claim("iss", json!("https://bank.example")).token();
        assert_refused!(verifier.verify(&token, now()), "bad_signature", "WIT-7", "{subject}");
    }
    // The namesake of the other scheme has an issuer of its own.
    let token = acme.forge().claim("sub", json!("wimse://acme.example/agents/travel")).token();
    assert_refused!(verifier.verify(&token, now()), "bad_signature", "WIT-7");
    let wit = verifier
        .verify(&bank.forge().claim("sub", json!("wimse://acme.example/agents/travel")).token(), now())
        .unwrap();
    assert_ne!(wit.subject(), &id(SUBJECT));
}

#[test]
fn crd_7_arch_9_hierarchical_matching_a_path_below_another_is_nobody_special() {
    let world = World::new();
    let peers = PeerMap::new();
    let handle = aims_credential::AccessHandle::Service("travel");
    peers.insert(handle, id(SUBJECT));
    let marks = MarkTable::with_capacity(1);
    marks.add(&MarkKey::Agent(&id(SUBJECT)), Mark::dead()).unwrap();
    for subject in ["spiffe://acme.example/agents/travel/child", "spiffe://acme.example/agents"] {
        let wit =
            world.verifier().verify(&world.forge().claim("sub", json!(subject)).token(), now()).unwrap();
        // Neither the parent's place nor the parent's mark is inherited.
        assert_refused!(peers.check(handle, wit.subject()), "unexpected_peer", "CRD-5");
        wit.still_valid(now(), &marks).unwrap();
    }
    // A trust domain below another is another.
    let below = world.forge().claim("sub", json!("spiffe://sub.acme.example/agents/travel")).token();
    assert_refused!(world.verifier().verify(&below, now()), "unknown_trust_domain", "WIT-5");
}

#[test]
fn wid_7_wid_18_aims_1_uniqueness_and_reuse_a_new_holder_inherits_no_standing() {
    let world = World::new();
    let marks = MarkTable::with_capacity(10);
    // The first holder of the identifier is gone; what it had began before the cut.
    let first = world.verifier().verify(&world.token(), now()).unwrap();
    marks.add(&MarkKey::Agent(first.subject()), Mark::not_before(at(IAT + 60))).unwrap();
    assert_refused!(first.still_valid(now(), &marks), "superseded", "AIMS-55");
    // A later holder of the same identifier has another key, and another token identifier.
    let second_key = key(Algorithm::Es256);
    let token = world.issuer().issue(&id(SUBJECT), public(&second_key), at(IAT + 91)).unwrap();
    let second = world.verifier().verify(&token, at(IAT + 91)).unwrap();
    second.still_valid(at(IAT + 91), &marks).unwrap();
    assert_eq!(second.subject(), first.subject());
    assert_ne!(second.thumbprint(), first.thumbprint());
    assert_ne!(claims_of(&token)["jti"].as_str(), first.token_id());
    // An identifier that was retired stays so, whoever is given it.
    marks.add(&MarkKey::Agent(first.subject()), Mark::dead()).unwrap();
    assert_refused!(second.still_valid(at(IAT + 91), &marks), "revoked", "AIMS-55");
}

#[test]
fn wid_14_aims_6_a_bare_identifier_proves_nothing() {
    let world = World::new();
    // All that the attacker has is the identifier, and a key of its own.
    let attacker = World { issuer_key: key(Algorithm::Es256), workload_key: key(Algorithm::Es256) };
    let token = attacker.forge().token();
    assert_refused!(verifier(world.bundle()).verify(&token, now()), "bad_signature", "WIT-7");
    assert_refused!(world.verifier().verify(SUBJECT, now()), "malformed", "WIT-1");
}
