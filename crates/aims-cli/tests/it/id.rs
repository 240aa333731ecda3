//! `aims id`.

use aims_testkit::assert_refused;

use crate::support::Folder;

#[test]
fn an_identifier_is_taken_apart() {
    let folder = Folder::new();
    let got = folder.aims(&["--json", "id", "inspect", "wimse://acme.example/agents/travel"]).json();
    assert_eq!(got["id"], "wimse://acme.example/agents/travel");
    assert_eq!(got["scheme"], "wimse");
    assert_eq!(got["trust_domain"], "acme.example");
    assert_eq!(got["origin"], "wimse://acme.example");
    assert_eq!(got["path"], "/agents/travel");
    assert_eq!(got["segments"], serde_json::json!(["agents", "travel"]));
}

#[test]
fn an_identifier_comes_from_a_file_or_standard_input_too() {
    let folder = Folder::new();
    folder.write("id", "spiffe://acme.example/a\r\n");
    let text = folder.aims(&["id", "inspect", "@id"]).accepted();
    assert_eq!(text.lines().next(), Some("id: spiffe://acme.example/a"));
    let piped = folder.aims_with_input(&["id", "inspect", "-"], b"spiffe://acme.example/a\n").accepted();
    assert_eq!(piped, text);
}

#[test]
fn wid_9_spf_id_9_refusals_name_code_and_rule_and_repair_nothing() {
    let folder = Folder::new();
    for (id, code, rule) in [
        ("https://acme.example/a", "unknown_scheme", "WID-1"),
        ("spiffe://Acme.example/a", "upper_case_trust_domain", "SPF-ID-9"),
        ("wimse://Acme.example/a", "upper_case_trust_domain", "WID-9"),
        ("spiffe://acme.example/a/", "trailing_slash", "SPF-ID-5"),
        ("spiffe://acme.example/a ", "segment_char", "SPF-ID-5"),
        ("spiffe://acme.example:1/a", "port", "SPF-ID-2"),
        ("wimse://acme.example/a%20b", "path_percent_encoding", "WID-10"),
    ] {
        assert_refused!(folder.aims(&["id", "inspect", id]).refusal().err(), code, rule, "{id}");
        assert_refused!(
            folder.aims(&["--json", "id", "inspect", id]).json_refusal().err(),
            code,
            rule,
            "{id}"
        );
        let piped = folder.aims_with_input(&["id", "inspect", "-"], format!("{id}\n").as_bytes());
        assert_refused!(piped.refusal().err(), code, rule, "{id} from standard input");
    }
}

#[test]
fn wid_17_patterns_match_whole_segments() {
    let folder = Folder::new();
    let agents = "spiffe://acme.example/agents/*";
    let got = folder.aims(&["id", "match", agents, "spiffe://acme.example/agents/travel", "--json"]).json();
    assert_eq!(got["pattern"], agents);
    for other in [
        "spiffe://acme.example/agents",
        "spiffe://acme.example/agents-of-others",
        "spiffe://acme.example/agents/travel/eu",
        "wimse://acme.example/agents/travel",
    ] {
        assert_refused!(
            folder.aims(&["id", "match", agents, other]).refusal().err(),
            "no_match",
            "WID-17",
            "{other}"
        );
    }
    let bad = folder.aims(&["id", "match", "spiffe://acme.example/agents*", "spiffe://acme.example/agents"]);
    assert_refused!(bad.refusal().err(), "partial_wildcard", "WID-17");
}
