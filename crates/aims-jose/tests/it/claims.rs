//! Claims (JO-CLM; JO-ATK-18, -19, -22).

use std::time::Duration;

use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{
    Claims, Confirmation, Jwk, JwtVerifier, Limits, Thumbprint, UntrustedToken, base64url, json,
};
use aims_keys::{UnixTime, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::*;

/// A good token but for these claims.
fn with(changes: &[(&str, Value)]) -> String {
    sign(&KEYS.es256, header(&KEYS.es256), edit(&claims(""), changes))
}

/// A good token with a claim written in this very way.
fn with_raw(name: &str, raw: &str) -> String {
    let rest = edit(&claims(""), &[(name, Value::Null)]);
    sign(&KEYS.es256, header(&KEYS.es256), format!(r#"{{"{name}":{raw},{}"#, rest.strip_prefix('{').unwrap()))
}

#[test]
fn jo_clm_01_jo_atk_18_a_claim_of_the_wrong_type_is_an_error_and_not_absent() {
    // The optional ones, too: nothing here requires `nbf`, `iat`, `sub` or `jti`.
    let verifier = builder().build();
    let cases = [
        ("iss", "JO-CLM-04"),
        ("sub", "JO-CLM-06"),
        ("aud", "JO-CLM-05"),
        ("exp", "JO-CLM-02"),
        ("nbf", "JO-CLM-02"),
        ("iat", "JO-CLM-02"),
        ("jti", "JO-CLM-07"),
    ];
    for (name, rule) in cases {
        let is_date = matches!(name, "exp" | "nbf" | "iat");
        for raw in ["null", "true", "{}", "[]", "[1]", if is_date { r#""1790000000""# } else { "1790000000" }]
        {
            assert_refused!(verifier.verify(&with_raw(name, raw), NOW), "claim_type", rule, "{name}: {raw}");
        }
    }
    // A claim of a profile, read by the same means.
    let object = Object::parse(r#"{"wth":1,"purpose":""}"#, &json::Limits::new()).unwrap();
    let wth = claim::text("wth", object.get("wth").unwrap());
    assert_refused!(wth, "claim_type", "JO-CLM-01");
    let purpose = claim::non_empty("purpose", object.get("purpose").unwrap());
    assert_refused!(purpose, "claim_empty", "JO-CLM-01");
}

#[test]
fn jo_clm_02_jo_atk_18_dates_are_numbers_in_range() {
    let verifier = builder().build();
    for name in ["exp", "nbf", "iat"] {
        for raw in [
            "-1",
            "-0.5",
            "253402300800",
            "253402300799.5e1",
            "1e12",
            "9223372036854775808",
            "1e300",
            "-1e300",
        ] {
            let token = with_raw(name, raw);
            assert_refused!(verifier.verify(&token, NOW), "date_range", "JO-CLM-02", "{name}: {raw}");
        }
    }
    assert_refused!(verifier.verify(&with_raw("exp", "1e999"), NOW), "json_number_overflow", "JO-JSON-04");
    for raw in ["253402300799", "253402300799.9", "2534023007.99e2"] {
        let accepted = verifier.verify(&with_raw("exp", raw), NOW).unwrap();
        assert_eq!(accepted.claims().expires(), Some(UnixTime::from_secs(253_402_300_799)), "{raw}");
    }
    for (raw, secs) in
        [("0", 0), ("-0", 0), ("0.9", 0), ("1790000000.9", 1_790_000_000), ("1.79e9", 1_790_000_000)]
    {
        let accepted = verifier.verify(&with_raw("nbf", raw), NOW).unwrap();
        assert_eq!(accepted.claims().not_before(), Some(UnixTime::from_secs(secs)), "{raw}");
        let accepted = verifier.verify(&with_raw("iat", raw), NOW).unwrap();
        assert_eq!(accepted.claims().issued_at(), Some(UnixTime::from_secs(secs)), "{raw}");
    }
}

#[test]
fn jo_clm_03_jo_atk_18_exp_refuses_from_its_second_on() {
    for leeway in [0, 1, 30, 60] {
        let verifier = builder().leeway(Duration::from_secs(leeway)).build();
        let at = |exp: u64| verifier.verify(&with(&[("exp", json!(exp))]), NOW);
        at(NOW.as_secs() - leeway + 1).unwrap();
        assert_refused!(at(NOW.as_secs() - leeway), "expired", "JO-CLM-03");
        assert_refused!(at(0), "expired", "JO-CLM-03");
    }
    // Fractions are cut off: this is `now` itself.
    let strict = builder().leeway(Duration::ZERO).build();
    assert_refused!(strict.verify(&with(&[("exp", json!(1_790_000_000.9))]), NOW), "expired", "JO-CLM-03");
    assert_refused!(strict.verify(&token(), UnixTime::MAX), "expired", "JO-CLM-03");
    // The default is 30 s, and nobody gets more than 60 s.
    let ends = |exp: u64| with(&[("exp", json!(exp))]);
    builder().build().verify(&ends(NOW.as_secs() - 29), NOW).unwrap();
    assert_refused!(builder().build().verify(&ends(NOW.as_secs() - 30), NOW), "expired", "JO-CLM-03");
    let lax = builder().leeway(Duration::from_secs(3600)).build();
    lax.verify(&ends(NOW.as_secs() - 59), NOW).unwrap();
    assert_refused!(lax.verify(&ends(NOW.as_secs() - 60), NOW), "expired", "JO-CLM-03");
}

#[test]
fn jo_clm_03_exp_is_required_unless_said_otherwise() {
    let without = with(&[("exp", Value::Null)]);
    assert_refused!(builder().build().verify(&without, NOW), "claim_missing", "JO-CLM-03");
    builder().without_expiry().build().verify(&without, NOW).unwrap();
    // An `exp` that is there counts all the same.
    let expired = with(&[("exp", json!(1))]);
    assert_refused!(builder().without_expiry().build().verify(&expired, NOW), "expired", "JO-CLM-03");
}

#[test]
fn jo_clm_03_nbf_and_iat_refuse_the_future() {
    for leeway in [0, 1, 30] {
        let verifier = builder().leeway(Duration::from_secs(leeway)).build();
        for (name, code) in [("nbf", "not_yet_valid"), ("iat", "issued_in_future")] {
            let at = |secs: u64| verifier.verify(&with(&[(name, json!(secs))]), NOW);
            at(NOW.as_secs() + leeway).unwrap();
            assert_refused!(at(NOW.as_secs() + leeway + 1), code, "JO-CLM-03", "{name}");
            assert_refused!(at(253_402_300_799), code, "JO-CLM-03", "{name}");
        }
    }
}

#[test]
fn jo_clm_03_a_maximum_age_needs_iat() {
    let verifier = builder().max_age(Duration::from_secs(100)).leeway(Duration::from_secs(10)).build();
    let issued = |secs: u64| verifier.verify(&with(&[("iat", json!(secs))]), NOW);
    issued(NOW.as_secs() - 110).unwrap();
    assert_refused!(issued(NOW.as_secs() - 111), "too_old", "JO-CLM-03");
    assert_refused!(verifier.verify(&with(&[("iat", Value::Null)]), NOW), "claim_missing", "JO-CLM-03");
    builder().max_age(Duration::MAX).build().verify(&token(), NOW).unwrap();
    builder().build().verify(&with(&[("iat", Value::Null)]), NOW).unwrap();
}

#[test]
fn jo_clm_04_jo_atk_19_iss_is_compared_byte_for_byte() {
    let verifier =
        JwtVerifier::builder(key_set(), "at+jwt", "https://caf\u{e9}.example/a").audience(AUDIENCE).build();
    let good = "https://caf\u{e9}.example/a";
    verifier.verify(&with(&[("iss", json!(good))]), NOW).unwrap();
    let others = [
        "https://caf\u{e9}.example/a/",
        "https://caf\u{e9}.example/",
        "https://caf\u{e9}.example",
        "https://caf\u{e9}.example/ab",
        "https://CAF\u{c9}.example/a",
        "HTTPS://caf\u{e9}.example/a",
        "http://caf\u{e9}.example/a",
        "https://caf\u{e9}.example:443/a",
        "https://caf\u{e9}.example/a#",
        "https://caf\u{e9}.example/a?",
        "https://caf\u{e9}.example/./a",
        "https://caf\u{e9}.example@evil.example/a",
        "https://evil.example@caf\u{e9}.example/a",
        "https://caf\u{e9}.example.evil.example/a",
        " https://caf\u{e9}.example/a",
        // NFD.
        "https://cafe\u{301}.example/a",
        "https://xn--caf-dma.example/a",
        "",
    ];
    for iss in others {
        let token = with(&[("iss", json!(iss))]);
        assert_refused!(verifier.verify(&token, NOW), "issuer_mismatch", "JO-CLM-04", "{iss:?}");
    }
    assert_refused!(verifier.verify(&with(&[("iss", json!([good]))]), NOW), "claim_type", "JO-CLM-04");
    assert_refused!(verifier.verify(&with(&[("iss", Value::Null)]), NOW), "claim_missing", "JO-CLM-04");
    // An escape is a spelling of the same string.
    verifier.verify(&with_raw("iss", r#""https:\/\/caf\u00e9.example/a""#), NOW).unwrap();
}

#[test]
fn jo_clm_05_jo_atk_19_aud_is_compared_byte_for_byte() {
    let verifier = builder().audience("spiffe://acme.example/api").build();
    let good = [
        json!(AUDIENCE),
        json!("spiffe://acme.example/api"),
        json!([AUDIENCE]),
        json!(["other", AUDIENCE]),
        json!([AUDIENCE, "other"]),
        json!([AUDIENCE, AUDIENCE]),
    ];
    for aud in good {
        verifier.verify(&with(&[("aud", aud)]), NOW).unwrap();
    }
    let others = [
        json!("https://api.example/"),
        json!("https://api.exampl"),
        json!("https://api.example.evil"),
        json!("https://API.example"),
        json!("https://api.example other"),
        json!("other https://api.example"),
        json!(""),
        json!(["other"]),
        json!([""]),
        json!(["https://api.example/"]),
        json!("spiffe://acme.example"),
    ];
    for aud in others {
        let token = with(&[("aud", aud.clone())]);
        assert_refused!(verifier.verify(&token, NOW), "audience_mismatch", "JO-CLM-05", "{aud}");
    }
    let malformed = [
        json!([]),
        json!([AUDIENCE, 1]),
        json!([1, AUDIENCE]),
        json!([AUDIENCE, null]),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, [AUDIENCE]]),
        json!([AUDIENCE, {}]),
        json!({"0": AUDIENCE}),
        json!(true),
    ];
    for aud in malformed {
        let token = with(&[("aud", aud.clone())]);
        assert_refused!(verifier.verify(&token, NOW), "claim_type", "JO-CLM-05", "{aud}");
    }
    assert_refused!(verifier.verify(&with(&[("aud", Value::Null)]), NOW), "claim_missing", "JO-CLM-05");
}

#[test]
fn jo_clm_05_a_verifier_without_audience_takes_tokens_without_only() {
    let verifier = JwtVerifier::builder(key_set(), "at+jwt", ISSUER).build();
    verifier.verify(&with(&[("aud", Value::Null)]), NOW).unwrap();
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!("")] {
        assert_refused!(verifier.verify(&with(&[("aud", aud)]), NOW), "audience_mismatch", "JO-CLM-05");
    }
}

#[test]
fn jo_clm_05_a_profile_may_demand_a_single_audience() {
    let verifier = builder().single_audience().build();
    for aud in [json!(AUDIENCE), json!([AUDIENCE])] {
        verifier.verify(&with(&[("aud", aud)]), NOW).unwrap();
    }
    for aud in [json!([AUDIENCE, "other"]), json!(["other", AUDIENCE]), json!([AUDIENCE, AUDIENCE])] {
        assert_refused!(verifier.verify(&with(&[("aud", aud)]), NOW), "multiple_audiences", "JO-CLM-05");
    }
    assert_refused!(
        verifier.verify(&with(&[("aud", json!(["other"]))]), NOW),
        "audience_mismatch",
        "JO-CLM-05"
    );
}

#[test]
fn jo_clm_06_sub_is_never_empty_and_may_be_required() {
    let empty = with(&[("sub", json!(""))]);
    let without = with(&[("sub", Value::Null)]);
    for verifier in [builder().build(), builder().require_subject().build()] {
        assert_refused!(verifier.verify(&empty, NOW), "claim_empty", "JO-CLM-06");
        assert_eq!(verifier.verify(&token(), NOW).unwrap().claims().subject().as_deref(), Some("agent"));
    }
    assert_eq!(builder().build().verify(&without, NOW).unwrap().claims().subject(), None);
    assert_refused!(builder().require_subject().build().verify(&without, NOW), "claim_missing", "JO-CLM-06");
}

#[test]
fn jo_clm_07_jti_has_1_to_256_bytes_and_may_be_required() {
    for verifier in [builder().build(), builder().require_token_id().build()] {
        for jti in ["a".to_owned(), "a".repeat(256), "é".repeat(128)] {
            let accepted = verifier.verify(&with(&[("jti", json!(jti))]), NOW).unwrap();
            assert_eq!(accepted.claims().token_id().as_deref(), Some(&*jti));
        }
        for jti in [String::new(), "a".repeat(257), "é".repeat(129)] {
            let token = with(&[("jti", json!(jti))]);
            assert_refused!(verifier.verify(&token, NOW), "malformed_token_id", "JO-CLM-07");
        }
    }
    assert_eq!(builder().build().verify(&token(), NOW).unwrap().claims().token_id(), None);
    assert_refused!(builder().require_token_id().build().verify(&token(), NOW), "claim_missing", "JO-CLM-07");
}

#[test]
fn jo_clm_08_other_claims_are_kept_as_they_came() {
    let more = r#","scope":"a b","act":{"sub":"user"},"n":1.50,"s\u0063p":[]"#;
    let accepted =
        builder().build().verify(&sign(&KEYS.es256, header(&KEYS.es256), claims(more)), NOW).unwrap();
    let claims = accepted.claims();
    assert!(claims.get("scope").unwrap().is_str("a b"));
    assert!(claims.get("act").unwrap().get("sub").unwrap().is_str("user"));
    assert_eq!(claims.get("n").unwrap().raw(), "1.50");
    assert!(claims.get("scp").unwrap().as_array().unwrap().next().is_none());
    assert!(claims.get("other").is_none());
    assert_eq!(claims.as_object().iter().count(), 9);
    assert_eq!(claims.issuer().as_deref(), Some(ISSUER));
    assert_eq!(claims.expires(), Some(UnixTime::from_secs(1_790_000_300)));
    assert_eq!(claims.issued_at(), Some(NOW));
    assert_eq!(claims.not_before(), None);
    assert!(claims.audience().unwrap().is_str(AUDIENCE));
}

#[test]
fn jo_clm_03_check_times_looks_at_each_date_that_is_there() {
    let read = |text: &str| Claims::read(text.as_bytes().to_vec(), &json::Limits::new()).unwrap();
    let none = Duration::ZERO;
    read("{}").check_times(NOW, none).unwrap();
    assert_refused!(read(r#"{"exp":1}"#).check_times(NOW, none), "expired", "JO-CLM-03");
    assert_refused!(read(r#"{"nbf":1790000001}"#).check_times(NOW, none), "not_yet_valid", "JO-CLM-03");
    assert_refused!(read(r#"{"iat":1790000001}"#).check_times(NOW, none), "issued_in_future", "JO-CLM-03");
    read(r#"{"exp":0}"#).check_times(NOW, Duration::MAX).unwrap();
    assert_refused!(Claims::read(Vec::new(), &json::Limits::new()), "no_payload", "JO-B64-04");
}

#[test]
fn jo_clm_09_a_peek_tells_what_a_token_says_and_verifies_nothing() {
    let stranger = stranger(aims_keys::Algorithm::Es256);
    let forged = sign(&stranger, header(&KEYS.es256), claims(r#","exp2":1,"own":"x""#));
    let said = UntrustedToken::peek(&forged, &Limits::new()).unwrap();
    assert_eq!(said.issuer().as_deref(), Some(ISSUER));
    assert_eq!(said.header().typ(), Some("at+jwt"));
    assert_eq!(said.header().key_id(), Some("es256"));
    assert!(said.claim("own").unwrap().is_str("x"));
    assert!(said.claim("missing").is_none());

    // Of the wrong type is not there, for this purpose; the verifier says so later.
    let odd = sign(&stranger, header(&KEYS.es256), r#"{"iss":["a"]}"#);
    assert_eq!(UntrustedToken::peek(&odd, &Limits::new()).unwrap().issuer(), None);

    let peek =
        |header: &str, claims: &str| UntrustedToken::peek(&sign(&stranger, header, claims), &Limits::new());
    let good = header(&KEYS.es256);
    assert_refused!(peek(&good, ""), "no_payload", "JO-B64-04");
    assert_refused!(peek(&good, "[]"), "json_not_an_object", "JO-JSON-01");
    assert_refused!(peek(&good, r#"{"iss":"a","iss":"b"}"#), "json_duplicate_name", "JO-JSON-02");
    assert_refused!(peek(r#"{"alg":"none"}"#, "{}"), "unknown_algorithm", "JO-ALG-01");
    assert_refused!(peek(r#"{"alg":"ES256","crit":["x"]}"#, "{}"), "critical_header", "JO-HDR-03");
    assert_refused!(UntrustedToken::peek("a.b", &Limits::new()), "malformed_token", "JO-B64-01");
    let small = Limits::new().token(10);
    assert_refused!(UntrustedToken::peek(&forged, &small), "token_too_long", "JO-B64-01");
    let shallow = Limits::new().json(json::Limits::new().members(3));
    assert_refused!(UntrustedToken::peek(&forged, &shallow), "json_member_limit", "JO-JSON-03");
}

#[test]
fn jo_clm_10_jo_atk_22_no_kind_of_token_passes_for_another() {
    // Each kind by its own type, issuer and audience; every pair of them, and one difference at a time.
    let kinds = [
        ("at+jwt", "https://as.example", "https://api.example"),
        ("wit+jwt", "https://as.example", "https://api.example"),
        ("dpop+jwt", "https://as.example", "https://api.example"),
        ("secevent+jwt", "https://as.example", "https://api.example"),
        ("JWT", "https://as.example", "https://api.example"),
        ("at+jwt", "https://other.example", "https://api.example"),
        ("at+jwt", "https://as.example", "https://other.example"),
    ];
    for (maker, &(typ, iss, aud)) in kinds.iter().enumerate() {
        let key = &KEYS.es256;
        let header = edit(&header(key), &[("typ", json!(typ))]);
        let token = sign(key, header, edit(&claims(""), &[("iss", json!(iss)), ("aud", json!(aud))]));
        for (reader, &(own_typ, own_iss, own_aud)) in kinds.iter().enumerate() {
            for full in [false, true] {
                let verifier = JwtVerifier::builder(key_set(), own_typ, own_iss).audience(own_aud);
                let verifier = if full { verifier.full_media_type() } else { verifier }.build();
                let result = verifier.verify(&token, NOW);
                if maker == reader {
                    result.unwrap();
                } else if typ != own_typ {
                    assert_refused!(result, "wrong_type", "JO-HDR-02");
                } else if iss != own_iss {
                    assert_refused!(result, "issuer_mismatch", "JO-CLM-04");
                } else {
                    assert_refused!(result, "audience_mismatch", "JO-CLM-05");
                }
            }
        }
    }
}

fn confirmation(cnf: &Value) -> Result<Confirmation, aims_jose::ClaimsError> {
    let text = json!({ "cnf": cnf }).to_string();
    let object = json::Object::parse(text, &json::Limits::new()).unwrap();
    Confirmation::read(object.get("cnf").unwrap(), backend::ring())
}

#[test]
fn jo_key_10_a_confirmation_names_one_key_in_one_way() {
    let key = public(&KEYS.es256);
    let jwk: Value = serde_json::from_str(&Jwk::new(key.clone()).to_json()).unwrap();
    let jkt = Thumbprint::of(&key);
    let cases = [
        (json!({ "jwk": jwk }), Confirmation::Jwk(Jwk::new(key.clone()))),
        (json!({ "jkt": jkt.to_string() }), Confirmation::Thumbprint(jkt)),
        (json!({ "x5t#S256": jkt.to_string() }), Confirmation::Certificate(jkt)),
        (json!({ "kid": "a" }), Confirmation::KeyId("a".into())),
        (json!({ "jkt": jkt.to_string(), "other": {} }), Confirmation::Thumbprint(jkt)),
    ];
    for (cnf, expected) in cases {
        assert_eq!(confirmation(&cnf).unwrap(), expected);
    }
    let ways = [
        ("jwk", jwk.clone()),
        ("jkt", json!(jkt.to_string())),
        ("x5t#S256", json!(jkt.to_string())),
        ("kid", json!("a")),
    ];
    for (first, value) in &ways {
        let others = ways.iter().map(|(name, value)| (*name, value.clone()));
        for (second, other) in others.chain([("jku", json!("https://a.example")), ("jwe", json!("a"))]) {
            if *first != second {
                let cnf = json!({ *first: value, second: other });
                assert_refused!(
                    confirmation(&cnf),
                    "malformed_confirmation",
                    "JO-KEY-10",
                    "{first} and {second}"
                );
            }
        }
    }
    let short = base64url::encode([0; 31]);
    let malformed = [
        json!({}),
        json!({"other": 1}),
        json!({"jku": "https://a.example"}),
        json!({"jwe": "a"}),
        json!({"kid": ""}),
        json!({"kid": "a".repeat(257)}),
        json!({"jkt": ""}),
        json!({"jkt": short}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"x5t#S256": short}),
    ];
    for cnf in malformed {
        assert_refused!(confirmation(&cnf), "malformed_confirmation", "JO-KEY-10", "{cnf}");
    }
    for cnf in
        [json!([]), json!("a"), json!(null), json!({"kid": 1}), json!({"jkt": 1}), json!({"x5t#S256": []})]
    {
        assert_refused!(confirmation(&cnf), "claim_type", "JO-KEY-10", "{cnf}");
    }
}

#[test]
fn jo_key_10_the_key_of_a_confirmation_is_public_and_names_its_algorithm() {
    let jwk: Value = serde_json::from_str(&Jwk::new(public(&KEYS.es256)).to_json()).unwrap();
    let cases = [
        ("d", json!("AA"), "private_key", "JO-KEY-03"),
        ("alg", Value::Null, "key_algorithm_missing", "JO-KEY-02"),
        ("alg", json!("HS256"), "unknown_algorithm", "JO-ALG-01"),
        ("kty", json!("oct"), "symmetric_key", "JO-ALG-05"),
        ("use", json!("enc"), "key_use", "JO-KEY-02"),
        ("y", json!("AA"), "key_length", "JO-KEY-03"),
    ];
    for (name, value, code, rule) in cases {
        let key: Value = serde_json::from_str(&edit(&jwk.to_string(), &[(name, value)])).unwrap();
        assert_refused!(confirmation(&json!({ "jwk": key })), code, rule, "{name}");
    }
    assert_refused!(confirmation(&json!({ "jwk": "a" })), "key_not_an_object", "JO-KEY-02");
}

#[test]
fn jo_key_10_a_confirmation_is_compared_with_the_key_that_was_shown() {
    let (key, other) = (public(&KEYS.es256), public(&KEYS.ed25519));
    let jkt = Thumbprint::of(&key);
    for named in [Confirmation::Jwk(Jwk::new(key.clone())), Confirmation::Thumbprint(jkt)] {
        assert!(named.is_key(&key) && !named.is_key(&other));
    }
    for named in [Confirmation::Certificate(jkt), Confirmation::KeyId("a".into())] {
        assert!(!named.is_key(&key));
    }
}
