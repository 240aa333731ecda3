//! Remembered headers change no outcome (JO-VER).

use aims_jose::{HeaderMemo, Limits, UnverifiedJws, json};
use aims_keys::{AlgorithmSet, SoftwareKey};
use aims_testkit::assert_refused;

use crate::support::*;

fn verify(token: &str, memo: &HeaderMemo, key: &SoftwareKey) -> Result<(), aims_jose::JwsError> {
    let jws = UnverifiedJws::parse_with(token, memo)?;
    jws.verify(&public(key), AlgorithmSet::STANDARD).map(drop)
}

fn remembered(memo: &HeaderMemo) -> String {
    format!("{memo:?}")
}

#[test]
fn jo_ver_02_a_header_is_remembered_once_its_signature_was_good() {
    let (memo, key) = (HeaderMemo::new(Limits::new()), &KEYS.es256);
    assert_eq!(remembered(&memo), "HeaderMemo { len: 0, .. }");
    let forged = with_signature(&token(), [0; 64]);
    assert_refused!(verify(&forged, &memo, key), "bad_signature", "JO-B64-03");
    assert_eq!(remembered(&memo), "HeaderMemo { len: 0, .. }");

    let clone = memo.clone();
    for _ in 0..3 {
        verify(&token(), &clone, key).unwrap();
        assert_eq!(remembered(&memo), "HeaderMemo { len: 1, .. }");
    }
    let jws = token();
    let jws = UnverifiedJws::parse_with(&jws, &memo).unwrap();
    assert_eq!((jws.header().typ(), jws.header().key_id()), (Some("at+jwt"), Some("es256")));
    assert!(!jws.header().has_other_members());
    // What is remembered vouches for nothing.
    assert_refused!(verify(&forged, &memo, key), "bad_signature", "JO-B64-03");
    assert_refused!(verify(&token(), &memo, &KEYS.ed25519), "algorithm_mismatch", "JO-ALG-03");
}

#[test]
fn jo_ver_02_what_finds_no_place_is_verified_all_the_same() {
    let (memo, key) = (HeaderMemo::new(Limits::new()), &KEYS.es256);
    for n in 0..20 {
        let header = edit(&header(key), &[("kid", format!("key-{n}").into())]);
        verify(&sign(key, header, claims("")), &memo, key).unwrap();
    }
    let long = edit(&header(key), &[("pad", "x".repeat(1000).into())]);
    assert_eq!(remembered(&memo), "HeaderMemo { len: 4, .. }");
    let memo = HeaderMemo::new(Limits::new());
    verify(&sign(key, long, claims("")), &memo, key).unwrap();
    assert_eq!(remembered(&memo), "HeaderMemo { len: 0, .. }");
}

#[test]
fn jo_hdr_02_jo_hdr_04_headers_are_judged_alike_before_and_after_others_were_remembered() {
    let verifier = builder().build();
    let refused = || {
        let with = |name, value: serde_json::Value| {
            sign(&KEYS.es256, edit(&header(&KEYS.es256), &[(name, value)]), claims(""))
        };
        let codes = [
            ("typ", "wit+jwt".into(), "wrong_type"),
            ("crit", serde_json::json!(["exp"]), "critical_header"),
            ("kid", "nobody".into(), "unknown_key"),
        ];
        for (name, value, code) in codes {
            assert_eq!(verifier.verify(&with(name, value), NOW).unwrap_err().code(), code);
        }
    };
    refused();
    verifier.verify(&token(), NOW).unwrap();
    verifier.verify(&token(), NOW).unwrap();
    refused();
}

#[test]
fn jo_json_03_what_was_remembered_under_wide_limits_is_not_within_stricter_ones() {
    let key = &KEYS.es256;
    let token = sign(key, edit(&header(key), &[("pad", "x".repeat(100).into())]), claims(""));
    let strict = Limits::new().json(json::Limits::new().string(50));
    let memo = HeaderMemo::new(Limits::new());
    verify(&token, &memo, key).unwrap();
    assert_eq!(remembered(&memo), "HeaderMemo { len: 1, .. }");
    assert_eq!(memo.limits(), &Limits::new());
    assert_refused!(verify(&token, &HeaderMemo::new(strict), key), "json_string_limit", "JO-JSON-03");
    let short = HeaderMemo::new(Limits::new().token(token.len() - 1));
    assert_refused!(verify(&token, &short, key), "token_too_long", "JO-B64-01");

    // A builder that made a verifier makes another, which shares no more than it may.
    let wide = builder();
    let verifier = wide.clone().build();
    verifier.verify(&token, NOW).unwrap();
    wide.clone().build().verify(&token, NOW).unwrap();
    let narrow = wide.limits(strict).build();
    assert_refused!(narrow.verify(&token, NOW), "json_string_limit", "JO-JSON-03");
    verifier.verify(&token, NOW).unwrap();
}
