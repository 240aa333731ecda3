//! The shared vector files.

use aims_id::{IdPattern, SpiffeId, WorkloadId};
use aims_testkit::{assert_refused, vectors};
use serde_json::Value;

use crate::refusals::REFUSED;

#[test]
fn spiffe_vectors_accepted_spf_id_3_spf_id_4_spf_id_5_spf_id_6_spf_id_7() {
    let Some(file) = vectors::json("spiffe/spiffe-id-cases.json") else { return };
    for case in cases(&file, "accept", 9) {
        let text = text(&case["id"]);
        let id: SpiffeId = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(id.as_str(), text);
        assert_eq!(id.trust_domain(), case["parts"]["trust_domain"], "{text}");
        assert_eq!(id.path(), case["parts"]["path"], "{text}");
        assert_eq!(id.as_workload_id(), &text.parse::<WorkloadId>().unwrap());
    }
}

#[test]
fn spiffe_vectors_refused() {
    let Some(file) = vectors::json("spiffe/spiffe-id-cases.json") else { return };
    for case in cases(&file, "reject", 40) {
        let text = text(&case["id"]);
        let (code, rule) = match &case["why"] {
            Value::String(why) if why.starts_with("2049 bytes") => ("id_too_long", "WID-3"),
            Value::String(why) if why == "256-byte trust domain" => ("trust_domain_too_long", "SPF-ID-6"),
            _ => reason(text),
        };
        assert_refused!(text.parse::<WorkloadId>(), code, rule, "{text:?}");
        // The rules that bind both schemes have a number of their own in the SPIFFE digest.
        let (code, rule) = match (code, rule) {
            ("id_too_long", "WID-3") => (code, "SPF-ID-6"),
            ("unknown_scheme", "WID-1") => ("not_spiffe", "SPF-ID-1"),
            same => same,
        };
        assert_refused!(text.parse::<SpiffeId>(), code, rule, "{text:?}");
    }
}

#[test]
fn spiffe_vectors_spf_id_7_path_tells_a_workload_from_an_authority() {
    let Some(file) = vectors::json("spiffe/spiffe-id-cases.json") else { return };
    for leaf in cases(&file, "leaf_subject_reject", 1) {
        assert!(!text(leaf).parse::<SpiffeId>().unwrap().has_path(), "{leaf}");
    }
    for authority in cases(&file, "signing_cert_subject_reject", 1) {
        assert!(text(authority).parse::<SpiffeId>().unwrap().has_path(), "{authority}");
    }
}

#[test]
fn wimse_vectors_accepted_wid_1_wid_3_wid_9_wid_10() {
    let Some(file) = vectors::json("wimse/wimse-id-cases.json") else { return };
    for case in cases(&file, "accept", 5) {
        let text = text(&case["id"]);
        let id: WorkloadId = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(id.as_str(), text);
        assert_eq!(format!("wimse://{}{}", id.trust_domain(), id.path()), text);
    }
}

#[test]
fn wimse_vectors_refused() {
    let Some(file) = vectors::json("wimse/wimse-id-cases.json") else { return };
    for case in cases(&file, "reject", 24) {
        let text = text(&case["id"]);
        let (code, rule) = match &case["why"] {
            Value::String(why) if why.starts_with("2049 bytes") => ("id_too_long", "WID-3"),
            _ => reason(text),
        };
        assert_refused!(text.parse::<WorkloadId>(), code, rule, "{text:?}");
    }
}

#[test]
fn wimse_vectors_wid_19_origins() {
    let Some(file) = vectors::json("wimse/wimse-id-cases.json") else { return };
    for case in cases(&file, "origin", 2) {
        let id: WorkloadId = text(&case["id"]).parse().unwrap();
        assert_eq!(id.origin_str(), case["origin"]);
        assert_eq!(id.origin(), text(&case["origin"]).parse().unwrap());
        assert!(id.is_in(&id.origin()));
    }
}

#[test]
fn wimse_vectors_wid_6_wid_11_not_equal() {
    let Some(file) = vectors::json("wimse/wimse-id-cases.json") else { return };
    for pair in cases(&file, "not_equal", 3) {
        let one: WorkloadId = text(&pair[0]).parse().unwrap();
        let other: WorkloadId = text(&pair[1]).parse().unwrap();
        assert_ne!(one, other, "{}", pair[2]);
        assert!(!IdPattern::exact(&one).matches(&other), "{}", pair[2]);
    }
}

#[test]
fn wimse_vectors_wid_17_prefix_policy() {
    let Some(file) = vectors::json("wimse/wimse-id-cases.json") else { return };
    for case in cases(&file, "prefix_policy", 4) {
        let pattern: IdPattern = format!("{}/**", text(&case["root"])).parse().unwrap();
        // A subject that is not canonical never gets as far as a pattern.
        let matched = text(&case["subject"]).parse().is_ok_and(|subject| pattern.matches(&subject));
        assert_eq!(matched, case["match"], "{case}");
    }
}

/// The cases under `name`, at least `count`: a shorter list means that the file is another than it was.
fn cases<'a>(file: &'a Value, name: &str, count: usize) -> &'a [Value] {
    let cases = file[name].as_array().unwrap();
    assert!(cases.len() >= count, "{name}: {} cases", cases.len());
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The code and the rule by which `text` is refused.
fn reason(text: &str) -> (&'static str, &'static str) {
    let row = REFUSED.iter().find(|row| row.0 == text);
    let &(_, code, rule) = row.unwrap_or_else(|| panic!("{text:?} has no row in REFUSED"));
    (code, rule)
}
