//! Patterns: whole segments, within one origin.

use aims_id::{IdPattern, IdSet, ParsePatternError, Scheme, WorkloadId};
use aims_testkit::assert_refused;

use crate::refusals::REFUSED;

#[test]
fn wid_17_what_patterns_match() {
    for (text, matching, others) in [
        (
            "spiffe://acme.example/agents/a",
            &["spiffe://acme.example/agents/a"][..],
            &[
                "spiffe://acme.example/agents/ab",
                "spiffe://acme.example/agents/a/b",
                "spiffe://acme.example/agents",
                "spiffe://acme.example",
                "wimse://acme.example/agents/a",
            ][..],
        ),
        (
            "spiffe://acme.example",
            &["spiffe://acme.example"],
            &["spiffe://acme.example/a", "spiffe://acme.example.evil", "wimse://acme.example/a"],
        ),
        (
            "spiffe://acme.example/agents/*",
            &["spiffe://acme.example/agents/a", "spiffe://acme.example/agents/..."],
            &[
                "spiffe://acme.example/agents",
                "spiffe://acme.example/agents/a/b",
                "spiffe://acme.example/agent/a",
                "spiffe://bank.example/agents/a",
                "wimse://acme.example/agents/a",
            ],
        ),
        (
            "wimse://acme.example/*/travel/*",
            &["wimse://acme.example/agents/travel/eu", "wimse://acme.example/~/travel/travel"],
            &[
                "wimse://acme.example/agents/travel",
                "wimse://acme.example/agents/travels/eu",
                "wimse://acme.example/travel/eu",
                "wimse://acme.example/agents/travel/eu/1",
            ],
        ),
        (
            "spiffe://acme.example/agents/**",
            &["spiffe://acme.example/agents/a", "spiffe://acme.example/agents/a/b/c"],
            &[
                "spiffe://acme.example/agents",
                "spiffe://acme.example/agents-of-others/a",
                "spiffe://acme.example",
            ],
        ),
        (
            "spiffe://acme.example/*/**",
            &["spiffe://acme.example/a/b", "spiffe://acme.example/a/b/c"],
            &["spiffe://acme.example/a", "spiffe://acme.example"],
        ),
        (
            "spiffe://acme.example/**",
            &["spiffe://acme.example/a", "spiffe://acme.example/a/b"],
            &["spiffe://acme.example", "spiffe://acme.example.evil/a", "spiffe://evil.acme.example/a"],
        ),
        ("spiffe://acme.example/*", &["spiffe://acme.example/a"], &["spiffe://acme.example", "spiffe://b/a"]),
    ] {
        let pattern = pattern(text);
        assert_eq!(pattern.as_str(), text);
        for &text in matching {
            assert!(pattern.matches(&id(text)), "{pattern} must match {text}");
        }
        for &text in others {
            assert!(!pattern.matches(&id(text)), "{pattern} must not match {text}");
        }
    }
}

/// The published counterexample: a prefix of characters lets `pay` speak for `payroll-attacker`.
#[test]
fn wid_17_a_segment_is_no_prefix() {
    let below_a = pattern("wimse://acme.example/agents/a/**");
    assert!(below_a.matches(&id("wimse://acme.example/agents/a/b")));
    assert!(!below_a.matches(&id("wimse://acme.example/agents/ab")));
    assert!(!below_a.matches(&id("wimse://acme.example/agents/ab/b")));
    assert!(!below_a.matches(&id("wimse://acme.example/agents/a")));
}

#[test]
fn wid_17_exact_patterns() {
    for text in ["spiffe://acme.example", "spiffe://acme.example/a/b", "wimse://acme.example/a"] {
        let exact = IdPattern::exact(&id(text));
        assert_eq!(exact, pattern(text));
        assert!(exact.is_exact());
        assert!(exact.matches(&id(text)));
        assert_eq!(exact.origin_str(), id(text).origin_str());
        assert_eq!(exact.scheme(), id(text).scheme());
    }
    assert!(!pattern("spiffe://acme.example/*").is_exact());
    assert!(!pattern("spiffe://acme.example/a/**").is_exact());
}

#[test]
fn wid_17_parts_of_patterns() {
    let pattern = pattern("wimse://acme.example/*/a/**");
    assert_eq!(pattern.scheme(), Scheme::Wimse);
    assert_eq!(pattern.origin_str(), "wimse://acme.example");
    assert_eq!(format!("{pattern} {pattern:?}"), format!("{0} IdPattern({0:?})", pattern.as_str()));
}

#[test]
fn wid_17_misplaced_wildcards_are_refused() {
    for (text, code) in [
        ("spiffe://*/agents", "wildcard_in_origin"),
        ("spiffe://*.example/agents", "wildcard_in_origin"),
        ("spiffe://**/agents", "wildcard_in_origin"),
        ("*://acme.example/agents", "wildcard_in_origin"),
        ("*", "wildcard_in_origin"),
        ("**", "wildcard_in_origin"),
        ("spiffe://acme.example/a*", "partial_wildcard"),
        ("spiffe://acme.example/*a", "partial_wildcard"),
        ("spiffe://acme.example/a*b/c", "partial_wildcard"),
        ("spiffe://acme.example/***", "partial_wildcard"),
        ("spiffe://acme.example/**a", "partial_wildcard"),
        ("spiffe://acme.example/a**", "partial_wildcard"),
        ("spiffe://acme.example/**/a", "double_wildcard_not_last"),
        ("spiffe://acme.example/**/**", "double_wildcard_not_last"),
        ("spiffe://acme.example/**/", "double_wildcard_not_last"),
    ] {
        assert_refused!(text.parse::<IdPattern>(), code, "WID-17", "{text:?}");
        assert_refused!(IdPattern::try_from(text), code, "WID-17", "{text:?}");
        assert_refused!(IdPattern::try_from(text.to_owned()), code, "WID-17", "{text:?}");
    }
}

#[test]
fn what_is_no_identifier_is_no_pattern_for_the_same_reason() {
    for &(text, code, rule) in REFUSED.iter().filter(|row| !row.0.contains('*')) {
        assert_refused!(text.parse::<IdPattern>(), code, rule, "{text:?}");
    }
    for (text, code, rule) in [
        ("spiffe://acme.example/*/", "trailing_slash", "SPF-ID-5"),
        ("wimse://acme.example//*", "empty_segment", "WID-10"),
        ("wimse://acme.example/*/../**", "dot_segment", "WID-10"),
        ("spiffe://Acme.example/*", "upper_case_trust_domain", "SPF-ID-9"),
        ("wimse://192.0.2.1/**", "ipv4_trust_domain", "WID-5"),
        ("https://acme.example/*", "unknown_scheme", "WID-1"),
    ] {
        let refusal = assert_refused!(text.parse::<IdPattern>(), code, rule, "{text:?}");
        let inner = text.replace("**", "xx").replace('*', "x").parse::<WorkloadId>().unwrap_err();
        assert_eq!(refusal, ParsePatternError::Id(inner));
        assert_eq!(refusal.to_string(), inner.to_string());
    }
}

#[test]
fn wid_3_patterns_are_bounded() {
    let text = format!("wimse://a/{}/*", "a".repeat(WorkloadId::MAX_LEN - "wimse://a//*".len()));
    assert_eq!(pattern(&text).as_str().len(), 2048);
    assert_refused!(format!("{text}*").parse::<IdPattern>(), "id_too_long", "WID-3");
    assert_refused!("*".repeat(2049).parse::<IdPattern>(), "id_too_long", "WID-3");
}

fn id(text: &str) -> WorkloadId {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn pattern(text: &str) -> IdPattern {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn wid_6_wid_17_a_set_holds_whom_it_names_and_nobody_else() {
    let id = |text: &str| text.parse::<WorkloadId>().unwrap();
    let set = IdSet::new()
        .id(id("spiffe://acme.example/tools/search"))
        .pattern("spiffe://acme.example/agents/*".parse().unwrap())
        .pattern("wimse://bank.example/**".parse().unwrap());
    for inside in [
        "spiffe://acme.example/tools/search",
        "spiffe://acme.example/agents/travel",
        "wimse://bank.example/a/b/c",
    ] {
        assert!(set.contains(&id(inside)), "{inside}");
    }
    for outside in [
        "spiffe://acme.example/tools/search/v2",
        "spiffe://acme.example/agents/travel/eu",
        "spiffe://bank.example/a",
        "wimse://acme.example/agents/travel",
        "spiffe://acme.example",
    ] {
        assert!(!set.contains(&id(outside)), "{outside}");
    }
    assert!(!IdSet::new().contains(&id("spiffe://acme.example/a")));
    assert!(IdSet::from(id("spiffe://acme.example/a")).contains(&id("spiffe://acme.example/a")));
    assert!(
        IdSet::from("spiffe://acme.example/*".parse::<IdPattern>().unwrap())
            .contains(&id("spiffe://acme.example/a"))
    );
}
