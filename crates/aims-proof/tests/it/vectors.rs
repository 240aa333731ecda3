//! Tokens that other people made.

use aims_credential::{BundleSet, TrustBundle, WitCache, WitVerifier};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{UnixTime, backend};
use aims_proof::{Audiences, ProofError, ReplayMemory, VerifiedProof, WptVerifier, WptVerifierBuilder};
use aims_testkit::{assert_refused, vectors};
use serde_json::Value;

pub(crate) fn wits(origin: &str, issuer: &Value, kid: &str) -> WitCache {
    let mut public = issuer.clone();
    public.as_object_mut().unwrap().remove("d");
    public["kid"] = kid.into();
    if public["crv"] == "P-256" {
        // The draft's own key does not say its algorithm.
        public["alg"] = "ES256".into();
    }
    let jwk = Jwk::parse(&public.to_string(), backend::ring()).unwrap();
    let bundle = TrustBundle::new(origin.parse().unwrap(), JwkSet::new(vec![jwk]).unwrap());
    WitCache::new(WitVerifier::builder(BundleSet::from(bundle), backend::ring()).build(), 10)
}

pub(crate) fn verifier(base: &str) -> WptVerifierBuilder {
    WptVerifier::builder(Audiences::http(base).unwrap(), ReplayMemory::with_capacity(10))
}

/// The fields of a request in text form, and the path of its first line.
pub(crate) fn request(text: &str) -> (Vec<(&str, &str)>, &str) {
    let (head, _) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let path = lines.next().unwrap().split(' ').nth(1).unwrap();
    (lines.map(|line| line.split_once(": ").unwrap()).collect(), path)
}

pub(crate) fn now(vector: &Value) -> UnixTime {
    UnixTime::from_secs(vector["verify_now"].as_u64().unwrap())
}

/// The example of the draft: a WIT signed with ES256, for a key of EdDSA.
#[test]
fn wpt_1_to_wpt_10_the_example_of_the_draft_verifies() {
    let Some(vector) = vectors::json("wimse/wpt-02-example.json") else { return };
    let wits = wits("wimse://example.com", &vector["issuer_jwk"], "June 5");
    let (fields, path) = request(vector["http_request"].as_str().unwrap());
    let verifier = verifier("https://workload.example.com").build();
    let proof = verifier.verify_http(&wits, &fields[..], path, now(&vector)).unwrap();
    assert_eq!(proof.wit().subject().as_str(), "wimse://example.com/specific-workload");
    assert_eq!(proof.id(), vector["wpt"]["claims"]["jti"]);
    assert_eq!(proof.audience(), vector["wpt"]["claims"]["aud"]);
    let again = verifier.verify_http(&wits, &fields[..], path, now(&vector));
    assert_refused!(again, "replay", "WPT-11");
}

/// The proof of wpt-01 is in another field: without the profile there is none, whatever the features.
#[test]
fn wpt_1_examples_of_wpt_01_have_no_proof() {
    for name in ["wimse/wpt-01-example.json", "wimse/wpt-01-oth-example.json"] {
        let Some(vector) = vectors::json(name) else { return };
        let wits = wits("wimse://example.com", &vector["issuer_jwk"], "June 5");
        let (fields, path) = request(vector["http_request"].as_str().unwrap());
        let verifier = verifier("https://workload.example.com").context_field("x-custom-token").build();
        assert_refused!(verifier.verify_http(&wits, &fields[..], path, now(&vector)), "no_proof", "WPT-1");
    }
}

/// Under the current carrier, too, for their types.
#[test]
fn wpt_5_wit_2_legacy_types_are_refused() {
    let Some(vector) = vectors::json("wimse/legacy-s2s-typ-example.json") else { return };
    let Some(current) = vectors::json("wimse/wpt-02-example.json") else { return };
    let wits = wits("wimse://example.com", &current["issuer_jwk"], "June 5");
    let now = UnixTime::from_secs(1_717_612_000);
    let proof = format!("WPT {}", vector["wpt"]["token"].as_str().unwrap());
    let legacy =
        [("authorization", &*proof), ("workload-identity-token", vector["wit"]["token"].as_str().unwrap())];
    let verifier = verifier("https://service.example.com").build();
    assert_refused!(verifier.verify_http(&wits, &legacy[..], "/path", now), "wrong_type", "WIT-2");

    // The old proof beside a current WIT.
    let mixed =
        [("authorization", &*proof), ("workload-identity-token", current["wit"]["token"].as_str().unwrap())];
    let refused = verifier.verify_http(&wits, &mixed[..], "/path", self::now(&current));
    assert_refused!(refused, "wrong_type", "WPT-5");
}

fn verify_set(
    vector: &Value,
    set: &Value,
    token: &str,
    change: impl Fn(&mut Vec<(String, String)>),
) -> Result<VerifiedProof, ProofError> {
    let wits = wits("wimse://agents.example", &set["issuer_jwk"], "issuer-1");
    let mut fields = vec![
        ("Authorization".to_owned(), format!("WPT {}", set[token].as_str().unwrap())),
        ("Workload-Identity-Token".to_owned(), set["wit"].as_str().unwrap().to_owned()),
    ];
    change(&mut fields);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut verifier = verifier("https://tools.example");
    for name in set["other_tokens"].as_object().unwrap().keys() {
        verifier = verifier.context_field(name);
    }
    verifier.build().verify_http(&wits, &fields[..], "/v1/search", now(vector))
}

/// Made by wimsey 0.9.0: four pairs of issuer key and workload key, with and without tokens to cover.
#[test]
fn wpt_12_wpt_13_wpt_14_proofs_of_another_implementation_verify() {
    let Some(vector) = vectors::json("wimse/third-party-wimsey-0.9.0/current-drafts.json") else { return };
    let sets = vector["sets"].as_array().unwrap();
    assert_eq!(sets.len(), 4);
    for set in sets {
        let id = set["id"].as_str().unwrap();
        verify_set(&vector, set, "wpt_plain", |_| ()).expect(id);

        let txn = set["txn_token"].as_str().unwrap();
        let with_all = |fields: &mut Vec<(String, String)>| {
            fields.push(("Txn-Token".to_owned(), txn.to_owned()));
            for (name, value) in set["other_tokens"].as_object().unwrap() {
                fields.push((name.clone(), value.as_str().unwrap().to_owned()));
            }
        };
        let proof = verify_set(&vector, set, "wpt_with_tth_oth", with_all).expect(id);
        assert_eq!(proof.txn_token(), Some(txn));
        assert_eq!(proof.context("x-context-token"), Some("opaque-context-value"));

        let refused = verify_set(&vector, set, "wpt_with_tth_oth", |_| ());
        assert_refused!(refused, "txn_binding_mismatch", "WPT-12", "{id}");
        let refused = verify_set(&vector, set, "wpt_plain", with_all);
        assert_refused!(refused, "txn_binding_mismatch", "WPT-12", "{id}");
        let refused = verify_set(&vector, set, "wpt_with_tth_oth", |fields| {
            with_all(fields);
            fields.last_mut().unwrap().1.push('x');
        });
        assert_refused!(refused, "other_binding_mismatch", "WPT-14", "{id}");
    }
}

/// Its earlier WITs have no `cnf.jwk.alg`, so none of its proofs is one for us; the negative ones least.
#[test]
fn wit_11_proofs_beside_a_wit_without_the_algorithm_of_its_key_are_refused() {
    let Some(vector) = vectors::json("wimse/third-party-wimsey/wpt/proof-basic.json") else { return };
    let issuer = serde_json::json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": vector["issuer_verifying_key_b64u"],
    });
    let wits = wits("spiffe://example.org", &issuer, "issuer-key-1");
    let negative = vector["negative"].as_array().unwrap().iter();
    for case in negative.chain([&vector]) {
        let text = |name: &str| case.get(name).unwrap_or(&vector[name]).as_str().unwrap().to_owned();
        let (wit, credentials) = (text("wit"), format!("WPT {}", text("proof")));
        let fields = [("authorization", &*credentials), ("workload-identity-token", &*wit)];
        let refused = verifier("https://workload.example.com").build().verify_http(
            &wits,
            &fields[..],
            "/path",
            UnixTime::from_secs(case["verify_now"].as_u64().unwrap_or(1_700_000_000)),
        );
        assert_refused!(refused, "bad_confirmation", "WIT-11", "{}", case["id"]);
    }
}
