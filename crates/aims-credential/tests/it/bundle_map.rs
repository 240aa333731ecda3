//! Bundle maps, and which bundle takes the place of which.

use std::time::Duration;

use aims_credential::{BundleMap, BundleMapError, BundleSet, BundleSource, Freshness, TrustBundle};
use aims_jose::JwkSet;
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::{ORIGIN, bundle, jwk, jwk_json, key};

fn read(document: &Value) -> Result<BundleMap, BundleMapError> {
    BundleMap::parse(&document.to_string(), backend::ring())
}

fn keys() -> Value {
    let mut jwk = jwk_json(&key(Algorithm::Es256));
    jwk["use"] = json!("jwt-svid");
    jwk["kid"] = json!("a");
    json!({"keys": [jwk]})
}

#[test]
fn bnd_6_a_map_holds_a_bundle_for_each_trust_domain() {
    let map =
        read(&json!({"trust_domains": {"acme.example": keys(), "bank.example": {"keys": []}}, "more": 1}));
    let map = map.unwrap();
    assert_eq!((map.len(), map.is_empty()), (2, false));
    let acme = map.bundle(ORIGIN).unwrap();
    assert_eq!((acme.origin().as_str(), acme.jwt_keys().len()), (ORIGIN, 1));
    assert!(map.bundle("spiffe://bank.example").unwrap().jwt_keys().is_empty());
    assert!(map.bundle("wimse://acme.example").is_none() && map.bundle("acme.example").is_none());
    assert!(read(&json!({"trust_domains": {}})).unwrap().is_empty());

    // In one step, in place of what was there.
    let set = BundleSet::from(bundle("spiffe://old.example", vec![]));
    set.replace(map.bundles().cloned());
    assert!(set.bundle("spiffe://old.example").is_none());
    assert_eq!(set.bundle(ORIGIN).unwrap().jwt_keys().len(), 1);
}

#[test]
fn bnd_6_bnd_17_a_map_is_read_all_or_not_at_all() {
    let with =
        |name: &str, inner: Value| read(&json!({"trust_domains": {"acme.example": keys(), name: inner}}));
    for name in [
        "",
        "ACME.example",
        "spiffe://bank.example",
        "bank.example/",
        "bank.example/a",
        "bank.example:443",
        "b nk",
        "\u{e9}",
    ] {
        assert_refused!(with(name, keys()), "bad_trust_domain", "BND-6", "{name:?}");
    }
    assert_refused!(with(&"a".repeat(256), keys()), "bad_trust_domain", "BND-6");
    assert_refused!(with("bank.example", json!({})), "no_keys", "BND-9");
    assert_refused!(with("bank.example", json!(null)), "no_keys", "BND-9");
    assert_refused!(with("bank.example", json!({"keys": [], "spiffe_sequence": -1})), "sequence", "BND-10");
    let leak = json!({"keys": [{"kty": "EC", "d": "AA"}]});
    let refused = assert_refused!(with("bank.example", leak), "private_key", "BND-19");
    assert!(refused.to_string().contains("bank.example"), "{refused}");
    for document in [json!({}), json!({"trust_domains": []}), json!({"trust_domains": null})] {
        assert_refused!(read(&document), "no_trust_domains", "BND-6", "{document}");
    }
    let text = |text: &str| BundleMap::parse(text, backend::ring());
    for twice in [
        r#"{"trust_domains":{"a":{"keys":[]},"a":{"keys":[]}}}"#,
        r#"{"trust_domains":{"a":{"keys":[]},"\u0061":{"keys":[]}}}"#,
        r#"{"trust_domains":{},"trust_domains":{}}"#,
        r#"{"trust_domains":{"a":{"keys":[],"keys":[]}}}"#,
    ] {
        assert_refused!(text(twice), "json_duplicate_name", "BND-17", "{twice}");
    }
    let padded = |len: usize| format!("{{\"trust_domains\":{{}}}}{}", " ".repeat(len - 20));
    text(&padded(16 << 20)).unwrap();
    assert_refused!(text(&padded((16 << 20) + 1)), "bundle_map_too_large", "BND-17");
    let large = format!(r#"{{"trust_domains":{{"a":{{"keys":[]{}}}}}}}"#, " ".repeat(1 << 20));
    assert_refused!(text(&large), "key_set_too_large", "BND-17");
}

#[test]
fn bnd_8_which_bundle_takes_the_place_of_which() {
    let (a, b) = (jwk(&key(Algorithm::Es256), "a"), jwk(&key(Algorithm::Es256), "b"));
    let of = |keys: &[&aims_jose::Jwk], sequence: Option<u64>| {
        let keys = JwkSet::new(keys.iter().map(|&key| key.clone()).collect()).unwrap();
        let bundle = TrustBundle::new(ORIGIN.parse().unwrap(), keys);
        match sequence {
            Some(sequence) => bundle.with_sequence(sequence),
            None => bundle,
        }
    };
    let stored = of(&[&a, &b], Some(7));
    // The outcome, whether it replaces, whether it is reported.
    for (what, fetched, outcome) in [
        ("a larger number", of(&[&a], Some(8)), (Freshness::Newer, true, false)),
        ("a smaller number", of(&[&a, &b], Some(6)), (Freshness::Older, false, true)),
        ("the same", of(&[&b, &a], Some(7)), (Freshness::Same, false, false)),
        ("a key less", of(&[&a], Some(7)), (Freshness::Changed, true, true)),
        ("no number", of(&[&a, &b], None), (Freshness::Unordered, true, true)),
        (
            "another origin",
            bundle("spiffe://bank.example", vec![]).with_sequence(8),
            (Freshness::Foreign, false, true),
        ),
        (
            "another scheme",
            bundle("wimse://acme.example", vec![]).with_sequence(8),
            (Freshness::Foreign, false, true),
        ),
        (
            "for JWT-SVIDs",
            of(&[], Some(7)).with_jwt_keys(stored.keys().clone()),
            (Freshness::Changed, true, true),
        ),
        (
            "another hint",
            stored.clone().with_refresh_hint(Duration::from_secs(9)),
            (Freshness::Changed, true, true),
        ),
    ] {
        let found = Freshness::of(&stored, &fetched);
        assert_eq!((found, found.replaces(), found.is_to_be_reported()), outcome, "{what}");
    }
    let unnumbered = of(&[&a], None);
    assert_eq!(Freshness::of(&unnumbered, &unnumbered.clone()), Freshness::Same);
    assert_eq!(Freshness::of(&unnumbered, &of(&[&b], None)), Freshness::Unordered);
    assert_eq!(Freshness::of(&unnumbered, &of(&[&a], Some(0))), Freshness::Unordered);
}
