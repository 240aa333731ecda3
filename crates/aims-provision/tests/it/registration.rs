//! Registration files.

use aims_attest::{EvidenceRule, EvidenceType, Freshness, Level, Policy};
use aims_provision::{CredentialType, Entries, RegistrationError};
use aims_testkit::assert_refused;

use crate::support::*;

fn read(text: &str) -> Result<Entries, RegistrationError> {
    Entries::from_toml(ORIGIN.parse().unwrap(), text)
}

const GOOD: &str = r#"# Who is who.
[[entry]]
spiffe_id = "spiffe://acme.example/agents/travel"
selectors = ["unix:uid:1000", "unix:path:/usr/bin/travel"]
types = ["x509", "wit"]
x509_lifetime = 1800
wit_lifetime = 1_200
dns_names = ["travel.acme.example"]
hint = "internal"
federates_with = ["spiffe://bank.example"]

[[entry]]
spiffe_id = "spiffe://acme.example/agents/other"
selectors = ["unix:uid:1001"]
"#;

#[test]
fn a_registration_file_is_read() {
    let entries = read(GOOD).unwrap();
    let all: Vec<_> = entries.iter().collect();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].selectors().len(), 2);
    assert!(!all[0].types().contains(CredentialType::Jwt));
    assert_eq!(all[0].lifetime(CredentialType::X509), Some(MINUTE * 30));
    assert_eq!(all[0].lifetime(CredentialType::Wit), Some(MINUTE * 20));
    assert_eq!(
        (all[0].hint(), all[0].dns_names().len(), all[0].federates_with().len()),
        (Some("internal"), 1, 1)
    );
    assert_eq!(all[1].types().iter().count(), 3);
    assert!(read("").unwrap().is_empty());
    assert!(read("entry = []").unwrap().is_empty());
}

#[test]
fn att_111_a_file_says_what_evidence_an_entry_asks_for() {
    let read_evidence = |evidence: &str| {
        let file = format!("[[entry]]\nspiffe_id = \"{AGENT}\"\nselectors = [\"unix:uid:1\"]\n{evidence}\n");
        read(&file).map(|entries| entries.iter().next().unwrap().evidence().cloned())
    };
    let rule = |kind| EvidenceRule::of(kind);
    let read_one = |evidence: &str| read_evidence(evidence).unwrap().unwrap();
    assert_eq!(
        read_one(
            "evidence = [{ type = \"tpm2-quote\", key = \"hardware\", max_age = 600, min_level = 4, freshness = \"nonce\", \
             selectors = [\"tpm:manufacturer:IBM\"], policy = \"p-1\", verifier = \"tpm\" }]\nevidence_policy = \"agents-3\""
        ),
        Policy::all_of([rule(EvidenceType::Tpm2Quote)
            .key_in_hardware()
            .max_age(MINUTE * 10)
            .min_level(Level::HARDWARE)
            .freshness(Freshness::Nonce)
            .selector("tpm:manufacturer:IBM".parse().unwrap())
            .by_policy("p-1")
            .by_verifier("tpm")
            .into()])
        .named("agents-3")
    );
    let any = Policy::any_of([
        rule(EvidenceType::UnixPeer).about_key().into(),
        Policy::all_of([rule(EvidenceType::Other("application/x-acme".into())).into()]),
    ]);
    let two = Policy::n_of(1, [rule(EvidenceType::Eat).into(), rule(EvidenceType::Ear).into()]);
    assert_eq!(
        read_one(
            "evidence = [{ any_of = [{ type = \"unix-peer\", key = \"bound\" }, { all_of = [{ type = \"application/x-acme\" }] }] }, \
             { n_of = 1, of = [{ type = \"eat\" }, { type = \"ear\" }] }]"
        ),
        Policy::all_of([any, two])
    );
    assert_eq!(read_evidence("").unwrap(), None);

    let deep = format!("evidence = {}{{ type = \"eat\" }}{}", "[{ all_of = ".repeat(9), "}]".repeat(9));
    for (evidence, code) in [
        ("evidence = []", "wrong_type"),
        ("evidence = [{}]", "missing_key"),
        ("evidence = [\"tpm2-quote\"]", "wrong_type"),
        ("evidence = [{ type = \"tpm2-qoute\" }]", "unsupported_type"),
        ("evidence = [{ type = \"x-acme\" }]", "unsupported_type"),
        ("evidence = [{ any_of = [] }]", "wrong_type"),
        ("evidence = [{ any_of = [{ type = \"eat\" }], type = \"eat\" }]", "unknown_key"),
        ("evidence = [{ n_of = 1 }]", "missing_key"),
        ("evidence = [{ n_of = 0, of = [{ type = \"eat\" }] }]", "wrong_type"),
        ("evidence = [{ n_of = 2, of = [{ type = \"eat\" }] }]", "wrong_type"),
        ("evidence = [{ type = \"eat\", key = \"software\" }]", "wrong_type"),
        ("evidence = [{ type = \"eat\", freshness = \"static\" }]", "wrong_type"),
        ("evidence = [{ type = \"eat\", min_level = 6 }]", "wrong_type"),
        ("evidence = [{ type = \"eat\", max_age = -1 }]", "wrong_type"),
        ("evidence = [{ type = \"eat\", maximum_age = 1 }]", "unknown_key"),
        ("evidence = [{ type = \"eat\", selectors = [\"x\"] }]", "selector_no_colon"),
        ("evidence_policy = \"agents-3\"", "missing_key"),
        (&deep, "wrong_type"),
    ] {
        let error = read_evidence(evidence).unwrap_err();
        assert_eq!((error.code(), error.line()), (code, 4), "{evidence}: {error}");
    }
}

/// ATT-2: no evidence would ever be of such a type.
#[test]
fn att_2_a_type_of_evidence_that_is_misspelt_is_refused_with_those_that_there_are() {
    let text = format!(
        "[[entry]]\nspiffe_id = \"{AGENT}\"\nselectors = [\"unix:uid:1\"]\nevidence = [\n  {{ type = \"eat\" }},\n  {{ type = \"tpm2-qoute\" }},\n]\n"
    );
    let error = read(&text).unwrap_err();
    assert_eq!((error.line(), error.code(), error.rule()), (6, "unsupported_type", "ATT-2"));
    let words = error.to_string();
    assert!(
        words.starts_with("line 6: `tpm2-qoute`: the type of evidence is neither a media type"),
        "{words}"
    );
    assert!(words.contains("tpm2-quote") && words.contains("unix-peer"), "{words}");
}

#[test]
fn att_102_a_file_with_an_error_names_the_line_and_counts_for_nothing() {
    for (from, to, line, code, rule) in [
        ("selectors = [\"unix:uid:1001\"]", "selectors = []", 12, "no_selectors", "ATT-102"),
        ("selectors = [\"unix:uid:1001\"]", "", 12, "no_selectors", "ATT-102"),
        ("[\"unix:uid:1001\"]", "\"unix:uid:1001\"", 14, "wrong_type", "ATT-102"),
        ("[\"unix:uid:1001\"]", "[7]", 14, "wrong_type", "ATT-102"),
        ("unix:uid:1001", "unix", 14, "selector_no_colon", "ATT-101"),
        ("/agents/other\"", "/agents//other\"", 13, "empty_segment", "SPF-ID-5"),
        ("spiffe_id = \"spiffe://acme.example/agents/other\"", "", 12, "missing_key", "ATT-102"),
        ("acme.example/agents/other", "bank.example/agents/other", 12, "foreign_trust_domain", "WID-19"),
        ("hint =", "hints =", 9, "unknown_key", "ATT-102"),
        ("# Who is who.", "spiffe_id = \"x\"", 1, "unknown_key", "ATT-102"),
        ("\"wit\"]", "\"saml\"]", 5, "unknown_credential_type", "ATT-102"),
        ("1800", "\"1800\"", 6, "wrong_type", "ATT-102"),
        ("1800", "0x10", 6, "wrong_type", "ATT-102"),
        ("1800", "-1", 6, "wrong_type", "ATT-102"),
        ("1800", "86401", 2, "bad_lifetime", "AIMS-7"),
        ("hint = \"internal\"", "hint = \"internal", 9, "malformed_toml", "ATT-102"),
        ("hint = \"internal\"", "hint = \"a\"\nhint = \"b\"", 10, "malformed_toml", "ATT-102"),
        ("spiffe://bank.example\"", "bank.example\"", 10, "unknown_scheme", "WID-1"),
        (
            "[[entry]]\nspiffe_id = \"spiffe://acme.example/agents/other\"",
            "[entry]",
            12,
            "malformed_toml",
            "ATT-102",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replace(from, to)).unwrap_err();
        assert_eq!((error.line(), error.code(), error.rule()), (line, code, rule), "{to}: {error}");
        assert!(error.to_string().starts_with(&format!("line {line}: ")));
    }
    let twice = GOOD
        .replace("/agents/other", "/agents/travel")
        .replace("\"unix:uid:1001\"", "\"unix:path:/usr/bin/travel\", \"unix:uid:1000\"");
    assert_refused!(read(&twice), "duplicate_entry", "ATT-102");
    assert_refused!(read(&" ".repeat(16 * 1024 * 1024 + 1)), "file_too_large", "ATT-102");
    assert!(read(&" ".repeat(16 * 1024 * 1024)).unwrap().is_empty());
    // Deeper than anybody writes.
    let deep = format!("entry = {}{}", "[".repeat(5000), "]".repeat(5000));
    assert_refused!(read(&deep), "malformed_toml", "ATT-102");
}

#[test]
fn a_message_says_what_was_expected() {
    let with =
        |line: &str| format!("[[entry]]\nspiffe_id = \"{AGENT}\"\nselectors = [\"unix:uid:1\"]\n{line}\n");
    for (text, message) in [
        (
            "[entry]\n".to_owned(),
            "line 1: `entry` is not an array of tables, each of which begins with `[[entry]]`",
        ),
        (with("x509_lifetime = \"30m\""), "line 4: `x509_lifetime` is not a whole number of seconds"),
        (with("hint = 1"), "line 4: `hint` is not a string"),
        (with("dns_names = \"a.example\""), "line 4: `dns_names` is not an array of strings"),
        (
            with("types = [\"x.509\"]"),
            "line 4: `x.509` is not a kind of credential: these are `x509`, `jwt` and `wit`",
        ),
        (with("x509_lifetime = 0"), "line 1: a lifetime is not from 1 s to 24 h"),
    ] {
        assert_eq!(read(&text).unwrap_err().to_string(), message);
    }
}
