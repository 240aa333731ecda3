//! Certificates in bundle documents of SPIFFE.

use aims_credential::x509::{Role, SvidVerifier};
use aims_credential::{BundleSet, Freshness, TrustBundle};
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::forge::{Forge, bundle};
use super::forge_list::ForgedList;
use crate::support::{ORIGIN, jwk_json, key, now};

fn read(element: &Value) -> TrustBundle {
    let document = json!({"keys": [element]}).to_string();
    TrustBundle::from_spiffe(ORIGIN.parse().unwrap(), &document, backend::ring()).unwrap()
}

fn element(certificate: &Forge) -> Value {
    let mut element = jwk_json(&certificate.key);
    element.as_object_mut().unwrap().remove("alg");
    element["use"] = json!("x509-svid");
    element["x5c"] = json!([BASE64_STANDARD.encode(certificate.signed_by(&certificate.key))]);
    element
}

fn assert_skipped(what: &str, element: &Value, code: &str, rule: &str) {
    let bundle = read(element);
    let [skipped] = bundle.skipped() else { panic!("{what}: {:?}", bundle.skipped()) };
    assert_eq!((skipped.reason.code(), skipped.reason.rule()), (code, rule), "{what}");
    assert!(bundle.x509_authorities().is_empty(), "{what}");
}

#[test]
fn bnd_14_an_authority_of_a_document_vouches() {
    let root = Forge::authority("root");
    let verifier =
        |bundle: TrustBundle| SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build();
    let leaf = Forge::leaf().signed_by(&root.key);
    let published = element(&root);
    let bundle = read(&published);
    verifier(bundle.clone()).verify(&leaf, &[], Role::Client, now()).unwrap();
    // Written and read once more.
    let written = bundle.to_spiffe_json().unwrap();
    let again = TrustBundle::from_spiffe(ORIGIN.parse().unwrap(), &written, backend::ring()).unwrap();
    assert_eq!(again.x509_authorities(), bundle.x509_authorities());
    assert_eq!(Freshness::of(&bundle, &again), Freshness::Same);
    verifier(again).verify(&leaf, &[], Role::Client, now()).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, json!({"keys": [published]}));

    let emptied = TrustBundle::from_spiffe(ORIGIN.parse().unwrap(), r#"{"keys":[]}"#, backend::ring());
    let refused = verifier(emptied.unwrap()).verify(&leaf, &[], Role::Client, now());
    assert_refused!(refused, "unknown_issuer", "X5V-3");
}

#[test]
fn bnd_14_what_is_no_authority_is_skipped() {
    let root = Forge::authority("root");
    let with = |name: &str, value: Value| {
        let mut element = element(&root);
        element[name] = value;
        element
    };
    let without = |name: &str| {
        let mut element = element(&root);
        element.as_object_mut().unwrap().remove(name);
        element
    };
    let certificate = element(&root)["x5c"][0].as_str().unwrap().to_owned();
    let base64url = certificate.replace('+', "-").replace('/', "_").replace('=', "");
    for (what, bad, code) in [
        ("a kid", with("kid", json!("a")), "key_id_forbidden"),
        ("a kid that is nothing", with("kid", json!(null)), "key_id_forbidden"),
        ("no x5c", without("x5c"), "certificate_missing"),
        ("an empty x5c", with("x5c", json!([])), "certificate_missing"),
        ("x5c as text", with("x5c", json!(certificate)), "certificate_missing"),
        ("x5c of no text", with("x5c", json!([1])), "certificate_encoding"),
        ("white space", with("x5c", json!([format!("{certificate}\n")])), "certificate_encoding"),
        ("another alphabet", with("x5c", json!([format!("{base64url}-_-_")])), "certificate_encoding"),
        ("no DER", with("x5c", json!(["AAAA"])), "malformed_certificate"),
        ("nothing", with("x5c", json!([""])), "malformed_certificate"),
        (
            "more behind it",
            with("x5c", json!([format!("{}AAAA", certificate.replace('=', "A"))])),
            "malformed_certificate",
        ),
        ("a workload", element(&Forge::leaf()), "not_an_authority"),
    ] {
        assert_skipped(what, &bad, code, "BND-14");
    }
    // The first counts, whatever follows, and nothing but the first.
    let bundle = read(&with("x5c", json!([certificate, "AAAA"])));
    assert_eq!((bundle.x509_authorities().len(), bundle.skipped().len()), (1, 0));
    assert_skipped(
        "a bad first one",
        &with("x5c", json!(["AAAA", certificate])),
        "malformed_certificate",
        "BND-14",
    );
}

#[test]
fn bnd_5_the_numbers_beside_the_certificate_are_its_own() {
    let root = Forge::authority("root");
    let with = |other: Value| {
        let mut element = element(&root);
        for name in ["kty", "crv", "x", "y"] {
            element[name] = other[name].clone();
        }
        element
    };
    assert_skipped("another key", &with(jwk_json(&key(Algorithm::Es256))), "certificate_mismatch", "BND-5");
    assert_skipped("another curve", &with(jwk_json(&key(Algorithm::Es384))), "certificate_mismatch", "BND-5");
    let mut nameless = element(&root);
    nameless.as_object_mut().unwrap().remove("x");
    assert_skipped("half a key", &nameless, "key_member", "JO-KEY-02");
}

#[test]
fn bnd_8_other_authorities_are_other_content() {
    let (a, b) = (Forge::authority("root"), Forge::authority("root"));
    let (a, b) = (a.signed_by(&a.key), b.signed_by(&b.key));
    let both = bundle(&[&a, &b]).with_sequence(1);
    assert_eq!(Freshness::of(&both, &bundle(&[&b, &a]).with_sequence(1)), Freshness::Same);
    assert_eq!(Freshness::of(&both, &bundle(&[&b]).with_sequence(1)), Freshness::Changed);
    assert_eq!(Freshness::of(&bundle(&[&b]).with_sequence(1), &both), Freshness::Changed);
}

#[test]
fn bnd_8_mtls_10_revocation_lists_are_no_part_of_a_document() {
    let root = Forge::authority("root");
    let list = ForgedList::of("root", &[&[0x51, 0xab]]).signed_by(&root.key);
    let fetched = read(&element(&root));
    let stored = fetched.clone().with_revocation_lists(vec![list]);
    assert_eq!(Freshness::of(&stored, &fetched), Freshness::Same);
    assert_eq!(stored.to_spiffe_json().unwrap(), fetched.to_spiffe_json().unwrap());
    // Other authorities do not cost a bundle its lists.
    let renewed = stored.with_x509_authorities(vec![]);
    assert_eq!(renewed.revocation_lists().len(), 1);
}
