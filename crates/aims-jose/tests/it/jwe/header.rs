//! The protected header (JO-JWE-03, JO-JWE-05 to JO-JWE-08).

use aims_jose::base64url;
use aims_jose::jwe::{Decrypter, DecryptionKey, KeyManagement};
use aims_testkit::assert_refused;
use josekit::jwe::{self, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;
use serde_json::{Value, json};

use super::support::*;
use crate::support::{RSA, edit};

#[test]
fn jo_jwe_03_only_two_algorithms_are_known() {
    let names = [
        "dir",
        "RSA1_5",
        "RSA-OAEP",
        "RSA-OAEP-384",
        "RSA-OAEP-512",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A192KW",
        "A128KW",
        "A256KW",
        "A256GCMKW",
        "PBES2-HS256+A128KW",
        "PBES2-HS512+A256KW",
        "none",
        "ES256",
        "RS256",
        "HS256",
        "",
        "rsa-oaep-256",
        "RSA-OAEP-256 ",
        "RSA-OAEP-256\u{0}",
        "RSA_OAEP_256",
        "RSA-OAEP\u{2010}256",
        "ECDH-ES+a256kw",
        "ECDH-ES A256KW",
        "HPKE-0",
    ];
    for recipient in WORLD.recipients() {
        for name in names {
            let token = with_members(recipient, &[("alg", json!(name))]);
            assert_refused!(decrypt(&token), "unknown_algorithm", "JO-JWE-03", "{name:?}");
            assert_refused!(name.parse::<KeyManagement>(), "unknown_algorithm", "JO-JWE-03", "{name:?}");
        }
        for other in
            [Value::Null, json!(1), json!(["RSA-OAEP-256"]), json!({"a": "RSA-OAEP-256"}), json!(true)]
        {
            let token = with_members(recipient, &[("alg", other.clone())]);
            assert_refused!(decrypt(&token), "algorithm_missing", "JO-JWE-03", "{other}");
        }
    }
    for algorithm in [EC_ALG, RSA_ALG] {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
        assert_eq!(algorithm.to_string(), algorithm.name());
    }
}

#[test]
fn jo_jwe_03_only_a256gcm_encrypts_content() {
    let names = [
        "A128GCM",
        "A192GCM",
        "A128CBC-HS256",
        "A192CBC-HS384",
        "A256CBC-HS512",
        "a256gcm",
        "A256GCM ",
        "A256GCMKW",
        "none",
        "",
        "dir",
        "A256CTR",
        "C20P",
    ];
    for recipient in WORLD.recipients() {
        for name in names {
            let token = with_members(recipient, &[("enc", json!(name))]);
            assert_refused!(decrypt(&token), "content_encryption", "JO-JWE-03", "{name:?}");
        }
        for other in [Value::Null, json!(1), json!(["A256GCM"]), json!({})] {
            let token = with_members(recipient, &[("enc", other.clone())]);
            assert_refused!(decrypt(&token), "content_encryption", "JO-JWE-03", "{other}");
        }
    }
}

#[test]
fn jo_jwe_05_the_header_is_one_object_without_duplicates() {
    type Edit = dyn Fn(&str) -> String;
    let cases: [(&Edit, &str, &str); 11] = [
        (&|header| header.replacen('{', r#"{"alg":"RSA-OAEP-256","#, 1), "json_duplicate_name", "JO-JSON-02"),
        (&|header| header.replacen('{', r#"{"\u0061lg":"dir","#, 1), "json_duplicate_name", "JO-JSON-02"),
        (&|header| header.replacen('{', r#"{"enc":"A128GCM","#, 1), "json_duplicate_name", "JO-JSON-02"),
        (
            &|header| header.replacen('{', r#"{"x":{"a":1,"\u0061":2},"#, 1),
            "json_duplicate_name",
            "JO-JSON-02",
        ),
        (&|header| format!("{header}{header}"), "json_trailing_data", "JO-JSON-01"),
        (&|header| format!("[{header}]"), "json_not_an_object", "JO-JSON-01"),
        (&|_| "null".to_owned(), "json_not_an_object", "JO-JSON-01"),
        (&|header| format!("\u{feff}{header}"), "json_byte_order_mark", "JO-JSON-01"),
        (&|header| header.replacen('}', ",}", 1), "json_trailing_comma", "JO-JSON-04"),
        (
            &|header| header.replacen('{', &format!(r#"{{"x":{}1{},"#, "[".repeat(40), "]".repeat(40)), 1),
            "json_depth_limit",
            "JO-JSON-03",
        ),
        (&|header| header.replacen('{', r#"{"x":"\ud800","#, 1), "json_lone_surrogate", "JO-JSON-04"),
    ];
    for recipient in [&WORLD.p256, &WORLD.rsa] {
        for (at, (edit, code, rule)) in cases.into_iter().enumerate() {
            assert_refused!(decrypt(&with_header(recipient, edit)), code, rule, "{at}");
        }
    }
}

#[test]
fn jo_jwe_05_critical_extensions_are_refused() {
    let values = [
        json!(["exp"]),
        json!([]),
        json!(["b64"]),
        json!(["alg", "alg"]),
        json!("exp"),
        json!(false),
        json!({}),
    ];
    for recipient in WORLD.recipients() {
        for value in &values {
            let token = with_members(recipient, &[("crit", value.clone()), ("exp", json!(1))]);
            assert_refused!(decrypt(&token), "critical_header", "JO-JWE-05", "{value}");
        }
        let null = with_header(recipient, &|header| header.replacen('{', r#"{"crit":null,"#, 1));
        assert_refused!(decrypt(&null), "critical_header", "JO-JWE-05");
    }
}

#[test]
fn jo_jwe_05_sec_9_compressed_content_is_refused_before_it_is_inflated() {
    // 8 MiB of one character take less than 16 KiB.
    let jwk = Jwk::from_bytes(&WORLD.rsa.public).unwrap();
    let sealer = RSA_OAEP_256.encrypter_from_jwk(&jwk).unwrap();
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    header.set_compression("DEF");
    header.set_content_type("JWT");
    header.set_key_id("rsa");
    let bomb = jwe::serialize_compact(&vec![b'a'; 8 << 20], &header, &sealer).unwrap();
    assert!(bomb.len() < 16 * 1024, "{}", bomb.len());
    let opener = RSA_OAEP_256.decrypter_from_jwk(&Jwk::from_bytes(RSA).unwrap()).unwrap();
    assert_eq!(
        jwe::deserialize_compact(&bomb, &opener).unwrap().0.len(),
        8 << 20,
        "the library below takes it"
    );
    assert_refused!(decrypt(&bomb), "compressed", "JO-JWE-05");

    for recipient in WORLD.recipients() {
        for value in [json!("DEF"), json!("GZIP"), json!(""), json!(1), json!([])] {
            let token = with_members(recipient, &[("zip", value.clone())]);
            assert_refused!(decrypt(&token), "compressed", "JO-JWE-05", "{value}");
        }
    }
}

#[test]
fn jo_jwe_05_parameters_of_other_algorithms_are_refused() {
    for recipient in WORLD.recipients() {
        let text = base64url::encode([1; 16]);
        for (name, value) in [
            ("p2c", json!(1_000_000_000)),
            ("p2s", json!(text)),
            ("iv", json!(text)),
            ("tag", json!(text)),
            ("b64", json!(false)),
        ] {
            let token = with_members(recipient, &[(name, value)]);
            assert_refused!(decrypt(&token), "foreign_parameter", "JO-JWE-05", "{name}");
        }
    }
    let epk = header_member(&good(&WORLD.p256).header, "epk");
    for (name, value) in [("epk", epk), ("apu", json!("QQ")), ("apv", json!("QQ"))] {
        let token = with_members(&WORLD.rsa, &[(name, value)]);
        assert_refused!(decrypt(&token), "foreign_parameter", "JO-JWE-05", "{name}");
    }
}

#[test]
fn jo_jwe_05_jo_jwe_08_other_members_decide_nothing() {
    let attacker: Value = serde_json::from_str(&WORLD.p384.public).unwrap();
    let members = [
        ("typ", json!("JWT")),
        ("jwk", attacker),
        ("jku", json!("http://169.254.169.254/keys")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["AAAA"])),
        ("x5t#S256", json!("AA")),
        ("iss", json!("https://attacker.example")),
        ("aud", json!(["a"])),
        ("future", json!({"a": [1, 2]})),
    ];
    for recipient in WORLD.recipients() {
        decrypt(&with_members(recipient, &members)).unwrap();
    }
}

#[test]
fn jo_jwe_06_content_is_said_to_be_a_token() {
    for recipient in WORLD.recipients() {
        let values = [
            Value::Null,
            json!("jwt"),
            json!("application/jwt"),
            json!("json"),
            json!("JWT "),
            json!(""),
            json!("JWS"),
            json!(["JWT"]),
            json!(1),
            json!("JWE"),
        ];
        for value in values {
            let token = with_members(recipient, &[("cty", value.clone())]);
            assert_refused!(decrypt(&token), "not_nested", "JO-JWE-06", "{value}");
        }
    }
}

#[test]
fn jo_jwe_07_the_ephemeral_key_is_a_public_point_on_the_recipients_curve() {
    let text = |bytes: &[u8]| json!(base64url::encode(bytes));
    let epk = header_member(&good(&WORLD.p256).header, "epk");
    let coordinate = |name: &str| base64url::decode(epk[name].as_str().unwrap()).unwrap();
    let (x, y) = (coordinate("x"), coordinate("y"));
    let mut off_curve = y.clone();
    off_curve[31] ^= 1;
    let field = crate::support::hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let respelled = format!("{}=", epk["x"].as_str().unwrap());
    let cases: Vec<(&str, Value, &str)> = vec![
        ("off the curve", json!({"y": text(&off_curve)}), "key_not_on_curve"),
        ("the point at infinity", json!({"x": text(&[0; 32]), "y": text(&[0; 32])}), "key_not_on_curve"),
        ("x not reduced", json!({"x": text(&field)}), "key_not_on_curve"),
        ("swapped", json!({"x": text(&y), "y": text(&x)}), "key_not_on_curve"),
        ("short", json!({"x": text(&x[1..])}), "key_length"),
        ("long", json!({"x": text(&[&[0], &*x].concat())}), "key_length"),
        ("second spelling", json!({"x": respelled}), "key_length"),
        (
            "other alphabet",
            json!({"x": epk["x"].as_str().unwrap().replace(|c: char| c.is_ascii_lowercase(), "+")}),
            "base64_character",
        ),
        ("no x", json!({"x": null}), "key_member"),
        ("number", json!({"x": 7}), "key_member"),
        ("OKP", json!({"kty": "OKP", "crv": "X25519"}), "key_type"),
        ("oct", json!({"kty": "oct", "k": "AAAA"}), "key_type"),
        ("P-521", json!({"crv": "P-521"}), "key_curve"),
        ("secp256k1", json!({"crv": "secp256k1"}), "key_curve"),
        ("no curve", json!({"crv": null}), "key_curve"),
        ("private", json!({"d": text(&[1; 32])}), "private_key"),
        ("private, empty", json!({"d": ""}), "private_key"),
        ("private, of RSA", json!({"p": "AA"}), "private_key"),
    ];
    for (name, changes, code) in &cases {
        let changes: Vec<_> =
            changes.as_object().unwrap().iter().map(|(name, value)| (&**name, value.clone())).collect();
        let epk: Value = serde_json::from_str(&edit(&epk.to_string(), &changes)).unwrap();
        let token = with_members(&WORLD.p256, &[("epk", epk)]);
        assert_refused!(decrypt(&token), *code, "JO-JWE-07", "{name}");
    }
    // A point of the other curve, under either name.
    for (recipient, other) in [(&WORLD.p256, &WORLD.p384), (&WORLD.p384, &WORLD.p256)] {
        let epk = header_member(&good(other).header, "epk");
        assert_refused!(decrypt(&with_members(recipient, &[("epk", epk)])), "key_curve", "JO-JWE-07");
    }
    for epk in [json!("P-256"), json!([epk]), json!(null)] {
        let code = if epk.is_null() { "ephemeral_key_missing" } else { "key_not_an_object" };
        assert_refused!(decrypt(&with_members(&WORLD.p256, &[("epk", epk)])), code, "JO-JWE-07");
    }
    let twice = with_header(&WORLD.p256, &|header| header.replacen(r#""epk":{"#, r#""epk":{"x":"AA","#, 1));
    assert_refused!(decrypt(&twice), "json_duplicate_name", "JO-JSON-02");
}

#[test]
fn jo_jwe_07_party_information_is_bounded_and_takes_part_in_the_agreement() {
    let longest = base64url::encode([1; 256]);
    for parties in [
        [Some("QWxpY2U"), Some("Qm9i")],
        [None, Some("AA")],
        [Some(&*longest), Some(&*longest)],
        [Some(""), None],
    ] {
        let parts = Forgery { parties, ..Forgery::new(&WORLD.p256) }.seal();
        decrypt(&parts.token()).unwrap();
        // Without it, it is another key.
        if parties != [Some(""), None] {
            let edited = Forgery {
                parties,
                edit: &|header| edit(header, &[("apu", json!("QQ")), ("apv", Value::Null)]),
                ..Forgery::new(&WORLD.p256)
            };
            assert_refused!(decrypt(&edited.seal().token()), "decryption_failed", "JO-JWE-09");
        }
    }
    let too_long = base64url::encode([1; 257]);
    for bad in [json!(too_long), json!("A"), json!("QQ="), json!("QR"), json!("a b"), json!(1), json!(["QQ"])]
    {
        for name in ["apu", "apv"] {
            let token = with_members(&WORLD.p384, &[(name, bad.clone())]);
            assert_refused!(decrypt(&token), "malformed_party_info", "JO-JWE-07", "{name}: {bad}");
        }
    }
}

#[test]
fn jo_jwe_08_the_key_is_found_by_its_identifier() {
    for recipient in WORLD.recipients() {
        let kid = |kid: Value| with_members(recipient, &[("kid", kid)]);
        assert_refused!(decrypt(&kid(Value::Null)), "key_id_missing", "JO-JWE-08");
        for unknown in ["P256", "p256 ", "rs", "../../rsa", "' OR 1=1", "https://attacker.example/key"] {
            assert_refused!(decrypt(&kid(json!(unknown))), "unknown_key", "JO-JWE-08", "{unknown}");
        }
        for bad in
            [json!(""), json!("a\nb"), json!("a\u{0}"), json!("a".repeat(257)), json!(["rsa"]), json!(1)]
        {
            assert_refused!(decrypt(&kid(bad.clone())), "malformed_key_id", "JO-JWE-08", "{bad}");
        }
    }
}

#[test]
fn jo_jwe_08_a_single_key_needs_no_identifier_where_the_caller_says_so() {
    let without = with_members(&WORLD.rsa, &[("kid", Value::Null)]);
    let decrypter = |texts: &[(&str, KeyManagement)]| {
        let keys = texts
            .iter()
            .map(|(text, algorithm)| DecryptionKey::parse_as(text, *algorithm).unwrap())
            .collect();
        Decrypter::new(keys).unwrap()
    };
    let single = decrypter(&[(RSA, RSA_ALG)]).with_single_key();
    single.decrypt(&without).unwrap();
    assert_refused!(
        single.decrypt(&good(&WORLD.rsa).token()),
        "unknown_key",
        "JO-JWE-08",
        "a name that no key has"
    );
    assert_refused!(decrypter(&[(RSA, RSA_ALG)]).decrypt(&without), "key_id_missing", "JO-JWE-08");
    for texts in [&[(RSA, RSA_ALG), (P256, EC_ALG)][..], &[]] {
        assert_refused!(decrypter(texts).with_single_key().decrypt(&without), "unknown_key", "JO-JWE-08");
    }
    let other = decrypter(&[(P256, EC_ALG)]).with_single_key();
    assert_refused!(other.decrypt(&without), "algorithm_mismatch", "JO-JWE-04");
}

fn header_member(header: &str, name: &str) -> Value {
    serde_json::from_str::<Value>(header).unwrap()[name].clone()
}
