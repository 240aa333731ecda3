//! A token, or a key, of one kind is not taken for one of the other.

use aims_credential::{BundleSet, JwtSvid, JwtSvidVerifier, Wit, WitVerifier};
use aims_jose::JwkSet;
use aims_keys::backend;
use aims_testkit::assert_refused;
use serde_json::json;

use super::support::{AUDIENCE, Domain, builder, jwt_bundle};
use crate::support::{KEY_ID, ORIGIN, World, bundle, jwk, now};

#[test]
fn js_5_jo_clm_10_a_wit_is_no_jwt_svid_and_the_reverse() {
    // The worst case: one key, trusted for both.
    let world = World::new();
    let domain = Domain { key: world.issuer_key.clone() };
    let both = world.bundle().with_jwt_keys(JwkSet::new(vec![jwk(&domain.key, KEY_ID)]).unwrap());
    let wits = WitVerifier::builder(BundleSet::from(both.clone()), backend::ring()).build();
    let svids = JwtSvidVerifier::builder(BundleSet::from(both), AUDIENCE).build();
    let (wit, svid) = (world.forge().token(), domain.forge().token());
    wits.verify(&wit, now()).unwrap();
    svids.verify(&svid, now()).unwrap();

    assert_refused!(svids.verify(&wit, now()), "wrong_type", "JS-5");
    assert_refused!(JwtSvid::from_issuer(&wit), "wrong_type", "JS-5");
    assert_refused!(wits.verify(&svid, now()), "wrong_type", "WIT-2");
    assert_refused!(Wit::from_issuer(&svid, backend::ring()), "wrong_type", "WIT-2");
    // Nor does the content of one pass under the type of the other.
    let retyped = world.forge().header("typ", json!("JWT")).claim("aud", json!(AUDIENCE)).token();
    assert_refused!(svids.verify(&retyped, now()), "bad_confirmation", "JO-KEY-10");
    let retyped = domain.forge().header("typ", json!("wit+jwt")).token();
    assert_refused!(wits.verify(&retyped, now()), "bad_confirmation", "WIT-10");
}

#[test]
fn js_11_the_keys_of_wits_verify_no_jwt_svid_and_the_reverse() {
    let world = World::new();
    let domain = Domain { key: world.issuer_key.clone() };
    let for_wits = bundle(ORIGIN, vec![jwk(&domain.key, KEY_ID)]);
    let for_svids = jwt_bundle(ORIGIN, vec![jwk(&domain.key, KEY_ID)]);
    let (wit, svid) = (world.forge().token(), domain.forge().token());

    builder(for_svids.clone()).build().verify(&svid, now()).unwrap();
    assert_refused!(builder(for_wits.clone()).build().verify(&svid, now()), "unknown_key", "JS-11");
    let nameless = domain.forge().without_header("kid").token();
    assert_refused!(builder(for_wits.clone()).build().verify(&nameless, now()), "key_id_missing", "JS-4");

    let verifier = |bundle| WitVerifier::builder(BundleSet::from(bundle), backend::ring()).build();
    verifier(for_wits).verify(&wit, now()).unwrap();
    assert_refused!(verifier(for_svids.clone()).verify(&wit, now()), "unknown_key", "WIT-6");
    let nameless = world.forge().without_header("kid").token();
    assert_refused!(verifier(for_svids).verify(&nameless, now()), "key_id_missing", "WIT-6");
}
