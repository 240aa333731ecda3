//! Keys to encrypt to and to decrypt with (JO-JWE-10).

use aims_jose::jwe::{Decrypter, DecryptionKey, EncryptionKey, KeyManagement};
use aims_jose::{JwkSet, base64url};
use aims_keys::{Algorithm, PrivateKey, PublicNumbers, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::support::*;
use crate::support::{ED, KEYS, RSA, edit, hex, jwk};

#[test]
fn jo_jwe_10_a_public_key_reads_what_it_writes() {
    for recipient in WORLD.recipients() {
        let key = EncryptionKey::parse(&recipient.public).unwrap();
        assert_eq!((key.algorithm(), key.key_id()), (recipient.algorithm, Some(recipient.kid)));
        assert_eq!(key.to_json(), recipient.public);
        let again = EncryptionKey::new(key.numbers().clone(), key.algorithm()).unwrap();
        assert_eq!((again.key_id(), again.numbers()), (None, key.numbers()));
        // It is none for signatures.
        let set = JwkSet::parse(&format!(r#"{{"keys":[{}]}}"#, recipient.public), backend::ring()).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (0, 1));
    }
}

#[test]
fn jo_jwe_10_the_purpose_of_a_key_is_encryption_by_its_algorithm() {
    let cases = [
        ("use", json!("sig"), "key_use", "JO-KEY-02"),
        ("use", json!("ENC"), "key_use", "JO-KEY-02"),
        ("use", json!(["enc"]), "key_use", "JO-KEY-02"),
        ("alg", json!("ECDH-ES"), "unknown_algorithm", "JO-ALG-01"),
        ("alg", json!("RSA1_5"), "unknown_algorithm", "JO-ALG-01"),
        ("alg", json!("ES256"), "unknown_algorithm", "JO-ALG-01"),
        ("alg", json!("dir"), "unknown_algorithm", "JO-ALG-01"),
        ("alg", Value::Null, "key_algorithm_missing", "JO-KEY-02"),
        ("alg", json!(1), "key_algorithm_missing", "JO-KEY-02"),
        ("kid", json!(""), "malformed_key_id", "JO-HDR-05"),
        ("kid", json!(1), "malformed_key_id", "JO-HDR-05"),
        ("kty", json!("OKP"), "key_type", "JO-KEY-02"),
        ("kty", json!("oct"), "symmetric_key", "JO-ALG-05"),
        ("d", json!("AQ"), "private_key", "JO-KEY-03"),
        ("oth", json!([]), "private_key", "JO-KEY-03"),
        ("key_ops", json!([]), "key_operations", "JO-KEY-02"),
        ("key_ops", json!("deriveKey"), "key_operations", "JO-KEY-02"),
        ("key_ops", json!(["verify"]), "key_operations", "JO-KEY-02"),
        ("key_ops", json!(["sign", "verify"]), "key_operations", "JO-KEY-02"),
    ];
    for recipient in WORLD.recipients() {
        for (name, value, code, rule) in &cases {
            let text = edit(&recipient.public, &[(name, value.clone())]);
            assert_refused!(EncryptionKey::parse(&text), *code, *rule, "{}: {name} {value}", recipient.kid);
        }
        for missing in ["x", "n"] {
            let text = edit(&recipient.public, &[(missing, Value::Null)]);
            if text.len() != recipient.public.len() {
                assert_refused!(EncryptionKey::parse(&text), "key_member", "JO-KEY-02");
            }
        }
    }
    let operations = |recipient: &Recipient, operations: Value| {
        EncryptionKey::parse(&edit(&recipient.public, &[("key_ops", operations)])).map(drop)
    };
    for good in [json!(["deriveKey"]), json!(["deriveBits"]), json!(["deriveBits", "deriveKey"])] {
        operations(&WORLD.p256, good.clone()).unwrap();
        assert_refused!(operations(&WORLD.rsa, good), "key_operations", "JO-KEY-02");
    }
    for good in
        [json!(["encrypt"]), json!(["wrapKey"]), json!(["wrapKey", "unwrapKey", "encrypt", "decrypt"])]
    {
        operations(&WORLD.rsa, good.clone()).unwrap();
        assert_refused!(operations(&WORLD.p384, good), "key_operations", "JO-KEY-02");
    }
    for bad in [
        json!(["decrypt"]),
        json!(["encrypt", "encrypt"]),
        json!(["encrypt", "verify"]),
        json!(["encrypt", 1]),
    ] {
        assert_refused!(operations(&WORLD.rsa, bad), "key_operations", "JO-KEY-02");
    }
}

#[test]
fn jo_jwe_10_a_key_without_an_algorithm_is_bound_by_the_caller() {
    let bare = edit(&WORLD.p256.public, &[("alg", Value::Null), ("use", Value::Null)]);
    assert_eq!(EncryptionKey::parse_as(&bare, EC_ALG).unwrap().algorithm(), EC_ALG);
    assert_refused!(EncryptionKey::parse_as(&bare, RSA_ALG), "key_type", "JO-KEY-02");
    assert_refused!(
        EncryptionKey::parse_as(&WORLD.p256.public, RSA_ALG),
        "key_algorithm_mismatch",
        "JO-KEY-02"
    );
    let swapped = edit(&WORLD.rsa.public, &[("alg", json!("ECDH-ES+A256KW"))]);
    assert_refused!(EncryptionKey::parse(&swapped), "key_type", "JO-KEY-02");
    let numbers = PublicNumbers::Ed25519 { x: [1; 32] };
    for algorithm in [EC_ALG, RSA_ALG] {
        assert_refused!(EncryptionKey::new(numbers.clone(), algorithm), "key_type", "JO-KEY-02");
    }
}

#[test]
fn jo_jwe_10_weak_keys_are_refused() {
    let text = |bytes: &[u8]| json!(base64url::encode(bytes));
    let weak = |recipient: &Recipient, changes: &[(&str, Value)]| {
        EncryptionKey::parse(&edit(&recipient.public, changes))
    };
    // Off the curve, at infinity, of another curve, of another length.
    let off = hex("0101010101010101010101010101010101010101010101010101010101010101");
    assert_refused!(weak(&WORLD.p256, &[("y", text(&off))]), "key_not_on_curve", "JO-KEY-03");
    assert_refused!(
        weak(&WORLD.p256, &[("x", text(&[0; 32])), ("y", text(&[0; 32]))]),
        "key_not_on_curve",
        "JO-KEY-03"
    );
    assert_refused!(weak(&WORLD.p256, &[("crv", json!("P-384"))]), "key_length", "JO-KEY-03");
    assert_refused!(weak(&WORLD.p256, &[("crv", json!("P-521"))]), "key_curve", "JO-KEY-02");
    assert_refused!(weak(&WORLD.p256, &[("crv", json!("X25519"))]), "key_curve", "JO-KEY-02");
    // RSA: short, giant, even, with small exponents.
    let mut odd = vec![0xc1; 128];
    assert_refused!(weak(&WORLD.rsa, &[("n", text(&odd))]), "rsa_modulus", "JO-KEY-04", "1024 bits");
    odd.resize(1025, 0xc1);
    assert_refused!(weak(&WORLD.rsa, &[("n", text(&odd))]), "rsa_modulus", "JO-KEY-04", "8200 bits");
    assert_refused!(weak(&WORLD.rsa, &[("n", text(&[0xc0; 256]))]), "rsa_modulus", "JO-KEY-04", "even");
    for exponent in [&[1][..], &[3], &[17], &[1, 0, 0], &[0, 1, 0, 1], &[1, 0, 0, 0, 0, 1]] {
        assert_refused!(
            weak(&WORLD.rsa, &[("e", text(exponent))]),
            "rsa_exponent",
            "JO-KEY-04",
            "{exponent:?}"
        );
    }
}

#[test]
fn jo_jwe_10_private_keys_belong_to_their_public_half() {
    let other = base64url::encode([3; 32]);
    assert_refused!(
        DecryptionKey::parse_as(&edit(P256, &[("d", json!(other))]), EC_ALG),
        "key_inconsistent",
        "JO-KEY-07"
    );
    let swapped = edit(RSA, &[("dp", edit_member(RSA, "dq")), ("dq", edit_member(RSA, "dp"))]);
    assert_refused!(DecryptionKey::parse_as(&swapped, RSA_ALG), "key_inconsistent", "JO-KEY-07");
    for (text, algorithm) in [(P256, EC_ALG), (RSA, RSA_ALG)] {
        assert_refused!(DecryptionKey::parse(text), "key_algorithm_missing", "JO-KEY-02");
        assert_refused!(
            DecryptionKey::parse_as(&edit(text, &[("d", Value::Null)]), algorithm),
            "key_member",
            "JO-KEY-02"
        );
        assert_refused!(
            DecryptionKey::parse_as(&edit(text, &[("use", json!("sig"))]), algorithm),
            "key_use",
            "JO-KEY-02"
        );
        assert_refused!(
            DecryptionKey::parse_as(&edit(text, &[("key_ops", json!(["sign"]))]), algorithm),
            "key_operations",
            "JO-KEY-02"
        );
        let ops = if algorithm == EC_ALG { json!(["deriveKey"]) } else { json!(["decrypt"]) };
        let named = edit(
            text,
            &[("alg", json!(algorithm.name())), ("kid", json!("k")), ("use", json!("enc")), ("key_ops", ops)],
        );
        let key = DecryptionKey::parse(&named).unwrap();
        assert_eq!((key.algorithm(), key.key_id()), (algorithm, Some("k")));
    }
    assert_refused!(
        DecryptionKey::parse_as(&edit(RSA, &[("oth", json!([]))]), RSA_ALG),
        "key_multi_prime",
        "JO-KEY-04"
    );
    assert_refused!(
        DecryptionKey::parse_as(&edit(RSA, &[("key_ops", json!(["encrypt"]))]), RSA_ALG),
        "key_operations",
        "JO-KEY-02"
    );
    assert_refused!(
        DecryptionKey::parse_as(r#"{"kty":"oct","k":"AAAA"}"#, EC_ALG),
        "symmetric_key",
        "JO-ALG-05"
    );
    for algorithm in [EC_ALG, RSA_ALG] {
        assert_refused!(DecryptionKey::parse_as(ED, algorithm), "key_type", "JO-KEY-02");
    }
}

#[test]
fn jo_jwe_10_private_keys_come_as_pem_too() {
    for (algorithm, management) in [(Algorithm::Es256, EC_ALG), (Algorithm::Es384, EC_ALG)] {
        let key = PrivateKey::generate(algorithm, backend::ring()).unwrap();
        let key = DecryptionKey::from_pem(&key.expose_pem(), management).unwrap().with_key_id("pem").unwrap();
        let recipient =
            Recipient { kid: "pem", algorithm: management, public: key.encryption_key().to_json() };
        Decrypter::new(vec![key]).unwrap().decrypt(&good(&recipient).token()).unwrap();
    }
    let ed25519 = PrivateKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
    for management in [EC_ALG, RSA_ALG] {
        assert_refused!(DecryptionKey::load(&ed25519, management), "key_algorithm_mismatch", "JO-KEY-02");
    }
    let p256 = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    assert_refused!(DecryptionKey::load(&p256, RSA_ALG), "key_algorithm_mismatch", "JO-KEY-02");
    assert_refused!(
        DecryptionKey::from_pem("-----BEGIN EC PRIVATE KEY-----\n", EC_ALG),
        "key_pem",
        "JO-KEY-07"
    );
}

#[test]
fn jo_jwe_08_two_keys_of_one_name_are_refused() {
    let key = || DecryptionKey::parse_as(P256, EC_ALG).unwrap();
    let named = || key().with_key_id("a").unwrap();
    assert_refused!(Decrypter::new(vec![named(), named()]), "duplicate_key_id", "JO-KEY-01");
    Decrypter::new(vec![key(), key(), named()]).unwrap();
    assert_refused!(key().with_key_id(""), "malformed_key_id", "JO-HDR-05");
    assert_refused!(key().encryption_key().clone().with_key_id("a\n"), "malformed_key_id", "JO-HDR-05");
}

#[test]
fn jo_jwe_10_of_a_set_the_first_key_for_the_algorithm_is_taken() {
    let signature = jwk(&KEYS.es256).to_json();
    let purposeless =
        edit(&WORLD.p256.public, &[("alg", Value::Null), ("use", Value::Null), ("kid", json!("none"))]);
    let second = edit(&WORLD.p384.public, &[("kid", json!("second"))]);
    let set = |keys: &[&str]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let found = |keys: &[&str], algorithm: KeyManagement| {
        let key = EncryptionKey::from_set(&set(keys), algorithm).unwrap();
        key.map(|key| key.key_id().unwrap().to_owned())
    };
    let all = [&*signature, &purposeless, &WORLD.rsa.public, &WORLD.p256.public, &second];
    assert_eq!(found(&all, EC_ALG).as_deref(), Some("p256"));
    assert_eq!(found(&all, RSA_ALG).as_deref(), Some("rsa"));
    assert_eq!(found(&[&signature, &purposeless, &WORLD.rsa.public], EC_ALG), None);
    let by_use = edit(&purposeless, &[("use", json!("enc"))]);
    assert_eq!(found(&[&by_use], EC_ALG).as_deref(), Some("none"));

    // What casts doubt on the whole set.
    let take = |keys: &[&str]| EncryptionKey::from_set(&set(keys), EC_ALG);
    let same = edit(&WORLD.p384.public, &[("kid", json!("p256"))]);
    assert_refused!(take(&[&WORLD.p256.public, &same]), "duplicate_key_id", "JO-KEY-01");
    for private in [P256, ED, RSA] {
        assert_refused!(take(&[&WORLD.p256.public, private]), "private_key", "JO-KEY-03");
    }
    assert_refused!(take(&[r#"{"kty":"oct","k":"AAAA"}"#]), "symmetric_key", "JO-ALG-05");
    assert_refused!(EncryptionKey::from_set("{}", EC_ALG), "no_keys", "JO-KEY-02");
    assert_refused!(EncryptionKey::from_set(r#"{"keys":[1]}"#, EC_ALG), "key_not_an_object", "JO-KEY-02");
    let long = format!("{}{}", " ".repeat(1 << 20), set(&[]));
    assert_refused!(EncryptionKey::from_set(&long, EC_ALG), "key_set_too_large", "JO-JSON-03");
}

fn edit_member(jwk: &str, name: &str) -> Value {
    serde_json::from_str::<Value>(jwk).unwrap()[name].clone()
}
