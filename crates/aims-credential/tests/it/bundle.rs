//! Trust bundles.

use aims_credential::{BundleSet, BundleSource, SkipReason, SkippedKey, TrustBundle, WitProfile};
use aims_jose::JwkError;
use aims_keys::{Algorithm, AlgorithmSet, backend};
use aims_testkit::{assert_refused, vectors};
use serde_json::{Value, json};

use crate::support::{KEY_ID, ORIGIN, World, bundle, jwk_json, key, now, verifier};

fn read(jwks: &Value) -> Result<TrustBundle, JwkError> {
    TrustBundle::from_jwks(ORIGIN.parse().unwrap(), &jwks.to_string(), backend::ring())
}

fn named(mut jwk: Value, kid: &str) -> Value {
    jwk["kid"] = json!(kid);
    jwk
}

#[test]
fn wit_7_a_key_without_alg_is_bound_by_its_type() {
    for (algorithm, bound) in [
        (Algorithm::Es256, Algorithm::Es256),
        (Algorithm::Es384, Algorithm::Es384),
        (Algorithm::EdDsa, Algorithm::Ed25519),
    ] {
        let world = World::of(algorithm, Algorithm::Es256);
        let mut jwk = named(jwk_json(&world.issuer_key), KEY_ID);
        jwk.as_object_mut().unwrap().remove("alg");
        let bundle = read(&json!({"keys": [jwk]})).unwrap();
        assert_eq!(bundle.keys().only().unwrap().public_key().algorithm(), bound);
        verifier(bundle).verify(&world.forge().token(), now()).unwrap();
    }
    let modulus = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
    let rsa = json!({"kty": "RSA", "kid": "a", "e": "AQAB", "n": modulus});
    let bundle = read(&json!({"keys": [rsa]})).unwrap();
    assert_eq!(bundle.keys().only().unwrap().public_key().algorithm(), Algorithm::Ps256);
    // A key that says otherwise is left out.
    let lying = json!({"kty": "EC", "crv": "P-256", "alg": "ES384", "x": "AA", "y": "AA"});
    let bundle = read(&json!({"keys": [lying]})).unwrap();
    assert_eq!(bundle.skipped()[0].reason, SkipReason::Key(JwkError::Curve));
}

#[test]
fn ws_1_keys_that_share_a_name_count_for_nothing() {
    let (a, b, c) = (key(Algorithm::Es256), key(Algorithm::Ed25519), key(Algorithm::Es256));
    let bundle = read(&json!({"keys": [
        named(jwk_json(&a), "twice"), named(jwk_json(&c), "once"), {"kty": "XYZ"}, named(jwk_json(&b), "twice"),
    ]}))
    .unwrap();
    assert_eq!(bundle.keys().len(), 1);
    assert_eq!(bundle.keys().only().unwrap().key_id(), Some("once"));
    let skipped: Vec<_> = bundle.skipped().iter().map(|SkippedKey { index, .. }| *index).collect();
    assert_eq!(skipped, [0, 2, 3]);
    assert_eq!(bundle.skipped()[0].reason, SkipReason::Key(JwkError::DuplicateKeyId));
    // Nor does one whose namesake cannot be used: which of the two was meant? One for encryption is no namesake.
    let unusable = json!({"kty": "EC", "crv": "P-521", "alg": "ES512", "kid": "twice"});
    let bundle = read(&json!({"keys": [named(jwk_json(&a), "twice"), unusable]})).unwrap();
    assert_eq!((bundle.keys().len(), bundle.skipped().len()), (0, 2));
    let mut encryption = named(jwk_json(&c), "twice");
    encryption["use"] = json!("enc");
    let bundle = read(&json!({"keys": [named(jwk_json(&a), "twice"), encryption]})).unwrap();
    assert_eq!((bundle.keys().len(), bundle.skipped().len()), (1, 1));
    // Without names there is nothing to share.
    let bundle = read(&json!({"keys": [jwk_json(&a), jwk_json(&b)]})).unwrap();
    assert_eq!((bundle.keys().len(), bundle.skipped().len()), (2, 0));
}

#[test]
fn crd_9_a_bundle_with_a_private_or_symmetric_key_is_refused() {
    let public = jwk_json(&key(Algorithm::Es256));
    let mut private = public.clone();
    private["d"] = json!("AAAA");
    assert_refused!(read(&json!({"keys": [public, private]})), "private_key", "JO-KEY-03");
    let symmetric = json!({"kty": "oct", "k": "AAAA"});
    assert_refused!(read(&json!({"keys": [public, symmetric]})), "symmetric_key", "JO-ALG-05");
}

#[test]
fn crd_1_documents_that_are_no_jwk_set_or_too_large() {
    assert_refused!(read(&json!({})), "no_keys", "JO-KEY-02");
    assert_refused!(read(&json!({"keys": {}})), "no_keys", "JO-KEY-02");
    let origin = || ORIGIN.parse().unwrap();
    let twice = r#"{"keys":[],"keys":[]}"#;
    assert_refused!(
        TrustBundle::from_jwks(origin(), twice, backend::ring()),
        "json_duplicate_name",
        "JO-JSON-02"
    );
    let padded = |len: usize| format!("{{\"keys\":[]}}{}", " ".repeat(len - 11));
    assert!(TrustBundle::from_jwks(origin(), &padded(1 << 20), backend::ring()).is_ok());
    assert_refused!(
        TrustBundle::from_jwks(origin(), &padded((1 << 20) + 1), backend::ring()),
        "key_set_too_large",
        "JO-JSON-03"
    );
    let with_text = |len: usize| read(&json!({"keys": [], "x": "x".repeat(len)}));
    with_text(64 * 1024).unwrap();
    assert_refused!(with_text(64 * 1024 + 1), "json_string_limit", "JO-JSON-03");
    let many = |n: usize| read(&json!({"keys": vec![json!({}); n]}));
    assert_eq!(many(1000).unwrap().skipped().len(), 1000);
    assert_refused!(many(1001), "key_set_too_large", "JO-JSON-03");
}

#[test]
fn crd_1_a_bundle_says_what_it_was_made_of() {
    let made = bundle(ORIGIN, vec![]);
    assert_eq!(made.origin().as_str(), ORIGIN);
    assert_eq!(made.algorithms(), AlgorithmSet::STANDARD);
    assert_eq!(made.profile(), WitProfile::Wit);
    assert!(made.keys().is_empty() && made.skipped().is_empty());
    let set: BundleSet =
        [bundle(ORIGIN, vec![]), bundle("wimse://acme.example", vec![])].into_iter().collect();
    assert_eq!(set.bundle("wimse://acme.example").unwrap().origin().as_str(), "wimse://acme.example");
    // Through a shared source alike.
    let shared: std::sync::Arc<dyn BundleSource> = std::sync::Arc::new(set.clone());
    assert_eq!(shared.bundle(ORIGIN).unwrap().origin().as_str(), ORIGIN);
    assert!(shared.bundle("acme.example").is_none() && set.bundle("").is_none());
}

#[test]
fn ws_1_the_bundles_of_go_spiffe() {
    for (file, keys, nameless) in [
        ("spiffe/go-spiffe/exp/bundle/witbundle/jwks_valid_1.json", 1, 0),
        ("spiffe/go-spiffe/exp/bundle/witbundle/jwks_valid_2.json", 2, 0),
        ("spiffe/go-spiffe/exp/bundle/witbundle/jwks_missing_kid.json", 2, 1),
        ("spiffe/go-spiffe/bundle/jwtbundle/jwks_valid_1.json", 1, 0),
        ("spiffe/go-spiffe/bundle/jwtbundle/jwks_valid_2.json", 2, 0),
        ("spiffe/go-spiffe/bundle/jwtbundle/jwks_missing_kid.json", 2, 1),
    ] {
        let Some(jwks) = vectors::json(file) else { continue };
        let bundle = read(&jwks).unwrap();
        assert_eq!((bundle.keys().len(), bundle.skipped().len()), (keys, 0), "{file}");
        assert_eq!(bundle.keys().iter().filter(|key| key.key_id().is_none()).count(), nameless, "{file}");
        assert!(bundle.keys().find("C6vs25welZOx6WksNYfbMfiw9l96pMnD", Algorithm::Es256).is_ok(), "{file}");
    }
}

#[test]
fn bnd_6_fed_11_threads_that_change_a_set_lose_nothing() {
    let set = BundleSet::new();
    let name = |thread: usize, n: usize| format!("spiffe://t{thread}-{n}.example");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let set = &set;
            scope.spawn(move || {
                for n in 0..50 {
                    set.insert(bundle(&name(thread, n), vec![]));
                    if n % 2 == 1 {
                        assert!(set.remove(&name(thread, n).parse().unwrap()));
                    }
                }
            });
        }
    });
    for (thread, n) in (0..4).flat_map(|thread| (0..50).map(move |n| (thread, n))) {
        assert_eq!(set.bundle(&name(thread, n)).is_some(), n % 2 == 0, "{thread} {n}");
    }
}
