//! Origins, and the identifiers built in them.

use std::collections::HashMap;

use aims_id::{Origin, Scheme, TrustDomain, WorkloadId};
use aims_testkit::assert_refused;

#[test]
fn wid_19_an_origin_is_scheme_and_trust_domain() {
    let spiffe = origin("spiffe://acme.example");
    let wimse = origin("wimse://acme.example");
    assert_eq!((spiffe.scheme(), spiffe.trust_domain()), (Scheme::Spiffe, "acme.example"));
    assert_eq!((wimse.scheme(), wimse.trust_domain()), (Scheme::Wimse, "acme.example"));
    assert_ne!(spiffe, wimse);

    let agent: WorkloadId = "spiffe://acme.example/agents/travel".parse().unwrap();
    assert!(agent.is_in(&spiffe));
    assert!(!agent.is_in(&wimse));
    assert!(!agent.is_in(&origin("spiffe://acme.exampl")));
    assert!(!agent.is_in(&origin("spiffe://acme.example.evil")));
    assert_eq!(agent.origin(), spiffe);
}

/// The published counterexample: an issuer that is trusted by the name of its trust domain alone speaks for the
/// namesake under the other scheme.
#[test]
fn wid_15_wid_19_anchors_are_found_by_the_exact_origin() {
    let anchors = HashMap::from([(origin("spiffe://acme.example"), "acme")]);
    let found = |text: &str| {
        let id: WorkloadId = text.parse().unwrap();
        anchors.get(id.origin_str()).copied()
    };
    assert_eq!(found("spiffe://acme.example/a"), Some("acme"));
    assert_eq!(found("spiffe://acme.example"), Some("acme"));
    assert_eq!(found("wimse://acme.example/a"), None);
    assert_eq!(found("spiffe://acme.example.evil/a"), None);
    assert_eq!(found("spiffe://dev.acme.example/a"), None);
}

#[test]
fn origins_are_refused_for_their_reason() {
    for (text, code, rule) in [
        ("spiffe://acme.example/", "unexpected_path", "WID-19"),
        ("spiffe://acme.example/agents", "unexpected_path", "WID-19"),
        ("wimse://acme.example/agents", "unexpected_path", "WID-19"),
        ("acme.example", "unknown_scheme", "WID-1"),
        ("https://acme.example", "unknown_scheme", "WID-1"),
        ("spiffe:acme.example", "no_authority", "SPF-ID-1"),
        ("wimse://", "empty_trust_domain", "WID-1"),
        ("spiffe://Acme.example", "upper_case_trust_domain", "SPF-ID-9"),
        ("WIMSE://acme.example", "upper_case_scheme", "WID-9"),
        ("wimse://acme.example:443", "port", "WID-2"),
        ("spiffe://u@acme.example", "userinfo", "SPF-ID-2"),
        ("spiffe://acme.example?", "query", "SPF-ID-1"),
        ("wimse://acme.example#", "fragment", "WID-2"),
        ("wimse://192.0.2.1", "ipv4_trust_domain", "WID-5"),
        ("wimse://acme.example.", "trailing_dot", "WID-9"),
    ] {
        assert_refused!(text.parse::<Origin>(), code, rule, "{text:?}");
        assert_refused!(Origin::try_from(text), code, rule, "{text:?}");
        assert_refused!(Origin::try_from(text.to_owned()), code, rule, "{text:?}");
    }
}

#[test]
fn wid_5_wid_9_spf_id_4_spf_id_6_the_scheme_decides_which_names_it_takes() {
    for name in ["192.0.2.1", "acme.example."] {
        assert_eq!(new(Scheme::Spiffe, name).unwrap().trust_domain(), name);
    }
    assert_refused!(new(Scheme::Wimse, "192.0.2.1"), "ipv4_trust_domain", "WID-5");
    assert_refused!(new(Scheme::Wimse, "acme.example."), "trailing_dot", "WID-9");

    let long = "a".repeat(256);
    assert_refused!(new(Scheme::Spiffe, &long), "trust_domain_too_long", "SPF-ID-6");
    assert_eq!(new(Scheme::Wimse, &long).unwrap().trust_domain(), long);

    // A name may be as long as an identifier, which leaves no room for a scheme.
    assert_refused!(new(Scheme::Wimse, &"a".repeat(2048)), "id_too_long", "WID-3");
    assert_refused!(new(Scheme::Spiffe, &"a".repeat(2048)), "id_too_long", "SPF-ID-6");
}

#[test]
fn workload_is_what_the_parser_makes_of_the_whole() {
    for text in ["spiffe://acme.example", "wimse://acme.example"] {
        let origin = origin(text);
        let id = origin.workload("/agents/travel").unwrap();
        assert_eq!(id, format!("{text}/agents/travel").parse().unwrap());
        assert!(id.is_in(&origin));
    }
    assert_eq!(origin("spiffe://acme.example").workload("").unwrap().as_str(), "spiffe://acme.example");
}

#[test]
fn workload_refuses_paths_that_lead_out_of_the_origin() {
    for path in [".evil", "evil", "@evil.example/a", ":443/a", "?x", "#x", "-x/y", "\\a"] {
        assert_refused!(spiffe().workload(path), "relative_path", "SPF-ID-5", "{path:?}");
        assert_refused!(wimse().workload(path), "relative_path", "WID-10", "{path:?}");
    }
    for (path, code, spiffe_rule, wimse_rule) in [
        ("/", "trailing_slash", "SPF-ID-5", "WID-10"),
        ("//evil.example/a", "empty_segment", "SPF-ID-5", "WID-10"),
        ("/../evil", "dot_segment", "SPF-ID-5", "WID-10"),
        ("/%2e%2e/evil", "path_percent_encoding", "SPF-ID-5", "WID-10"),
        ("/*", "segment_char", "SPF-ID-5", "WID-10"),
        ("/a?b", "query", "SPF-ID-1", "WID-2"),
        ("/a#b", "fragment", "SPF-ID-1", "WID-2"),
    ] {
        assert_refused!(spiffe().workload(path), code, spiffe_rule, "{path:?}");
        assert_refused!(wimse().workload(path), code, wimse_rule, "{path:?}");
    }
    assert_refused!(wimse().workload(""), "missing_path", "WID-10");
    assert_refused!(spiffe().workload("/~"), "segment_char", "SPF-ID-5");
    assert!(wimse().workload("/~").is_ok());
}

#[test]
fn wid_3_spf_id_6_workload_is_bounded() {
    let room = WorkloadId::MAX_LEN - spiffe().as_str().len() - 1;
    let path = format!("/{}", "a".repeat(room));
    assert_eq!(spiffe().workload(&path).unwrap().as_str().len(), 2048);
    assert_refused!(spiffe().workload(&format!("{path}a")), "id_too_long", "SPF-ID-6");
    assert_refused!(wimse().workload(&format!("{path}aaaa")), "id_too_long", "WID-3");
}

fn spiffe() -> Origin {
    origin("spiffe://acme.example")
}

fn wimse() -> Origin {
    origin("wimse://acme.example")
}

fn origin(text: &str) -> Origin {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn new(scheme: Scheme, name: &str) -> Result<Origin, aims_id::ParseIdError> {
    Origin::new(scheme, &name.parse::<TrustDomain>().unwrap())
}
