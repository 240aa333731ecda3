//! Private keys (JO-KEY-02, JO-KEY-06, JO-KEY-07).

use aims_jose::{Jwk, JwkError, PrivateJwk, base64url};
use aims_keys::{Algorithm, PrivateKey, Signer, SoftwareKey, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::*;

fn parse(changes: &[(&str, Value)]) -> Result<PrivateJwk, JwkError> {
    PrivateJwk::parse(&edit(&edit(EC, &[("alg", json!("ES256"))]), changes))
}

#[test]
fn jo_key_07_private_keys_of_every_type_are_imported_and_sign() {
    // A key on P-384 whose numbers are known, out of its PKCS#8.
    let pkcs8 = PrivateKey::generate(Algorithm::Es384, backend::ring()).unwrap();
    let der = pkcs8.expose_pkcs8();
    let at = der.windows(2).position(|window| window == [4, 48]).unwrap() + 2;
    let (point, d) = (&der[der.len() - 96..], &der[at..at + 48]);
    let p384 = json!({"kty": "EC", "crv": "P-384", "d": base64url::encode(d),
        "x": base64url::encode(&point[..48]), "y": base64url::encode(&point[48..])})
    .to_string();
    let cases = [
        (EC, Algorithm::Es256),
        (&*p384, Algorithm::Es384),
        (ED, Algorithm::Ed25519),
        (ED, Algorithm::EdDsa),
        (RSA, Algorithm::Ps256),
        (RSA, Algorithm::Rs256),
    ];
    for (text, algorithm) in cases {
        let named = edit(
            text,
            &[("alg", json!(algorithm.name())), ("kid", json!("k")), ("key_ops", json!(["sign"]))],
        );
        for jwk in [
            PrivateJwk::parse(&named),
            PrivateJwk::parse_as(&named, algorithm),
            PrivateJwk::parse_as(text, algorithm),
        ] {
            let jwk = jwk.unwrap();
            assert_eq!(jwk.algorithm(), algorithm);
            let key = jwk.load(backend::ring()).unwrap();
            // The public half is that of the same text without its secrets.
            let secrets = ["d", "p", "q", "dp", "dq", "qi", "key_ops"];
            let public_text = edit(text, &secrets.map(|name| (name, Value::Null)));
            let expected = Jwk::parse_as(&public_text, algorithm, backend::ring()).unwrap();
            assert_eq!(Signer::public_key(&key), expected.public_key());
            let token = sign(&key, "{}", "x");
            let (input, _) = token.rsplit_once('.').unwrap();
            expected.public_key().verify(input.as_bytes(), &signature(&token)).unwrap();
            // What a store would keep is the same key.
            let stored = jwk.private_key().load(algorithm, backend::ring()).unwrap();
            assert_eq!(Signer::public_key(&stored), expected.public_key());
        }
        assert_eq!(PrivateJwk::parse(&named).unwrap().key_id(), Some("k"));
        assert_eq!(PrivateJwk::parse_as(text, algorithm).unwrap().key_id(), None);
    }
}

#[test]
fn jo_key_02_private_keys_are_checked_as_public_ones_are() {
    let cases = [
        ("kty", json!("oct"), "symmetric_key", "JO-ALG-05"),
        ("kty", json!("RSA"), "key_type", "JO-KEY-02"),
        ("kty", Value::Null, "key_type", "JO-KEY-02"),
        ("crv", json!("P-384"), "key_curve", "JO-KEY-02"),
        ("alg", Value::Null, "key_algorithm_missing", "JO-KEY-02"),
        ("alg", json!("ECDH-ES"), "unknown_algorithm", "JO-ALG-01"),
        ("alg", json!("ES384"), "key_curve", "JO-KEY-02"),
        ("use", json!("enc"), "key_use", "JO-KEY-02"),
        ("key_ops", json!(["verify"]), "key_operations", "JO-KEY-02"),
        ("key_ops", json!([]), "key_operations", "JO-KEY-02"),
        ("key_ops", json!(["sign", "sign"]), "key_operations", "JO-KEY-02"),
        ("key_ops", json!(["sign", "decrypt"]), "key_operations", "JO-KEY-02"),
        ("kid", json!(""), "malformed_key_id", "JO-HDR-05"),
        ("oth", json!([]), "key_multi_prime", "JO-KEY-04"),
        ("d", Value::Null, "key_member", "JO-KEY-02"),
        ("d", json!(1), "key_member", "JO-KEY-02"),
        ("x", Value::Null, "key_member", "JO-KEY-02"),
        ("y", Value::Null, "key_member", "JO-KEY-02"),
        ("d", json!(""), "key_length", "JO-KEY-03"),
        ("d", json!(base64url::encode([1; 31])), "key_length", "JO-KEY-03"),
        ("d", json!(base64url::encode([1; 33])), "key_length", "JO-KEY-03"),
        ("d", json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LJ"), "base64_trailing_bits", "JO-B64-02"),
        ("d", json!("jpsQnnGQmL+YBIffH1136cspYG6-0iY7X1fCE9-E9LI"), "base64_character", "JO-B64-02"),
    ];
    parse(&[]).unwrap();
    for (name, value, code, rule) in cases {
        assert_refused!(parse(&[(name, value.clone())]), code, rule, "{name}: {value}");
    }
    for operations in [json!(["sign"]), json!(["sign", "verify"]), json!(["verify", "sign"])] {
        parse(&[("key_ops", operations), ("use", json!("sig"))]).unwrap();
    }
    assert_refused!(PrivateJwk::parse_as(EC, Algorithm::Rs256), "key_type", "JO-KEY-02");
    let named = edit(EC, &[("alg", json!("ES256"))]);
    assert_refused!(PrivateJwk::parse_as(&named, Algorithm::Es384), "key_algorithm_mismatch", "JO-KEY-02");
    assert_refused!(PrivateJwk::parse("[]"), "json_not_an_object", "JO-JSON-01");
    let twice = named.replace('}', r#","d":"AA"}"#);
    assert_refused!(PrivateJwk::parse(&twice), "json_duplicate_name", "JO-JSON-02");
    // To remove an escape would copy the secret.
    let escaped = named.replace("jpsQ", "\\u006apsQ");
    assert_refused!(PrivateJwk::parse(&escaped), "key_member", "JO-KEY-02");
}

#[test]
fn jo_key_02_every_number_of_an_rsa_key_is_needed() {
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let without = edit(RSA, &[(name, Value::Null)]);
        let refusal =
            assert_refused!(PrivateJwk::parse_as(&without, Algorithm::Ps256), "key_member", "JO-KEY-02");
        assert_eq!(
            refusal,
            JwkError::Member(match name {
                "n" => "n",
                "e" => "e",
                "d" => "d",
                "p" => "p",
                "q" => "q",
                "dp" => "dp",
                "dq" => "dq",
                _ => "qi",
            })
        );
        let giant = edit(RSA, &[(name, json!(base64url::encode([1; 4096])))]);
        assert_refused!(PrivateJwk::parse_as(&giant, Algorithm::Ps256), "key_length", "JO-KEY-04");
        let odd = edit(RSA, &[(name, json!("AAAAA"))]);
        assert_refused!(PrivateJwk::parse_as(&odd, Algorithm::Ps256), "base64_length", "JO-B64-02");
    }
}

#[test]
fn jo_key_07_a_private_part_that_belongs_to_another_public_part_is_refused() {
    // The point, the seed and the primes of one key beside the public part of another.
    let other = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;
    let other: Value = serde_json::from_str(other).unwrap();
    PrivateJwk::parse_as(&other.to_string(), Algorithm::Es256).unwrap().load(backend::ring()).unwrap();
    let mixed = parse(&[("d", other["d"].clone())]).unwrap();
    assert_refused!(mixed.load(backend::ring()), "key_inconsistent", "JO-KEY-07");

    let seed = edit(ED, &[("d", json!(base64url::encode([7; 32])))]);
    let mixed = PrivateJwk::parse_as(&seed, Algorithm::Ed25519).unwrap();
    assert_refused!(mixed.load(backend::ring()), "key_inconsistent", "JO-KEY-07");

    for name in ["p", "q"] {
        let other = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
        let mut number = signature(&sign(&other, "{}", "x"));
        number.extend_from_within(..);
        (number[0], number[127]) = (0xc1, number[127] | 1);
        let mixed = edit(RSA, &[(name, json!(base64url::encode(number)))]);
        let mixed = PrivateJwk::parse_as(&mixed, Algorithm::Ps256).unwrap();
        assert_refused!(mixed.load(backend::ring()), "key_inconsistent", "JO-KEY-07");
    }
    // The checks of public keys hold for the public part.
    let off_curve = parse(&[("x", json!(base64url::encode([1; 32])))]).unwrap();
    assert_refused!(off_curve.load(backend::ring()), "key_not_on_curve", "JO-KEY-03");
    let weak = edit(ED, &[("x", json!(base64url::encode([0; 32])))]);
    let weak = PrivateJwk::parse_as(&weak, Algorithm::Ed25519).unwrap();
    assert_refused!(weak.load(backend::ring()), "key_small_order", "JO-KEY-05");
}

#[test]
fn jo_key_07_debug_text_and_errors_show_no_private_member() {
    let jwk = parse(&[("kid", json!("k"))]).unwrap();
    assert_eq!(format!("{jwk:?}"), r#"PrivateJwk { algorithm: Es256, kid: Some("k"), .. }"#);
    let secret = "jpsQnnGQmL";
    let refusals = [
        parse(&[("d", json!("jpsQnnGQmL+YBIffH1136cspYG6-0iY7X1fCE9-E9LI"))]).unwrap_err(),
        parse(&[("d", json!("jpsQnnGQmL"))]).unwrap_err(),
        Jwk::parse(&edit(EC, &[("alg", json!("ES256"))]), backend::ring()).unwrap_err(),
    ];
    for refusal in refusals {
        let shown = format!("{refusal} {refusal:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn jo_key_07_a_private_key_is_written_as_it_is_read() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let key = PrivateKey::generate(algorithm, backend::ring()).unwrap();
        let public = key.load(algorithm, backend::ring()).unwrap().public_key().clone();
        let written = PrivateJwk::new(key, algorithm).expose_json(backend::ring()).unwrap();
        let read = PrivateJwk::parse(&written).unwrap();
        assert_eq!((read.algorithm(), read.key_id()), (algorithm, None));
        assert_eq!(read.load(backend::ring()).unwrap().public_key(), &public);
    }
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let error = PrivateJwk::new(key, Algorithm::Es384).expose_json(backend::ring()).unwrap_err();
    assert_eq!((error.code(), error.rule()), ("key_algorithm_mismatch", "JO-KEY-02"));
}
