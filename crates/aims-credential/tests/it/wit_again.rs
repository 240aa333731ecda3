//! A token that was verified before, asked about again with what is trusted now.

use std::sync::Arc;

use aims_credential::{BundleSet, Mark, MarkKey, MarkTable, VerifiedWit, WitProfile, WitVerifier};
use aims_keys::{Algorithm, AlgorithmSet, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{EXP, ISSUER, KEY_ID, LEEWAY, ORIGIN, SUBJECT, World, at, bundle, id, jwk, now};

/// A verifier, what it trusts, and a token that it verified.
fn verified(world: &World) -> (WitVerifier, BundleSet, VerifiedWit) {
    let bundles = BundleSet::from(world.bundle());
    let verifier = WitVerifier::builder(bundles.clone(), backend::ring()).build();
    let wit = verifier.verify(&world.forge().token(), now()).unwrap();
    (verifier, bundles, wit)
}

#[test]
fn wit_6_wit_7_crd_1_a_token_counts_as_long_as_its_key() {
    let world = World::new();
    let (verifier, bundles, wit) = verified(&world);
    verifier.verify_again(&wit, now()).unwrap();
    bundles.insert(world.bundle());
    verifier.verify_again(&wit, now()).unwrap();
    bundles.insert(bundle(ORIGIN, vec![jwk(&world.issuer_key, "another name")]));
    assert_refused!(verifier.verify_again(&wit, now()), "unknown_key", "WIT-6");
    bundles.insert(bundle(ORIGIN, vec![jwk(&World::new().issuer_key, KEY_ID)]));
    assert_refused!(verifier.verify_again(&wit, now()), "bad_signature", "WIT-7");
    bundles.remove(&ORIGIN.parse().unwrap());
    assert_refused!(verifier.verify_again(&wit, now()), "unknown_trust_domain", "WIT-5");
}

#[test]
fn wit_8_a_token_expires_under_either_bundle() {
    let world = World::new();
    let (verifier, bundles, wit) = verified(&world);
    assert_refused!(verifier.verify_again(&wit, at(EXP + LEEWAY)), "expired", "WIT-8");
    bundles.insert(world.bundle());
    assert_refused!(verifier.verify_again(&wit, at(EXP + LEEWAY)), "expired", "WIT-8");
}

#[test]
fn wit_3_wit_13_a_bundle_that_allows_less_ends_what_it_does_not_allow() {
    let world = World::of(Algorithm::Es256, Algorithm::Ed25519);
    let (verifier, bundles, wit) = verified(&world);
    let only = |algorithms: &[Algorithm]| algorithms.iter().copied().collect::<AlgorithmSet>();
    bundles.insert(world.bundle().with_algorithms(only(&[Algorithm::Ed25519])));
    assert_eq!(verifier.verify_again(&wit, now()).unwrap_err().code(), "unsupported_alg");
    bundles.insert(world.bundle().with_algorithms(only(&[Algorithm::Es256])));
    assert!(verifier.verify_again(&wit, now()).is_err());
    bundles.insert(world.bundle().with_issuers(["https://other.example"]));
    assert!(verifier.verify_again(&wit, now()).is_err());
    bundles.insert(world.bundle().with_issuers([ISSUER]));
    verifier.verify_again(&wit, now()).unwrap();
    bundles.insert(world.bundle().with_profile(WitProfile::WitSvid));
    assert!(verifier.verify_again(&wit, now()).is_err(), "its proofs would be by EdDSA");
}

#[test]
fn wit_13_a_profile_without_audiences_ends_a_token_with_one() {
    let world = World::new();
    let bundles = BundleSet::from(world.bundle());
    let verifier = WitVerifier::builder(bundles.clone(), backend::ring()).build();
    let wit = verifier.verify(&world.forge().claim("aud", json!("a")).token(), now()).unwrap();
    bundles.insert(world.bundle().with_profile(WitProfile::WitSvid));
    assert!(verifier.verify_again(&wit, now()).is_err());
}

#[test]
fn aims_55_a_mark_ends_a_token_under_either_bundle() {
    let world = World::new();
    let (bundles, marks) = (BundleSet::from(world.bundle()), Arc::new(MarkTable::with_capacity(4)));
    let verifier = WitVerifier::builder(bundles.clone(), backend::ring()).marks(marks.clone()).build();
    let wit = verifier.verify(&world.token(), now()).unwrap();
    marks.add(&MarkKey::Agent(&id(SUBJECT)), Mark::suspended()).unwrap();
    assert_refused!(verifier.verify_again(&wit, now()), "suspended", "AIMS-55");
    bundles.insert(world.bundle());
    assert_refused!(verifier.verify_again(&wit, now()), "suspended", "AIMS-55");
}
