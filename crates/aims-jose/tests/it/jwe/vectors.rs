//! Wycheproof. What a vector has for content is decrypted by the tests of the primitives; the content is never a token, so none
//! comes out here.

use std::collections::BTreeMap;

use aims_jose::jwe::{Decrypter, DecryptionKey, KeyManagement};
use aims_testkit::vectors;
use serde_json::Value;

use super::support::*;

#[test]
fn wycheproof_json_web_encryption() {
    let Some(vectors) = vectors::json("jose/wycheproof/json_web_encryption_test.json") else { return };
    let mut refusals: BTreeMap<&'static str, usize> = BTreeMap::new();
    for test in
        vectors["testGroups"].as_array().unwrap().iter().flat_map(|group| group["tests"].as_array().unwrap())
    {
        // The JSON serialization stands as an object in the file.
        let token = test["jwe"].as_str().map_or_else(|| test["jwe"].to_string(), str::to_owned);
        let refusal = decrypt(&token).unwrap_err();
        assert!(!refusal.rule().is_empty());
        *refusals.entry(refusal.code()).or_default() += 1;
    }
    let expected = BTreeMap::from([
        ("content_encryption", 4),
        // AES-CBC, mostly.
        ("iv_length", 45),
        ("malformed_token", 29),
        // 66 and 90: what is supported, for content that is not a token.
        ("not_nested", 2),
        ("tag_length", 7),
        ("unknown_algorithm", 52),
    ]);
    assert_eq!(refusals, expected);
}

#[test]
fn wycheproof_keys_for_encryption() {
    let Some(vectors) = vectors::json("jose/wycheproof/json_web_encryption_test.json") else { return };
    let mut answers: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for group in vectors["testGroups"].as_array().unwrap() {
        let jwk = &group["private"];
        let answer = match DecryptionKey::parse(&jwk.to_string()) {
            Ok(key) => {
                let public = key.encryption_key().to_json();
                assert_eq!(
                    members(&public, &["kty", "crv", "x", "y", "n", "e"]),
                    members(&jwk.to_string(), &["kty", "crv", "x", "y", "n", "e"])
                );
                Decrypter::new(vec![key]).unwrap();
                "accepted"
            }
            Err(refusal) => refusal.code(),
        };
        *answers.entry((jwk["alg"].as_str().unwrap().to_owned(), answer)).or_default() += 1;
    }
    for ((algorithm, answer), count) in &answers {
        let known = algorithm.parse::<KeyManagement>().is_ok();
        assert_eq!(known, *answer == "accepted", "{algorithm}: {answer} ({count})");
    }
    assert!(answers.keys().filter(|(_, answer)| *answer == "accepted").count() == 2, "{answers:?}");
}

fn members(jwk: &str, names: &[&str]) -> Vec<Value> {
    let jwk: Value = serde_json::from_str(jwk).unwrap();
    names.iter().map(|name| jwk[name].clone()).collect()
}
