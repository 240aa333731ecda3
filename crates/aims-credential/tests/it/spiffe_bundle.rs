//! Bundle documents of SPIFFE.

use std::time::Duration;

use aims_credential::{SkipReason, SpiffeBundleError, TrustBundle};
use aims_jose::{Jwk, JwkError, JwkSet, base64url};
use aims_keys::{Algorithm, PublicKey, PublicNumbers, backend};
use aims_testkit::{assert_refused, vectors};
use serde_json::{Value, json};

use crate::support::{ORIGIN, jwk, jwk_json, key};

fn read(document: &Value) -> Result<TrustBundle, SpiffeBundleError> {
    read_text(&document.to_string())
}

fn read_text(document: &str) -> Result<TrustBundle, SpiffeBundleError> {
    TrustBundle::from_spiffe(ORIGIN.parse().unwrap(), document, backend::ring())
}

fn read_strictly(document: &Value) -> Result<TrustBundle, SpiffeBundleError> {
    TrustBundle::from_spiffe_strict(ORIGIN.parse().unwrap(), &document.to_string(), backend::ring())
}

/// An element of a fresh key.
fn element(usage: &str, kid: &str) -> Value {
    with(jwk_json(&key(Algorithm::Es256)), &[("use", json!(usage)), ("kid", json!(kid))])
}

fn with(mut element: Value, members: &[(&str, Value)]) -> Value {
    for (name, value) in members {
        element[*name] = value.clone();
    }
    element
}

fn without(mut element: Value, name: &str) -> Value {
    element.as_object_mut().unwrap().remove(name);
    element
}

/// Asserts that `bad` is skipped for this reason, and the elements around it are not.
fn assert_skipped(what: &str, bad: &Value, code: &str, rule: &str) {
    let bundle = read(&json!({"keys": [element("jwt-svid", "a"), bad, element("wit-svid", "b")]})).unwrap();
    let [skipped] = bundle.skipped() else { panic!("{what}: {:?}", bundle.skipped()) };
    assert_eq!((skipped.index, skipped.reason.code(), skipped.reason.rule()), (1, code, rule), "{what}");
    assert_eq!((bundle.jwt_keys().len(), bundle.keys().len()), (1, 1), "{what}");
}

#[test]
fn bnd_15_bnd_16_bnd_1_each_key_counts_for_its_own_kind() {
    let (jwt, wit) = (element("jwt-svid", "jwt"), element("wit-svid", "wit"));
    let bundle = read(&json!({"keys": [jwt, wit], "spiffe_sequence": 3, "spiffe_refresh_hint": 60})).unwrap();
    assert_eq!(bundle.origin().as_str(), ORIGIN);
    assert_eq!(bundle.jwt_keys().only().unwrap().key_id(), Some("jwt"));
    assert_eq!(bundle.keys().only().unwrap().key_id(), Some("wit"));
    assert_eq!((bundle.sequence(), bundle.refresh_hint()), (Some(3), Some(Duration::from_secs(60))));
    assert!(bundle.skipped().is_empty());
}

#[test]
fn bnd_9_an_empty_bundle_revokes_everything_and_one_without_keys_is_refused() {
    let bundle = read(&json!({"keys": []})).unwrap();
    assert!(bundle.keys().is_empty() && bundle.jwt_keys().is_empty());
    for document in [json!({}), json!({"keys": {}}), json!({"keys": null}), json!({"keys": "x"})] {
        assert_refused!(read(&document), "no_keys", "BND-9", "{document}");
    }
    let many = |n: usize| read(&json!({"keys": vec![json!({}); n]}));
    assert_eq!(many(1000).unwrap().skipped().len(), 1000);
    assert_refused!(many(1001), "key_set_too_large", "BND-17");
}

#[test]
fn bnd_10_bnd_11_bnd_12_the_numbers_and_the_other_members() {
    let number = |name: &str, value: &str| read_text(&format!("{{\"keys\":[],\"{name}\":{value}}}"));
    for bad in ["1.0", "1e3", "-1", "-0", "18446744073709551616", "\"1\"", "null", "[1]", "true"] {
        assert_refused!(number("spiffe_sequence", bad), "sequence", "BND-10", "{bad}");
        assert_refused!(number("spiffe_refresh_hint", bad), "refresh_hint", "BND-11", "{bad}");
    }
    let most = "18446744073709551615";
    assert_eq!(number("spiffe_sequence", most).unwrap().sequence(), Some(u64::MAX));
    assert_eq!(number("spiffe_sequence", "0").unwrap().sequence(), Some(0));
    let hint = number("spiffe_refresh_hint", most).unwrap().refresh_hint();
    assert_eq!(hint, Some(Duration::from_secs(u64::MAX)));
    // As if it were not there.
    assert_eq!(number("spiffe_refresh_hint", "0").unwrap().refresh_hint(), None);
    let bundle = number("acme.example/note", "{\"a\":[]}").unwrap();
    assert_eq!((bundle.sequence(), bundle.refresh_hint()), (None, None));
}

#[test]
fn bnd_3_bnd_13_elements_that_are_not_understood_are_skipped() {
    for not_an_object in [json!("x"), json!(null), json!(["a"]), json!(1)] {
        assert_skipped("no object", &not_an_object, "key_not_an_object", "BND-3");
    }
    let jwt = || element("jwt-svid", "x");
    for (what, bad, code) in [
        ("no type", without(jwt(), "kty"), "key_type"),
        ("an unknown type", with(jwt(), &[("kty", json!("XYZ"))]), "key_type"),
        ("another case", with(jwt(), &[("kty", json!("ec"))]), "key_type"),
        ("no use", without(jwt(), "use"), "key_use"),
        ("an unknown use", with(jwt(), &[("use", json!("sig"))]), "key_use"),
        ("a use of another case", with(jwt(), &[("use", json!("JWT-SVID"))]), "key_use"),
        ("a use that is no text", with(jwt(), &[("use", json!(["jwt-svid"]))]), "key_use"),
    ] {
        assert_skipped(what, &bad, code, "BND-13");
    }
}

#[test]
fn bnd_4_bnd_15_bnd_16_a_key_without_kid_is_skipped_or_refuses_the_bundle() {
    for usage in ["jwt-svid", "wit-svid"] {
        let nameless = without(element(usage, "x"), "kid");
        assert_skipped(usage, &nameless, "key_id_missing", "BND-4");
        let document = json!({"keys": [element(usage, "a"), nameless]});
        assert_refused!(read_strictly(&document), "key_id_missing", "BND-4");
        for bad in [json!(""), json!(1), json!(null), json!("a\nb"), json!("a".repeat(257))] {
            let malformed = with(element(usage, "x"), &[("kid", bad)]);
            assert_skipped(usage, &malformed, "malformed_key_id", "JO-HDR-05");
        }
    }
    assert_refused!(read_strictly(&json!({"keys": []})), "empty_keys", "BND-4");
    let sound = json!({"keys": [element("jwt-svid", "a"), element("wit-svid", "b"), {"use": "x"}]});
    assert_eq!(read_strictly(&sound).unwrap().skipped().len(), 1);
    // What is refused anyhow is refused for that.
    assert_refused!(read_strictly(&json!({})), "no_keys", "BND-9");
}

#[test]
fn bnd_17_a_document_is_strict_json() {
    for (text, code) in [
        (r#"{"keys":[],"keys":[]}"#, "json_duplicate_name"),
        (r#"{"keys":[],"k\u0065ys":[]}"#, "json_duplicate_name"),
        (r#"{"keys":[{"use":"x","use":"x"}]}"#, "json_duplicate_name"),
        (r#"{"keys":[],"x":{"y":[{"a":1,"a":1}]}}"#, "json_duplicate_name"),
    ] {
        assert_refused!(read_text(text), code, "BND-17", "{text}");
    }
    for text in ["", "[]", "{\"keys\":[]}x", "{\"keys\":[],}", "\u{feff}{\"keys\":[]}"] {
        assert_eq!(read_text(text).unwrap_err().rule(), "BND-17", "{text}");
    }
    let padded = |len: usize| format!("{{\"keys\":[]}}{}", " ".repeat(len - 11));
    read_text(&padded(1 << 20)).unwrap();
    assert_refused!(read_text(&padded((1 << 20) + 1)), "key_set_too_large", "BND-17");
}

#[test]
fn bnd_18_of_keys_that_share_a_name_none_counts() {
    let twice = |usage: &str| element(usage, "twice");
    let unusable = json!({"use": "jwt-svid", "kty": "EC", "crv": "P-521", "alg": "ES512", "kid": "twice"});
    for (what, other) in [
        ("of one kind", twice("jwt-svid")),
        ("of the other kind", twice("wit-svid")),
        ("one of them unusable", unusable),
    ] {
        let once = element("jwt-svid", "once");
        let bundle = read(&json!({"keys": [twice("jwt-svid"), once, other]})).unwrap();
        assert_eq!(bundle.jwt_keys().only().unwrap().key_id(), Some("once"), "{what}");
        assert!(bundle.keys().is_empty(), "{what}");
        for skipped in bundle.skipped() {
            let reason = (skipped.reason.code(), skipped.reason.rule());
            assert_eq!(reason, ("duplicate_key_id", "BND-18"), "{what}");
        }
        assert_eq!(bundle.skipped().len(), 2, "{what}");
    }
    // An element for something else is no namesake.
    let other = with(element("jwt-svid", "a"), &[("use", json!("enc"))]);
    let bundle = read(&json!({"keys": [element("jwt-svid", "a"), other]})).unwrap();
    assert_eq!((bundle.jwt_keys().len(), bundle.skipped().len()), (1, 1));
}

#[test]
fn bnd_19_keys_are_checked() {
    let jwt = || element("jwt-svid", "x");
    for (what, bad, code, rule) in [
        ("not on the curve", with(jwt(), &[("y", json!("A".repeat(43)))]), "key_not_on_curve", "JO-KEY-03"),
        ("another curve", with(jwt(), &[("crv", json!("P-384"))]), "key_curve", "JO-KEY-02"),
        ("no number", without(jwt(), "y"), "key_member", "JO-KEY-02"),
        ("a MAC", with(jwt(), &[("alg", json!("HS256"))]), "unknown_algorithm", "JO-ALG-01"),
        ("not for verifying", with(jwt(), &[("key_ops", json!(["sign"]))]), "key_operations", "JO-KEY-02"),
    ] {
        assert_skipped(what, &bad, code, rule);
    }
}

#[test]
fn bnd_19_jo_key_03_a_secret_anywhere_refuses_the_bundle() {
    for member in ["d", "dp", "dq", "oth", "p", "priv", "q", "qi"] {
        for element in [
            element("jwt-svid", "x"),
            element("wit-svid", "x"),
            json!({"use": "x509-svid", "kty": "EC"}),
            json!({"use": "other", "kty": "XYZ"}),
            json!({}),
        ] {
            let leak = json!({"keys": [{"use": "jwt-svid"}, with(element, &[(member, json!("AA"))])]});
            assert_refused!(read(&leak), "private_key", "BND-19", "{leak}");
        }
    }
    // Whatever else is wrong.
    let leak = json!({"keys": [{"use": "jwt-svid"}, {"d": "AA"}], "spiffe_sequence": -1});
    assert_refused!(read(&leak), "private_key", "BND-19");
    assert_refused!(read_strictly(&leak), "private_key", "BND-19");
    let symmetric = json!({"keys": [{"use": "other", "kty": "oct", "k": "AAAA"}]});
    assert_refused!(read(&symmetric), "symmetric_key", "BND-19");
}

const MODULUS: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";

#[test]
fn bnd_19_an_rsa_key_without_alg_is_for_either_algorithm() {
    let rsa = json!({"use": "jwt-svid", "kty": "RSA", "kid": "a", "e": "AQAB", "n": MODULUS});
    let bundle = read(&json!({"keys": [rsa]})).unwrap();
    for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
        assert_eq!(bundle.jwt_keys().find("a", algorithm).unwrap().public_key().algorithm(), algorithm);
    }
    // It is written as the one element it was.
    let written: Value = serde_json::from_str(&bundle.to_spiffe_json().unwrap()).unwrap();
    assert_eq!(written, json!({"keys": [rsa]}));
    let bound = with(rsa, &[("alg", json!("RS256"))]);
    let bundle = read(&json!({"keys": [bound]})).unwrap();
    assert_eq!(bundle.jwt_keys().only().unwrap().public_key().algorithm(), Algorithm::Rs256);
    let written: Value = serde_json::from_str(&bundle.to_spiffe_json().unwrap()).unwrap();
    assert_eq!(written, json!({"keys": [bound]}));
}

#[test]
fn bnd_18_two_rsa_keys_of_one_name_are_not_written_as_one() {
    let other = MODULUS.replacen('n', "o", 1);
    let keys = [(MODULUS, Algorithm::Ps256), (&*other, Algorithm::Rs256)].map(|(modulus, algorithm)| {
        let numbers = PublicNumbers::Rsa { n: base64url::decode(modulus).unwrap(), e: vec![1, 0, 1] };
        let key = PublicKey::load(numbers, algorithm, backend::ring()).unwrap();
        Jwk::new(key).with_key_id("a").unwrap()
    });
    let bundle = TrustBundle::new(ORIGIN.parse().unwrap(), JwkSet::default())
        .with_jwt_keys(JwkSet::new(keys.into()).unwrap());
    assert_refused!(bundle.to_spiffe_json(), "duplicate_key_id", "BND-18");
}

#[test]
fn bnd_16_bnd_18_what_is_written_is_what_would_be_read() {
    let (a, b) = (key(Algorithm::Es256), key(Algorithm::Es384));
    let set = |key, kid: &str| JwkSet::new(vec![jwk(key, kid)]).unwrap();
    let bundle = |wit: &str, jwt: &str| {
        TrustBundle::new(ORIGIN.parse().unwrap(), set(&a, wit)).with_jwt_keys(set(&b, jwt))
    };
    let made = bundle("wit", "jwt").with_sequence(9).with_refresh_hint(Duration::from_millis(60_900));
    let read = read_text(&made.to_spiffe_json().unwrap()).unwrap();
    assert_eq!(read.keys().only().unwrap(), &jwk(&a, "wit"));
    assert_eq!(read.jwt_keys().only().unwrap(), &jwk(&b, "jwt"));
    assert_eq!((read.sequence(), read.refresh_hint()), (Some(9), Some(Duration::from_secs(60))));
    assert!(read.skipped().is_empty());
    assert_eq!(made.with_refresh_hint(Duration::from_millis(900)).refresh_hint(), None);

    assert_refused!(bundle("same", "same").to_spiffe_json(), "duplicate_key_id", "BND-18");
    let two = JwkSet::new(vec![jwk(&a, "x"), jwk(&b, "x")]).unwrap();
    let shared = TrustBundle::new(ORIGIN.parse().unwrap(), two);
    assert_refused!(shared.to_spiffe_json(), "duplicate_key_id", "BND-18");
    let nameless = |keys: &[&Value]| {
        let jwks = json!({"keys": keys}).to_string();
        TrustBundle::from_jwks(ORIGIN.parse().unwrap(), &jwks, backend::ring()).unwrap()
    };
    let (a, b) = (jwk_json(&a), jwk_json(&b));
    assert_refused!(nameless(&[&a]).to_spiffe_json(), "key_id_missing", "BND-4");
    assert_refused!(nameless(&[&a, &b]).to_spiffe_json(), "key_id_missing", "BND-4");
}

#[test]
fn bnd_4_bnd_9_the_bundles_of_go_spiffe() {
    let x509 = usize::from(cfg!(feature = "x509"));
    // Authorities, keys of JWT-SVIDs and of WITs, skipped; and what go-spiffe itself refuses them for.
    for (name, found, strict) in [
        ("valid_1", (x509, 1, 0, 1 - x509), None),
        ("valid_2", (x509, 6, 0, 1 - x509), None),
        ("valid_with_wit", (x509, 2, 2, 1 - x509), None),
        ("missing_kid", (x509, 0, 0, 2 - x509), Some(("key_id_missing", "BND-4"))),
        ("multiple_x509", (x509, 1, 0, 1 - x509), Some(("several_certificates", "BND-4"))),
    ] {
        let file = format!("spiffe/go-spiffe/bundle/spiffebundle/spiffebundle_{name}.json");
        let Some(document) = vectors::json(&file) else { continue };
        let bundle = read(&document).unwrap();
        #[cfg(feature = "x509")]
        let authorities = bundle.x509_authorities().len();
        #[cfg(not(feature = "x509"))]
        let authorities = 0;
        let (jwt, wit) = (bundle.jwt_keys().len(), bundle.keys().len());
        assert_eq!((authorities, jwt, wit, bundle.skipped().len()), found, "{name}");
        match strict {
            Some((code, rule)) => {
                assert_refused!(read_strictly(&document), code, rule, "{name}");
            }
            None => assert_eq!(read_strictly(&document).unwrap().jwt_keys().len(), jwt, "{name}"),
        }
    }
    let file = "spiffe/go-spiffe/bundle/spiffebundle/spiffebundle_no_keys.json";
    let Some(document) = vectors::json(file) else { return };
    assert_refused!(read(&document), "no_keys", "BND-9");
    assert_refused!(read_strictly(&document), "no_keys", "BND-9");
}

#[test]
fn bnd_14_bnd_15_bnd_16_the_bundle_of_the_oauth_draft() {
    let Some(document) = vectors::json("spiffe/oauth-bundle-example.json") else { return };
    let bundle = read(&document).unwrap();
    assert_eq!(bundle.jwt_keys().only().unwrap().key_id(), Some("6d02Vc2oU62mXVH5nlggHGLmfIhrlnNW"));
    assert_eq!(bundle.keys().only().unwrap().key_id(), Some("b7f3K2oPz8nQvT1xYl9gHGLmfIhrlnXY"));
    assert_eq!((bundle.sequence(), bundle.refresh_hint()), (Some(10), Some(Duration::from_secs(300))));
    #[cfg(feature = "x509")]
    assert_eq!((bundle.x509_authorities().len(), bundle.skipped()), (1, &[][..]));
}

#[test]
fn bnd_15_the_key_sets_of_go_spiffe_are_keys_of_jwt_svids_when_the_caller_says_so() {
    for (name, keys, nameless) in [("valid_1", 1, 0), ("valid_2", 2, 0), ("missing_kid", 2, 1)] {
        let file = format!("spiffe/go-spiffe/bundle/jwtbundle/jwks_{name}.json");
        let Some(document) = vectors::json(&file) else { continue };
        // As a bundle of SPIFFE it holds nothing: its keys are for no use.
        let bundle = read(&document).unwrap();
        assert!(bundle.jwt_keys().is_empty() && bundle.keys().is_empty());
        assert!(bundle.skipped().iter().all(|key| key.reason == SkipReason::Key(JwkError::Use)), "{name}");
        let origin = ORIGIN.parse().unwrap();
        let set = TrustBundle::from_jwks(origin, &document.to_string(), backend::ring()).unwrap();
        let bundle =
            TrustBundle::new(ORIGIN.parse().unwrap(), JwkSet::default()).with_jwt_keys(set.keys().clone());
        assert_eq!(bundle.jwt_keys().len(), keys, "{name}");
        assert_eq!(bundle.jwt_keys().iter().filter(|key| key.key_id().is_none()).count(), nameless);
    }
}

#[cfg(not(feature = "x509"))]
#[test]
fn bnd_14_without_the_feature_certificates_are_skipped() {
    let bad = json!({"use": "x509-svid", "kty": "EC", "x5c": []});
    assert_skipped("a certificate", &bad, "x509_unsupported", "BND-14");
}

#[test]
fn wa_7_a_set_of_keys_for_one_kind_of_token_holds_no_others() {
    let with_use = element("jwt-svid", "named");
    let set = json!({"keys": [
        with_use,
        without(element("jwt-svid", "plain"), "use"),
        element("wit-svid", "wit"),
        element("x509-svid", "x509"),
        element("sig", "other"),
    ]});
    let origin = || ORIGIN.parse().unwrap();
    let jwt = TrustBundle::from_jwt_keys(origin(), &set.to_string(), backend::ring()).unwrap();
    let names: Vec<_> = jwt.jwt_keys().iter().filter_map(Jwk::key_id).collect();
    assert_eq!(names, ["named", "plain"]);
    assert!(jwt.keys().is_empty());
    let skipped: Vec<_> =
        jwt.skipped().iter().map(|skipped| (skipped.index, skipped.reason.code())).collect();
    assert_eq!(skipped, [(2, "key_use"), (3, "key_use"), (4, "key_use")]);

    let wit = TrustBundle::from_wit_keys(origin(), &set.to_string(), backend::ring()).unwrap();
    let names: Vec<_> = wit.keys().iter().filter_map(Jwk::key_id).collect();
    assert_eq!(names, ["plain", "wit"]);
    assert!(wit.jwt_keys().is_empty());

    // What is written for one kind is read for it, and by no other.
    let both = TrustBundle::new(origin(), wit.keys().clone()).with_jwt_keys(jwt.jwt_keys().clone());
    let text = both.jwt_keys_to_json().unwrap();
    let read = TrustBundle::from_jwt_keys(origin(), &text, backend::ring()).unwrap();
    assert!(read.jwt_keys().iter().eq(jwt.jwt_keys().iter()) && read.keys().is_empty());
    let text = both.wit_keys_to_json().unwrap();
    let read = TrustBundle::from_wit_keys(origin(), &text, backend::ring()).unwrap();
    assert!(read.keys().iter().eq(wit.keys().iter()));
    assert!(TrustBundle::from_jwt_keys(origin(), &text, backend::ring()).unwrap().jwt_keys().is_empty());

    let leak = json!({"keys": [{"d": "AA"}]}).to_string();
    assert_refused!(TrustBundle::from_wit_keys(origin(), &leak, backend::ring()), "private_key", "BND-19");
    let nameless = json!({"keys": [without(element("wit-svid", "a"), "kid")]}).to_string();
    let nameless = TrustBundle::from_wit_keys(origin(), &nameless, backend::ring()).unwrap();
    assert_eq!(nameless.skipped()[0].reason.code(), "key_id_missing");
}
