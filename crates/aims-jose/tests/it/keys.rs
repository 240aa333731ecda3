//! Public keys, sets of them, thumbprints (JO-KEY; JO-ATK-05, -14 to -17).

use std::collections::HashSet;

use aims_jose::{Jwk, JwkError, JwkSet, JwtVerifier, Thumbprint, base64url};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, PublicNumbers, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::*;

fn parse(jwk: &str) -> Result<Jwk, JwkError> {
    Jwk::parse(jwk, backend::ring())
}

/// The public JWK of `key`, with changes.
fn with(key: &str, changes: &[(&str, Value)]) -> String {
    let key = match key {
        "ec" => jwk(&KEYS.es256),
        "ec384" => jwk(&KEYS.es384),
        "ed" => jwk(&KEYS.ed25519),
        _ => jwk(&KEYS.rs256),
    };
    edit(&key.to_json(), changes)
}

#[test]
fn jo_key_02_public_keys_are_read_and_written_in_one_form() {
    for key in KEYS.all() {
        let jwk = jwk(key);
        let text = jwk.to_json();
        let read = parse(&text).unwrap();
        assert_eq!(read, jwk);
        assert_eq!(read.to_json(), text);
        assert_eq!((read.key_id(), read.public_key()), (Some(&*kid(key)), &public(key)));
        assert_eq!(Jwk::parse_as(&text, public(key).algorithm(), backend::ring()).unwrap(), jwk);
    }
    // Other members are ignored, in any order, and escapes are spellings.
    let odd = r#" {"x5c":[1], "kid":"\u0061", "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "ext":true, "use":"s\u0069g", "key_ops":["verify"], "\u0061lg":"ES256", "iat":1, "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRV\u0045U",
        "crv":"P-256","kty":"EC"} "#;
    let read = parse(odd).unwrap();
    assert_eq!((read.public_key(), read.key_id()), (&public(&KEYS.es256), Some("a")));
    assert_eq!(
        read.to_json(),
        r#"{"alg":"ES256","kid":"a","crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
    );
}

#[test]
fn jo_key_02_jo_atk_16_jo_atk_17_what_a_key_is_and_is_for_must_agree() {
    type Case<'a> = (&'a str, &'a [(&'a str, Value)], &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        ("ec", &[("use", json!("enc"))], "key_use", "JO-KEY-02"),
        ("ec", &[("use", json!("SIG"))], "key_use", "JO-KEY-02"),
        ("ec", &[("use", json!(["sig"]))], "key_use", "JO-KEY-02"),
        ("ec", &[("key_ops", json!([]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!(["sign"]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!(["verify", "verify"]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!(["sign", "verify", "sign"]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!(["verify", "deriveKey"]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!(["verify", "encrypt"]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!(["verify", 1]))], "key_operations", "JO-KEY-02"),
        ("ec", &[("key_ops", json!("verify"))], "key_operations", "JO-KEY-02"),
        ("ec", &[("alg", Value::Null)], "key_algorithm_missing", "JO-KEY-02"),
        ("ec", &[("alg", json!(["ES256"]))], "key_algorithm_missing", "JO-KEY-02"),
        ("ec", &[("alg", json!("none"))], "unknown_algorithm", "JO-ALG-01"),
        ("ec", &[("alg", json!("HS256"))], "unknown_algorithm", "JO-ALG-01"),
        ("ec", &[("alg", json!("ECDH-ES"))], "unknown_algorithm", "JO-ALG-01"),
        ("ec", &[("alg", json!("ES384"))], "key_curve", "JO-KEY-02"),
        ("ec", &[("alg", json!("RS256"))], "key_type", "JO-KEY-02"),
        ("ec", &[("alg", json!("EdDSA"))], "key_type", "JO-KEY-02"),
        ("ec", &[("alg", json!("ML-DSA-44"))], "key_type", "JO-KEY-02"),
        ("ed", &[("alg", json!("ES256"))], "key_type", "JO-KEY-02"),
        ("rsa", &[("alg", json!("ES256"))], "key_type", "JO-KEY-02"),
        ("rsa", &[("alg", json!("RSA-OAEP"))], "unknown_algorithm", "JO-ALG-01"),
        ("ec", &[("kty", Value::Null)], "key_type", "JO-KEY-02"),
        ("ec", &[("kty", json!("ec"))], "key_type", "JO-KEY-02"),
        ("ec", &[("kty", json!(1))], "key_type", "JO-KEY-02"),
        ("ec", &[("kty", json!("RSA"))], "key_type", "JO-KEY-02"),
        ("ec", &[("kty", json!("AKP"))], "key_type", "JO-KEY-02"),
        ("ec", &[("crv", Value::Null)], "key_curve", "JO-KEY-02"),
        ("ec", &[("crv", json!("P-384"))], "key_curve", "JO-KEY-02"),
        ("ec", &[("crv", json!("P-521"))], "key_curve", "JO-KEY-02"),
        ("ec", &[("crv", json!("secp256k1"))], "key_curve", "JO-KEY-02"),
        ("ec", &[("crv", json!("p-256"))], "key_curve", "JO-KEY-02"),
        ("ec384", &[("crv", json!("P-256"))], "key_curve", "JO-KEY-02"),
        ("ed", &[("crv", json!("X25519"))], "key_curve", "JO-KEY-02"),
        ("ed", &[("crv", json!("Ed448"))], "key_curve", "JO-KEY-02"),
        ("ec", &[("x", Value::Null)], "key_member", "JO-KEY-02"),
        ("ec", &[("y", json!(1))], "key_member", "JO-KEY-02"),
        ("ec384", &[("y", Value::Null)], "key_member", "JO-KEY-02"),
        ("ed", &[("x", json!([]))], "key_member", "JO-KEY-02"),
        ("rsa", &[("n", Value::Null)], "key_member", "JO-KEY-02"),
        ("rsa", &[("e", json!(65537))], "key_member", "JO-KEY-02"),
        ("ec", &[("kid", json!(""))], "malformed_key_id", "JO-HDR-05"),
        ("ec", &[("kid", json!(1))], "malformed_key_id", "JO-HDR-05"),
        ("ec", &[("kid", json!("a".repeat(257)))], "malformed_key_id", "JO-HDR-05"),
        ("ec", &[("kid", json!("a\n"))], "malformed_key_id", "JO-HDR-05"),
    ];
    for (key, changes, code, rule) in cases {
        parse(&with(key, &[])).unwrap();
        assert_refused!(parse(&with(key, changes)), *code, *rule, "{key} {changes:?}");
    }
    for operations in [json!(["verify"]), json!(["verify", "sign"]), json!(["sign", "verify"])] {
        parse(&with("ec", &[("key_ops", operations), ("use", json!("sig"))])).unwrap();
    }
}

#[test]
fn jo_key_02_an_algorithm_that_the_caller_binds_must_be_that_of_the_key() {
    let bound = |text: &str, algorithm| Jwk::parse_as(text, algorithm, backend::ring());
    for (key, own) in [("ec", Algorithm::Es256), ("ed", Algorithm::Ed25519), ("rsa", Algorithm::Ps256)] {
        let unbound = with(key, &[("alg", Value::Null)]);
        assert_eq!(bound(&unbound, own).unwrap().public_key().algorithm(), own);
    }
    assert_refused!(bound(&with("ec", &[]), Algorithm::Es384), "key_algorithm_mismatch", "JO-KEY-02");
    assert_refused!(bound(&with("rsa", &[]), Algorithm::Ps256), "key_algorithm_mismatch", "JO-KEY-02");
    assert_refused!(bound(&with("ec", &[("alg", Value::Null)]), Algorithm::Rs256), "key_type", "JO-KEY-02");
    // One algorithm under two names; the key's own is kept, and is what its tokens will say.
    let old = with("ed", &[("alg", json!("EdDSA"))]);
    assert_eq!(bound(&old, Algorithm::Ed25519).unwrap().public_key().algorithm(), Algorithm::EdDsa);
    assert_eq!(bound(&old, Algorithm::Ed25519).unwrap(), jwk(&KEYS.ed25519));
    // JO-KEY-06: an AKP key without `alg` could be of any parameter set.
    let akp = json!({"kty": "AKP", "pub": base64url::encode([0; 1312])}).to_string();
    assert_refused!(bound(&akp, Algorithm::MlDsa44), "key_algorithm_missing", "JO-KEY-02");
}

#[test]
fn jo_key_02_jo_json_02_keys_are_strict_json_and_strict_base64url() {
    let cases = [
        ("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV"), "base64_trailing_bits"),
        ("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVE="), "base64_character"),
        ("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRV+U"), "base64_character"),
        ("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRV U"), "base64_character"),
    ];
    for (name, value, code) in cases {
        assert_refused!(parse(&with("ec", &[(name, value)])), code, "JO-B64-02");
    }
    assert_refused!(parse(&with("rsa", &[("e", json!("AQABA"))])), "base64_length", "JO-B64-02");
    assert_refused!(parse(&with("rsa", &[("e", json!("AQAB="))])), "base64_length", "JO-B64-02");
    assert_refused!(parse(&with("rsa", &[("e", json!("AQA="))])), "base64_character", "JO-B64-02");
    let twice = with("ec", &[]).replace('}', r#","\u0078":"AA"}"#);
    assert_refused!(parse(&twice), "json_duplicate_name", "JO-JSON-02");
    assert_refused!(parse("[]"), "json_not_an_object", "JO-JSON-01");
    assert_refused!(parse(&with("ec", &[("z", json!("a".repeat(9000)))])), "json_string_limit", "JO-JSON-03");
    assert_refused!(parse("{}"), "key_algorithm_missing", "JO-KEY-02");
}

#[test]
fn jo_key_03_jo_atk_16_ec_coordinates_have_one_length_and_lie_on_the_curve() {
    let coordinate = |len: usize, last: u8| {
        let mut bytes = vec![0; len];
        bytes[len - 1] = last;
        json!(base64url::encode(bytes))
    };
    for (key, len) in [("ec", 32), ("ec384", 48)] {
        for name in ["x", "y"] {
            for wrong in [1, len - 1, len + 1, 2 * len] {
                let text = with(key, &[(name, coordinate(wrong, 1))]);
                assert_refused!(parse(&text), "key_length", "JO-KEY-03", "{key}.{name} of {wrong}");
            }
            assert_refused!(parse(&with(key, &[(name, json!(""))])), "key_length", "JO-KEY-03");
            let off = with(key, &[(name, coordinate(len, 1))]);
            assert_refused!(parse(&off), "key_not_on_curve", "JO-KEY-03", "{key}.{name}");
        }
        let zero = with(key, &[("x", coordinate(len, 0)), ("y", coordinate(len, 0))]);
        assert_refused!(parse(&zero), "key_not_on_curve", "JO-KEY-03", "{key}");
    }
}

#[test]
fn jo_key_03_jo_atk_05_private_members_in_public_places_refuse_the_whole_set() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        for key in ["ec", "ec384", "ed", "rsa"] {
            // Even an empty or malformed one, and even in a key that could not be used: it says that secrets get out.
            for value in [json!("AA"), json!(""), json!([]), json!(false)] {
                let leaked = with(key, &[(name, value)]);
                assert_refused!(parse(&leaked), "private_key", "JO-KEY-03", "{key}.{name}");
                let set = format!(r#"{{"keys":[{},{leaked}]}}"#, with("ed", &[("kid", json!("a"))]));
                assert_refused!(JwkSet::parse(&set, backend::ring()), "private_key", "JO-KEY-03");
            }
        }
        for rest in [
            json!({}),
            json!({"kty": "EC", "crv": "secp256k1"}),
            json!({"kty": "OKP", "crv": "X25519", "use": "enc"}),
        ] {
            let set =
                json!({"keys": [edit(&rest.to_string(), &[(name, json!("AA"))]).parse::<Value>().unwrap()]});
            assert_refused!(JwkSet::parse(&set.to_string(), backend::ring()), "private_key", "JO-KEY-03");
        }
    }
}

#[test]
fn jo_key_04_jo_atk_15_rsa_numbers_are_bounded_before_any_arithmetic() {
    let number = |len: usize, first: u8, last: u8| {
        let mut bytes = vec![0xaa; len];
        bytes[0] = first;
        bytes[len - 1] = last;
        json!(base64url::encode(bytes))
    };
    let modulus = [
        ("1024 bits", number(128, 0x80, 1)),
        ("2047 bits", number(256, 0x7f, 1)),
        ("even", number(256, 0x80, 2)),
        ("leading zero", number(257, 0, 1)),
        ("8200 bits", number(1025, 0x80, 1)),
        ("empty", json!("")),
    ];
    for (what, n) in modulus {
        assert_refused!(parse(&with("rsa", &[("n", n)])), "rsa_modulus", "JO-KEY-04", "{what}");
    }
    let giant = with("rsa", &[("n", number(4096, 0x80, 1))]);
    assert_refused!(parse(&giant), "key_length", "JO-KEY-04");
    let exponents: [&[u8]; 9] =
        [&[], &[0], &[1], &[2], &[3], &[0xff, 0xff], &[1, 0, 0], &[0, 1, 0, 1], &[2, 0, 0, 0, 1]];
    for e in exponents {
        let text = with("rsa", &[("e", json!(base64url::encode(e)))]);
        assert_refused!(parse(&text), "rsa_exponent", "JO-KEY-04", "{e:?}");
    }
    let large: [&[u8]; 2] = [&[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]];
    for e in large {
        parse(&with("rsa", &[("e", json!(base64url::encode(e)))])).unwrap();
    }
}

#[test]
fn jo_key_04_jo_atk_15_a_cube_root_forgery_finds_no_key_with_exponent_3() {
    // With e = 3 the cube of a short number is a signature that a lenient verifier of PKCS#1 v1.5 takes.
    let weak = with("rsa", &[("e", json!("Aw")), ("kid", json!("weak"))]);
    let set = JwkSet::parse(&format!(r#"{{"keys":[{weak}]}}"#), backend::ring()).unwrap();
    assert_eq!(set.skipped()[0].reason.code(), "rsa_exponent");
    let header = r#"{"alg":"RS256","kid":"weak","typ":"at+jwt"}"#;
    let forged = with_signature(&sign(&KEYS.rs256, header, claims("")), vec![0; 256]);
    let verifier =
        JwtVerifier::builder(set, "at+jwt", ISSUER).audience(AUDIENCE).algorithms(every_algorithm()).build();
    assert_refused!(verifier.verify(&forged, NOW), "unknown_key", "JO-KEY-01");
}

#[test]
fn jo_key_05_jo_atk_14_weak_ed25519_points_are_refused_with_all_that_was_forged_under_them() {
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let mut points = Vec::new();
    for point in small {
        for sign in [0, 0x80] {
            let mut point = hex(point);
            point[31] |= sign;
            points.push(point);
        }
    }
    // y = p and above: second spellings of small y, with either sign.
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut point = vec![0xff; 32];
            (point[0], point[31]) = (low, high);
            points.push(point);
        }
    }
    assert_eq!(points.len(), 48);
    for point in points {
        let weak = with("ed", &[("x", json!(base64url::encode(&point)))]);
        let refusal = parse(&weak).unwrap_err();
        assert!(matches!(refusal.code(), "key_small_order" | "key_not_canonical"), "{point:x?}: {refusal:?}");
        assert_eq!(refusal.rule(), "JO-KEY-05");

        // R = the neutral element, S = 0 fits the equation under the neutral element for every message.
        let set = JwkSet::parse(&format!(r#"{{"keys":[{weak}]}}"#), backend::ring()).unwrap();
        assert!(set.is_empty());
        let mut forgery = [0; 64];
        forgery[0] = 1;
        let forged = with_signature(&sign(&KEYS.ed25519, header(&KEYS.ed25519), claims("")), forgery);
        let verifier = JwtVerifier::builder(set, "at+jwt", ISSUER).audience(AUDIENCE).build();
        assert_refused!(verifier.verify(&forged, NOW), "unknown_key", "JO-KEY-01");
    }
    for len in [31, 33] {
        let text = with("ed", &[("x", json!(base64url::encode(vec![9; len])))]);
        assert_refused!(parse(&text), "key_length", "JO-KEY-05");
    }
}

#[test]
fn jo_key_06_akp_keys_have_an_exact_length() {
    for (alg, len) in [("ML-DSA-44", 1312), ("ML-DSA-65", 1952)] {
        for wrong in [0, 32, len - 1, len + 1, 3264 - len] {
            let key = json!({"kty": "AKP", "alg": alg, "pub": base64url::encode(vec![1; wrong])}).to_string();
            assert_refused!(parse(&key), "key_length", "JO-KEY-06", "{alg} of {wrong}");
        }
        let key = json!({"kty": "AKP", "alg": alg, "pub": base64url::encode([1; 4000])}).to_string();
        assert_refused!(parse(&key), "key_length", "JO-KEY-06");
        let key = json!({"kty": "AKP", "alg": alg}).to_string();
        assert_refused!(parse(&key), "key_member", "JO-KEY-02");
    }
    assert_refused!(parse(r#"{"kty":"AKP","alg":"ML-DSA-87","pub":"AA"}"#), "unknown_algorithm", "JO-ALG-01");
}

#[test]
fn jo_key_01_jo_atk_17_two_keys_of_one_name_refuse_the_set() {
    let set =
        |keys: &[String]| JwkSet::parse(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")), backend::ring());
    let named = |key: &str, kid: &str| with(key, &[("kid", json!(kid))]);
    let other = Jwk::new(public(&stranger(Algorithm::Es256))).with_key_id("a").unwrap().to_json();
    for keys in [
        [named("ec", "a"), named("ec", "a")],
        [named("ec", "a"), other.clone()],
        [named("ec", "a"), named("ec", "a").replace("\"a\"", "\"\\u0061\"")],
        [named("ed", "a"), with("ed", &[("kid", json!("a")), ("alg", json!("EdDSA"))])],
    ] {
        assert_refused!(set(&keys), "duplicate_key_id", "JO-KEY-01", "{keys:?}");
        let mut more = keys.to_vec();
        more.insert(1, named("ec384", "a"));
        more.insert(0, named("ed", "b"));
        assert_refused!(set(&more), "duplicate_key_id", "JO-KEY-01", "{more:?}");
    }
    // Another algorithm is another key; without a name no key is like another.
    let both = set(&[named("ec", "a"), named("ec384", "a"), named("ed", "a"), named("rsa", "a")]).unwrap();
    assert_eq!(both.len(), 4);
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Rs256] {
        assert_eq!(both.find("a", algorithm).unwrap().public_key().algorithm(), algorithm);
    }
    assert_eq!(both.find("a", Algorithm::EdDsa).unwrap().public_key(), &public(&KEYS.ed25519));
    assert_refused!(both.find("a", Algorithm::Ps256), "algorithm_mismatch", "JO-ALG-03");
    let nameless = with("ec", &[("kid", Value::Null)]);
    assert_eq!(set(&[nameless.clone(), nameless]).unwrap().len(), 2);
}

#[test]
fn jo_key_01_keys_are_found_by_name_among_many() {
    let kids = ["b", "a", "aa", "", "c", "ab"];
    let key = |kid: &str| {
        let jwk = Jwk::new(public(&KEYS.es256));
        if kid.is_empty() { jwk } else { jwk.with_key_id(kid).unwrap() }
    };
    let set = JwkSet::new(kids.iter().map(|kid| key(kid)).collect()).unwrap();
    for kid in ["a", "aa", "ab", "b", "c"] {
        assert_eq!(set.find(kid, Algorithm::Es256).unwrap().key_id(), Some(kid));
    }
    for kid in ["", "A", "ac", "d", "0"] {
        assert_refused!(set.find(kid, Algorithm::Es256), "unknown_key", "JO-KEY-01", "{kid}");
    }
    let order: Vec<_> = set.iter().map(Jwk::key_id).collect();
    assert_eq!(order, [None, Some("a"), Some("aa"), Some("ab"), Some("b"), Some("c")]);
    assert!(!set.is_empty());
    assert_refused!(key("").with_key_id(""), "malformed_key_id", "JO-HDR-05");
}

#[test]
fn jo_key_01_a_token_without_kid_needs_a_set_of_one_key() {
    let key = &KEYS.es256;
    let nameless = sign(key, edit(&header(key), &[("kid", Value::Null)]), claims(""));
    let verifier = |keys: Vec<Jwk>, single: bool| {
        let builder = JwtVerifier::builder(JwkSet::new(keys).unwrap(), "at+jwt", ISSUER).audience(AUDIENCE);
        if single { builder.single_key() } else { builder }.build()
    };
    let (one, other) = (jwk(key), jwk(&KEYS.ed25519));
    verifier(vec![one.clone()], true).verify(&nameless, NOW).unwrap();
    assert_refused!(verifier(vec![one.clone()], false).verify(&nameless, NOW), "key_id_missing", "JO-KEY-01");
    for keys in [vec![], vec![one.clone(), other.clone()]] {
        assert_refused!(verifier(keys, true).verify(&nameless, NOW), "unknown_key", "JO-KEY-01");
    }
    assert_refused!(verifier(vec![other], true).verify(&nameless, NOW), "algorithm_mismatch", "JO-ALG-03");
    // A `kid` that is there counts all the same.
    let named = sign(key, edit(&header(key), &[("kid", json!("x"))]), claims(""));
    assert_refused!(verifier(vec![one], true).verify(&named, NOW), "unknown_key", "JO-KEY-01");
}

#[test]
fn jo_key_02_jo_key_08_a_set_leaves_out_what_cannot_be_used_and_says_so() {
    let keys = [
        with("ec", &[]),
        with("ed", &[("use", json!("enc"))]),
        r#"{"kty":"OKP","crv":"X25519","alg":"ECDH-ES","x":"AA"}"#.to_owned(),
        with("ed", &[("alg", Value::Null), ("kid", json!("no\u{7}"))]),
        r#""no key""#.to_owned(),
    ];
    let text = format!(r#"{{"issuer":"x","keys":[{}]}}"#, keys.join(","));
    let set = JwkSet::parse(&text, backend::ring()).unwrap();
    assert_eq!(set.len(), 1);
    let skipped: Vec<_> =
        set.skipped().iter().map(|key| (key.index, key.kid.as_deref(), key.reason.code())).collect();
    assert_eq!(
        skipped,
        [
            (1, Some("ed25519"), "key_use"),
            (2, None, "unknown_algorithm"),
            (3, None, "malformed_key_id"),
            (4, None, "key_not_an_object"),
        ]
    );
    assert_eq!(JwkSet::parse(&set.to_json(), backend::ring()).unwrap().to_json(), set.to_json());

    // Keys without `alg` are those of the caller's algorithm.
    let keys = [with("ec", &[("alg", Value::Null)]), with("ec384", &[]), with("ed", &[("alg", Value::Null)])];
    let text = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let set = JwkSet::parse_as(&text, Algorithm::Es256, backend::ring()).unwrap();
    assert_eq!(set.iter().map(Jwk::public_key).collect::<Vec<_>>(), [&public(&KEYS.es256)]);
    let reasons: Vec<_> = set.skipped().iter().map(|key| key.reason.code()).collect();
    assert_eq!(reasons, ["key_algorithm_mismatch", "key_type"]);
}

#[test]
fn jo_key_02_act_6_keys_of_an_issuer_count_for_what_is_accepted_and_their_kind_allows() {
    let accepted = AlgorithmSet::of(&[
        Algorithm::EdDsa,
        Algorithm::Ed25519,
        Algorithm::Es256,
        Algorithm::Ps256,
        Algorithm::Rs256,
    ]);
    let parse = |keys: &[String]| {
        JwkSet::parse_for(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")), accepted, backend::ring())
    };
    let named = |name, kid: &str| with(name, &[("alg", Value::Null), ("kid", kid.into())]);
    let set = parse(&[named("ec", "a"), named("ed", "b"), named("rsa", "c"), named("ec384", "d")]).unwrap();
    for (kid, algorithm) in [
        ("a", Algorithm::Es256),
        ("b", Algorithm::Ed25519),
        ("b", Algorithm::EdDsa),
        ("c", Algorithm::Ps256),
        ("c", Algorithm::Rs256),
    ] {
        assert!(set.find(kid, algorithm).is_ok(), "{kid} {algorithm}");
    }
    // Each under one name of its algorithm; RSA for two, and the token says for which.
    assert_eq!((set.len(), set.skipped().len()), (4, 1));
    assert!(set.find("c", Algorithm::Ps512).is_err() && set.find("a", Algorithm::Es384).is_err());
    // What names its algorithm is for that alone.
    let set = parse(&[with("rsa", &[("alg", "RS256".into()), ("kid", "c".into())])]).unwrap();
    assert!(set.find("c", Algorithm::Rs256).is_ok() && set.find("c", Algorithm::Ps256).is_err());
    let set = parse(&[with("rsa", &[("alg", "PS512".into())])]).unwrap();
    assert_eq!((set.len(), set.skipped()[0].reason.code()), (0, "key_algorithm_mismatch"));
    assert_refused!(parse(&[named("ec", "a"), named("ec", "a")]), "duplicate_key_id", "JO-KEY-01");
    let many: Vec<_> = (0..65).map(|at| named("ec", &at.to_string())).collect();
    assert!(parse(&many[..64]).is_ok());
    assert_refused!(parse(&many), "key_set_too_large", "JO-JSON-03");
}

#[test]
fn jo_key_02_jo_json_03_sets_are_one_object_with_an_array_of_bounded_length() {
    let parse = |text: &str| JwkSet::parse(text, backend::ring());
    for text in ["{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, r#"{"keys":"a"}"#] {
        assert_refused!(parse(text), "no_keys", "JO-KEY-02", "{text}");
    }
    assert_refused!(parse("[]"), "json_not_an_object", "JO-JSON-01");
    assert_refused!(parse(r#"{"keys":[],"keys":[]}"#), "json_duplicate_name", "JO-JSON-02");
    let twice = with("ec", &[]).replace('}', r#","kid":"b"}"#);
    assert_refused!(parse(&format!(r#"{{"keys":[{twice}]}}"#)), "json_duplicate_name", "JO-JSON-02");
    assert!(parse(r#"{"keys":[]}"#).unwrap().is_empty());
    let of = |count: usize| format!(r#"{{"keys":[{}1]}}"#, "1,".repeat(count - 1));
    assert_eq!(parse(&of(1000)).unwrap().skipped().len(), 1000);
    assert_refused!(parse(&of(1001)), "key_set_too_large", "JO-JSON-03");
    let padded = |len: usize| format!(r#"{{"keys":[]{}}}"#, " ".repeat(len - 11));
    parse(&padded(1024 * 1024)).unwrap();
    assert_refused!(parse(&padded(1024 * 1024 + 1)), "key_set_too_large", "JO-JSON-03");
}

#[test]
fn jo_key_09_a_key_has_one_thumbprint_however_it_is_written() {
    let key = public(&KEYS.es256);
    let thumbprint = Thumbprint::of(&key);
    let spellings = [
        with("ec", &[]),
        with("ec", &[("kid", json!("b")), ("use", json!("sig")), ("x5c", json!([]))]),
        with("ec", &[]).replace("f83OJ", "\\u006683OJ"),
        with("ec", &[]).replace(',', " , "),
    ];
    for text in spellings {
        assert_eq!(parse(&text).unwrap().thumbprint(), thumbprint, "{text}");
    }
    assert_eq!(
        parse(&with("ed", &[("alg", json!("EdDSA"))])).unwrap().thumbprint(),
        jwk(&KEYS.ed25519).thumbprint()
    );

    let text = thumbprint.to_string();
    assert_eq!(text.len(), 43);
    assert_eq!(text.parse(), Ok(thumbprint));
    assert_eq!(Thumbprint::from_uri(&thumbprint.to_uri()), Ok(thumbprint));
    assert_eq!(base64url::encode(thumbprint.as_bytes()), text);
    assert!(thumbprint.matches(&text));
    let other = Thumbprint::of(&public(&KEYS.ed25519));
    let hasher = std::hash::RandomState::new();
    let hash = |thumbprint: &Thumbprint| std::hash::BuildHasher::hash_one(&hasher, thumbprint);
    assert!(hash(&thumbprint) == hash(&thumbprint.clone()) && hash(&thumbprint) != hash(&other));
    assert!(thumbprint != other && !thumbprint.matches(&other.to_string()));
    assert_eq!(HashSet::from([thumbprint, thumbprint, other]).len(), 2);

    let mut last = text.clone();
    last.pop();
    let malformed = [
        String::new(),
        last.clone(),
        format!("{last}="),
        format!("{text}="),
        format!("{text}A"),
        format!(" {text}"),
        text.replace(text.split_at(1).0, "+"),
        base64url::encode([0; 31]),
        base64url::encode([0; 33]),
    ];
    for text in malformed {
        assert_refused!(text.parse::<Thumbprint>(), "malformed_thumbprint", "JO-KEY-09", "{text}");
        assert!(!thumbprint.matches(&text));
        let uri = format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{text}");
        assert_refused!(Thumbprint::from_uri(&uri), "malformed_thumbprint", "JO-KEY-09", "{text}");
    }
    for prefix in
        ["", "urn:ietf:params:oauth:jwk-thumbprint:sha-512:", "URN:ietf:params:oauth:jwk-thumbprint:sha-256:"]
    {
        let uri = format!("{prefix}{text}");
        assert_refused!(Thumbprint::from_uri(&uri), "malformed_thumbprint", "JO-KEY-09", "{uri}");
    }
}

#[test]
fn jo_key_09_the_canonical_text_of_each_type_of_key_is_hashed() {
    for key in KEYS.all() {
        let key = public(key);
        let encode = |bytes: &[u8]| base64url::encode(bytes);
        let text = match key.numbers() {
            PublicNumbers::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
            PublicNumbers::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            PublicNumbers::P384 { x, y } => {
                format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            PublicNumbers::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(Thumbprint::of(&key).as_bytes(), &backend::ring().sha256(text.as_bytes()));
    }
}

#[test]
fn jo_key_07_debug_text_of_public_keys_is_short() {
    let key: PublicKey = public(&KEYS.rs256);
    let shown = format!("{:?}", Jwk::new(key).with_key_id("a").unwrap());
    assert!(shown.contains("Rs256") && shown.contains("\"a\"") && shown.len() < 200, "{shown}");
}

#[test]
fn jo_key_02_a_format_may_have_its_own_names_for_algorithms() {
    let text = with("ed", &[("alg", json!("ed25519"))]);
    assert_refused!(parse(&text), "unknown_algorithm", "JO-ALG-01");
    let object = aims_jose::json::Object::parse(text, &aims_jose::json::Limits::new()).unwrap();
    let bound = |algorithm| Jwk::from_value_bound(object.as_value(), algorithm, backend::ring());
    assert_eq!(bound(Algorithm::Ed25519).unwrap().public_key().algorithm(), Algorithm::Ed25519);
    assert_refused!(bound(Algorithm::Es256), "key_type", "JO-KEY-02");
    let private = with("ed", &[("d", json!("AAAA"))]);
    let object = aims_jose::json::Object::parse(private, &aims_jose::json::Limits::new()).unwrap();
    let bound = Jwk::from_value_bound(object.as_value(), Algorithm::Ed25519, backend::ring());
    assert_refused!(bound, "private_key", "JO-KEY-03");
}
