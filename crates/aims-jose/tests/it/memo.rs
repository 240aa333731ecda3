//! Remembered headers change no outcome (JO-VER).

use aims_jose::{HeaderMemo, Limits, UnverifiedJws};
use aims_keys::{AlgorithmSet, SoftwareKey};
use aims_testkit::assert_refused;

use crate::support::*;

fn verify(token: &str, memo: &HeaderMemo, key: &SoftwareKey) -> Result<(), aims_jose::JwsError> {
    let jws = UnverifiedJws::parse_with(token, &Limits::new(), memo)?;
    jws.verify(&public(key), AlgorithmSet::STANDARD).map(drop)
}

fn remembered(memo: &HeaderMemo) -> String {
    format!("{memo:?}")
}

#[test]
fn jo_ver_02_a_header_is_remembered_once_its_signature_was_good() {
    let (memo, key) = (HeaderMemo::new(), &KEYS.es256);
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
    let jws = UnverifiedJws::parse_with(&jws, &Limits::new(), &memo).unwrap();
    assert_eq!((jws.header().typ(), jws.header().key_id()), (Some("at+jwt"), Some("es256")));
    assert!(!jws.header().has_other_members());
    // What is remembered vouches for nothing.
    assert_refused!(verify(&forged, &memo, key), "bad_signature", "JO-B64-03");
    assert_refused!(verify(&token(), &memo, &KEYS.ed25519), "algorithm_mismatch", "JO-ALG-03");
}

#[test]
fn jo_ver_02_what_finds_no_place_is_verified_all_the_same() {
    let (memo, key) = (HeaderMemo::new(), &KEYS.es256);
    for n in 0..20 {
        let header = edit(&header(key), &[("kid", format!("key-{n}").into())]);
        verify(&sign(key, header, claims("")), &memo, key).unwrap();
    }
    let long = edit(&header(key), &[("pad", "x".repeat(1000).into())]);
    assert_eq!(remembered(&memo), "HeaderMemo { len: 4, .. }");
    let memo = HeaderMemo::new();
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
