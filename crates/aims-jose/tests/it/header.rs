//! Header members (JO-HDR; JO-ATK-05, -06, -11, -12, -21).

use aims_jose::{Jwk, JwkSet, JwtVerifier, Limits, NewHeader, UnverifiedJws};
use aims_keys::{Algorithm, AlgorithmSet};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::*;

/// A good token but for these members of its header.
fn with(changes: &[(&str, Value)]) -> String {
    sign(&KEYS.es256, edit(&header(&KEYS.es256), changes), claims(""))
}

#[test]
fn jo_hdr_02_jo_atk_12_typ_is_required_and_compared_exactly() {
    let verifier = builder().build();
    let others = [
        "JWT",
        "jwt",
        "",
        "at",
        "at+jw",
        "at+jwt ",
        " at+jwt",
        "at+jwtx",
        "AT+JWT",
        "At+jwt",
        "application/at+jwt",
        "wit+jwt",
        "wpt+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "txntoken+jwt",
        "at+jwt;charset=utf-8",
        "at\u{ff0b}jwt",
    ];
    for typ in others {
        assert_refused!(
            verifier.verify(&with(&[("typ", json!(typ))]), NOW),
            "wrong_type",
            "JO-HDR-02",
            "{typ:?}"
        );
    }
    for typ in [json!(1), json!(true), json!(["at+jwt"]), json!({}), Value::Null] {
        // `null` removes the member.
        assert_refused!(
            verifier.verify(&with(&[("typ", typ.clone())]), NOW),
            "wrong_type",
            "JO-HDR-02",
            "{typ}"
        );
    }
    let null = header(&KEYS.es256).replace(r#""at+jwt""#, "null");
    assert_refused!(verifier.verify(&sign(&KEYS.es256, null, claims("")), NOW), "wrong_type", "JO-HDR-02");
}

#[test]
fn jo_hdr_02_a_profile_may_take_the_full_media_type_comparison() {
    let verifier = builder().full_media_type().build();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        verifier.verify(&with(&[("typ", json!(typ))]), NOW).unwrap();
    }
    let others = [
        "JWT",
        "application/jwt",
        "",
        "/at+jwt",
        "application/",
        "text/at+jwt",
        "application/x/at+jwt",
        "at+jwt/",
        "application//at+jwt",
        "application/at+jwt;a=b",
    ];
    for typ in others {
        assert_refused!(
            verifier.verify(&with(&[("typ", json!(typ))]), NOW),
            "wrong_type",
            "JO-HDR-02",
            "{typ:?}"
        );
    }
    assert_refused!(verifier.verify(&with(&[("typ", Value::Null)]), NOW), "wrong_type", "JO-HDR-02");
    // `JWT` is itself under either comparison, and nothing more explicit.
    let plain = JwtVerifier::builder(key_set(), "JWT", ISSUER).audience(AUDIENCE).full_media_type().build();
    plain.verify(&with(&[("typ", json!("jwt"))]), NOW).unwrap();
    assert_refused!(plain.verify(&token(), NOW), "wrong_type", "JO-HDR-02");
}

#[test]
fn jo_hdr_03_jo_atk_11_any_crit_and_any_b64_is_refused() {
    let verifier = builder().build();
    let crits = [
        json!(["exp"]),
        json!(["b64"]),
        json!(["http://example.com/ext"]),
        json!([]),
        json!(["alg"]),
        json!(["kid", "kid"]),
        json!(["x"]),
        json!("exp"),
        json!(1),
        json!(true),
        json!({}),
        json!([1]),
        json!([["x"]]),
        json!([""]),
    ];
    for crit in crits {
        let token = with(&[("crit", crit.clone()), ("exp", json!(1)), ("http://example.com/ext", json!(1))]);
        assert_refused!(verifier.verify(&token, NOW), "critical_header", "JO-HDR-03", "{crit}");
    }
    for (name, code) in [("crit", "critical_header"), ("b64", "unencoded_payload")] {
        let null = header(&KEYS.es256).replace('}', &format!(r#","{name}":null}}"#));
        assert_refused!(verifier.verify(&sign(&KEYS.es256, null, claims("")), NOW), code, "JO-HDR-03");
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], name.split_at(1).1);
        let escaped = header(&KEYS.es256).replace('}', &format!(r#","{escaped}":[]}}"#));
        assert_refused!(verifier.verify(&sign(&KEYS.es256, escaped, claims("")), NOW), code, "JO-HDR-03");
    }
    for b64 in [json!(false), json!(true), json!("false"), json!(0)] {
        assert_refused!(
            verifier.verify(&with(&[("b64", b64.clone())]), NOW),
            "unencoded_payload",
            "JO-HDR-03",
            "{b64}"
        );
    }
    let both = with(&[("b64", json!(false)), ("crit", json!(["b64"]))]);
    assert_refused!(verifier.verify(&both, NOW), "critical_header", "JO-HDR-03");
}

#[test]
fn jo_hdr_04_jo_atk_05_keys_in_a_header_are_reported_and_never_used() {
    let attacker = stranger(Algorithm::Es256);
    let embedded: Value = serde_json::from_str(&Jwk::new(public(&attacker)).to_json()).unwrap();
    let members = [
        ("jwk", embedded.clone()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("jku", json!("http://169.254.169.254/latest/meta-data")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
    ];
    let verifier = builder().build();
    for (name, value) in members {
        let change = [(name, value)];
        // By the attacker: refused. By the issuer: the member counts for nothing, and is reported.
        let forged = sign(&attacker, edit(&header(&KEYS.es256), &change), claims(""));
        assert_refused!(verifier.verify(&forged, NOW), "bad_signature", "JO-B64-03", "{name}");
        let own_kid = [change[0].clone(), ("kid", json!("attacker"))];
        let forged = sign(&attacker, edit(&header(&KEYS.es256), &own_kid), claims(""));
        assert_refused!(verifier.verify(&forged, NOW), "unknown_key", "JO-KEY-01", "{name}");
        let no_kid = [change[0].clone(), ("kid", Value::Null)];
        let forged = sign(&attacker, edit(&header(&KEYS.es256), &no_kid), claims(""));
        assert_refused!(verifier.verify(&forged, NOW), "key_id_missing", "JO-KEY-01", "{name}");
        let accepted = verifier.verify(&with(&change), NOW).unwrap();
        assert!(accepted.header().names_a_key(), "{name}");
        assert!(accepted.header().has_other_members(), "{name}");
    }
    let plain = verifier.verify(&token(), NOW).unwrap();
    assert!(!plain.header().names_a_key() && !plain.header().has_other_members());
}

#[test]
fn jo_hdr_05_jo_atk_06_kid_is_an_opaque_name_of_a_loaded_key() {
    let verifier = builder().build();
    let unknown = [
        "../../../etc/passwd",
        "/dev/null",
        "' OR 1=1 --",
        "es256'; DROP TABLE keys; --",
        "https://attacker.example/key",
        "file:///dev/null",
        "ES256",
        "es256 ",
        " es256",
        "es25",
        "es2566",
        "es256#",
        "ｅs256",
        "*",
        "%00",
    ];
    for kid in unknown {
        assert_refused!(
            verifier.verify(&with(&[("kid", json!(kid))]), NOW),
            "unknown_key",
            "JO-KEY-01",
            "{kid:?}"
        );
    }
    let malformed = [
        json!(""),
        json!("es256\0"),
        json!("\0"),
        json!("es256\n"),
        json!("es\u{7f}256"),
        json!("es\u{85}256"),
        json!("a".repeat(257)),
        json!("a".repeat(5000)),
        json!(["es256"]),
        json!(1),
        json!({"kid": "es256"}),
        json!(true),
    ];
    for kid in malformed {
        let token = with(&[("kid", kid.clone())]);
        assert_refused!(verifier.verify(&token, NOW), "malformed_key_id", "JO-HDR-05", "{kid:.20}");
    }
    let null = header(&KEYS.es256).replace(r#""es256""#, "null");
    assert_refused!(
        verifier.verify(&sign(&KEYS.es256, null, claims("")), NOW),
        "malformed_key_id",
        "JO-HDR-05"
    );
    // The longest there may be, in bytes; and it is a name like any other.
    for kid in ["a".repeat(256), "é".repeat(128), "../key?a=b#c".to_owned()] {
        let set = JwkSet::new(vec![Jwk::new(public(&KEYS.es256)).with_key_id(&kid).unwrap()]).unwrap();
        let verifier = JwtVerifier::builder(set, "at+jwt", ISSUER).audience(AUDIENCE).build();
        verifier.verify(&with(&[("kid", json!(kid))]), NOW).unwrap();
    }
    // Bytes are counted, not characters.
    let token = with(&[("kid", json!("é".repeat(129)))]);
    assert_refused!(verifier.verify(&token, NOW), "malformed_key_id", "JO-HDR-05");
}

#[test]
fn jo_hdr_05_jo_atk_06_the_kid_of_another_key_selects_that_key() {
    let verifier = builder().build();
    // The set's own other keys: of another algorithm, and of the same.
    let token = with(&[("kid", json!("es384"))]);
    assert_refused!(verifier.verify(&token, NOW), "algorithm_mismatch", "JO-ALG-03");
    let other = Jwk::new(public(&stranger(Algorithm::Es256))).with_key_id("other").unwrap();
    let set = JwkSet::new(vec![jwk(&KEYS.es256), other]).unwrap();
    let verifier = JwtVerifier::builder(set, "at+jwt", ISSUER).audience(AUDIENCE).build();
    assert_refused!(verifier.verify(&with(&[("kid", json!("other"))]), NOW), "bad_signature", "JO-B64-03");
}

#[test]
fn jo_hdr_06_jo_atk_21_nested_tokens_are_refused() {
    let verifier = builder().build();
    for cty in [
        json!("JWT"),
        json!("jwt"),
        json!("application/JWT"),
        json!("APPLICATION/jwt"),
        json!(1),
        json!(["JWT"]),
    ] {
        let token = with(&[("cty", cty.clone())]);
        assert_refused!(verifier.verify(&token, NOW), "nested_token", "JO-HDR-06", "{cty}");
        assert!(UnverifiedJws::parse(&token, &Limits::new()).unwrap().header().is_nested());
    }
    for cty in ["json", "application/json", "text/jwt", ""] {
        let accepted = verifier.verify(&with(&[("cty", json!(cty))]), NOW).unwrap();
        assert!(!accepted.header().is_nested());
    }
    // Without the hint a token inside a token is no JSON object.
    let inside = sign(&KEYS.es256, header(&KEYS.es256), token());
    assert_refused!(verifier.verify(&inside, NOW), "json_not_an_object", "JO-JSON-01");
}

#[test]
fn jo_hdr_07_other_members_are_ignored_and_bounded() {
    let verifier = builder().build();
    let accepted =
        verifier.verify(&with(&[("iat", json!([1, {"a": null}])), ("zip", json!("DEF"))]), NOW).unwrap();
    assert!(accepted.header().has_other_members() && !accepted.header().names_a_key());
    // A header longer than the buffer on the stack.
    let accepted = verifier.verify(&with(&[("x", json!("a".repeat(2000)))]), NOW).unwrap();
    assert!(accepted.header().has_other_members());
    let long = with(&[("x", json!("a".repeat(8 * 1024 + 1)))]);
    assert_refused!(verifier.verify(&long, NOW), "json_string_limit", "JO-JSON-03");
}

#[test]
fn jo_hdr_07_headers_of_every_length_around_the_buffer_are_read() {
    let verifier = builder().build();
    for len in 300..800 {
        verifier.verify(&with(&[("x", json!("a".repeat(len)))]), NOW).unwrap();
    }
}

#[test]
fn jo_hdr_02_jo_hdr_05_long_types_and_names_come_out_whole() {
    // Short strings are kept in place, longer ones on the heap; one byte decides.
    for len in [1, 45, 46, 47, 127] {
        let typ = "t".repeat(len);
        let kid = "k".repeat(len);
        let header = NewHeader::with_key_id(&typ, &public(&KEYS.es256), &kid).unwrap();
        let token = header.unsigned("x").sign(&KEYS.es256).unwrap();
        let jws = UnverifiedJws::parse(&token, &Limits::new()).unwrap();
        let accepted = jws.verify(&public(&KEYS.es256), AlgorithmSet::STANDARD).unwrap();
        assert_eq!((accepted.header().typ(), accepted.header().key_id()), (Some(&*typ), Some(&*kid)));
        assert_refused!(accepted.header().require_typ(typ.split_at(1).1), "wrong_type", "JO-HDR-02");
        assert!(format!("{:?}", accepted.header()).contains(&kid));
    }
}
