//! `aims wpt`.

use aims_testkit::assert_refused;

use crate::support::{Folder, Output, SUBJECT, TRUST};

const SEARCH: &str = "https://tools.example/v1/search";

/// A folder with an agent and its proof `search.wpt`.
fn folder() -> Folder {
    let folder = Folder::with_agent();
    new(&folder, &[]).saved(&folder, "search.wpt");
    folder
}

fn new(folder: &Folder, options: &[&str]) -> Output {
    let args = ["wpt", "new", "--key", "travel.pem", "--wit", "travel.wit", "--audience", SEARCH];
    folder.aims(&[&args[..], options].concat())
}

fn verify(folder: &Folder, proof: &str, options: &[&str]) -> Output {
    let args = ["wpt", "verify", proof, "--wit", "travel.wit", "--trust", TRUST];
    let recipient = ["--audience", "https://tools.example", "--path", "/v1/search"];
    folder.aims(&[&args[..], &recipient[..], options].concat())
}

#[test]
fn a_proof_says_who_called() {
    let folder = folder();
    let text = verify(&folder, "@search.wpt", &[]).accepted();
    assert!(text.starts_with("authenticated, if the proof was not used before"), "{text}");
    let json = verify(&folder, "@search.wpt", &["--json"]).json();
    assert_eq!((&json["verified"], &json["subject"]), (&true.into(), &SUBJECT.into()));
    assert_eq!((&json["method"], &json["layer"]), (&"wpt".into(), &"application".into()));
    assert_eq!((&json["audience"], &json["replay_memory"]), (&SEARCH.into(), &"this run".into()));
    assert_eq!(json["covers_txn_token"], false);
    let piped = folder.read("search.wpt");
    let args = ["wpt", "verify", "-", "--wit", "travel.wit", "--trust", TRUST, "--audience", SEARCH];
    folder.aims_with_input(&args, piped.as_bytes()).accepted();
}

#[test]
fn the_words_of_a_new_proof() {
    let folder = Folder::with_agent();
    let json = new(&folder, &["--lifetime", "5m", "--json"]).json();
    assert_eq!((&json["subject"], &json["audience"]), (&SUBJECT.into(), &SEARCH.into()));
    let token = json["wpt"].as_str().unwrap();
    verify(&folder, token, &[]).accepted();
    let inspected = folder.aims(&["wpt", "inspect", token, "--json"]).json();
    assert_eq!((&inspected["verified"], &inspected["header"]["typ"]), (&false.into(), &"wpt+jwt".into()));
    assert_eq!(inspected["claims"]["aud"], SEARCH);
}

#[test]
fn wpt_6_a_proof_is_for_one_target() {
    let folder = folder();
    let at = |audience: &str, path: &[&str]| {
        let args =
            ["wpt", "verify", "@search.wpt", "--wit", "travel.wit", "--trust", TRUST, "--audience", audience];
        folder.aims(&[&args[..], path].concat())
    };
    at("https://tools.example", &["--path", "/v1/search"]).accepted();
    at(SEARCH, &[]).accepted();
    for (audience, path) in [
        ("https://tools.example", &["--path", "/v1/delete"][..]),
        ("https://tools.example", &["--path", "/v1/search/"]),
        ("https://other.example", &["--path", "/v1/search"]),
        ("http://tools.example", &["--path", "/v1/search"]),
        ("https://tools.example", &[]),
    ] {
        assert_refused!(
            at(audience, path).refusal().err(),
            "audience_mismatch",
            "WPT-6",
            "{audience} {path:?}"
        );
    }
    for (audience, code) in [
        ("https://tools.example/", "audience_with_path"),
        ("https://Tools.example", "bad_authority"),
        ("https://tools.example:443", "default_port"),
        ("tools.example", "audience_not_http"),
    ] {
        assert_refused!(at(audience, &["--path", "/"]).refusal().err(), code, "WPT-7", "{audience}");
    }
}

#[test]
fn an_audience_with_a_query_is_not_cut() {
    let folder = Folder::with_agent();
    let args = ["wpt", "new", "--key", "travel.pem", "--wit", "travel.wit", "--audience"];
    for audience in ["https://tools.example/v1/search?lang=en", "https://tools.example/v1/search#top"] {
        let said = folder.aims(&[&args[..], &[audience]].concat()).unusable();
        assert!(said.contains("leave out the query"), "{said}");
    }
}

#[test]
fn tokens_beside_the_proof_are_covered_or_refused() {
    let folder = Folder::with_agent();
    folder.write("txn", "txn-token\n");
    folder.write("other", "another\n");
    folder.write("ctx", "context value\n");
    let covering = ["--txn-token", "txn", "--context", "X-Context=@ctx"];
    new(&folder, &covering).saved(&folder, "covering.wpt");

    let json = verify(&folder, "@covering.wpt", &[&covering[..], &["--json"]].concat()).json();
    assert_eq!(json["covers_txn_token"], true);
    assert_eq!(json["covers_context"], serde_json::json!(["X-Context"]));
    verify(&folder, "@covering.wpt", &["--txn-token", "txn", "--context", "x-context=context value"])
        .accepted();

    for (options, code, rule) in [
        (&["--context", "x-context=@ctx"][..], "txn_binding_mismatch", "WPT-12"),
        (&["--txn-token", "other", "--context", "x-context=@ctx"], "txn_binding_mismatch", "WPT-12"),
        (&["--txn-token", "txn", "--context", "x-context=other"], "other_binding_mismatch", "WPT-14"),
        (&["--txn-token", "txn"], "other_binding_mismatch", "WPT-14"),
    ] {
        let refused = verify(&folder, "@covering.wpt", options);
        assert_refused!(refused.refusal().err(), code, rule, "{options:?}");
    }
    let uncovered = new(&folder, &[]).accepted();
    let relied_on = verify(&folder, uncovered.trim_end(), &["--context", "x-context=@ctx"]);
    assert_refused!(relied_on.refusal().err(), "other_binding_mismatch", "WPT-13");
    let twice = new(&folder, &["--context", "x=a", "--context", "X=b"]);
    assert_refused!(twice.refusal().err(), "duplicate_context", "WPT-14");
}

#[test]
fn wpt_8_proofs_end_soon() {
    let folder = folder();
    let claims = folder.aims(&["wpt", "inspect", "@search.wpt", "--json"]).json();
    let exp = claims["claims"]["exp"].as_u64().unwrap();
    verify(&folder, "@search.wpt", &["--at", &(exp - 1).to_string()]).accepted();
    let late = verify(&folder, "@search.wpt", &["--at", &(exp + 300).to_string()]);
    assert_refused!(late.refusal().err(), "expired", "WPT-8");
}

#[test]
fn aims_5_only_the_holder_makes_proofs() {
    let folder = folder();
    folder.key("thief", "ES256", "x");
    folder.key("edward", "Ed25519", "x");
    let by =
        |key: &str| folder.aims(&["wpt", "new", "--key", key, "--wit", "travel.wit", "--audience", SEARCH]);
    assert_refused!(by("thief.pem").refusal().err(), "foreign_key", "AIMS-5");
    assert_refused!(by("edward.pem").refusal().err(), "key_algorithm_mismatch", "JO-KEY-02");

    // The proof of one credential beside another, for the same key.
    folder.issue(&[]).saved(&folder, "travel.wit");
    let verified = verify(&folder, "@search.wpt", &[]);
    assert_refused!(verified.refusal().err(), "wit_binding_mismatch", "WPT-10");
}

#[test]
fn a_wit_is_no_proof_and_a_proof_is_no_wit() {
    let folder = folder();
    let confused = verify(&folder, "@travel.wit", &[]);
    assert_refused!(confused.refusal().err(), "wrong_type", "WPT-5");
    let confused = folder.aims(&["wit", "verify", "@search.wpt", "--trust", TRUST]);
    assert_refused!(confused.refusal().err(), "wrong_type", "WIT-2");
}

#[test]
fn inspect_claims_nothing() {
    let folder = folder();
    for json in [false, true] {
        let mut args = vec!["wpt", "inspect", "@search.wpt"];
        args.extend(json.then_some("--json"));
        let text = folder.aims(&args).accepted();
        assert!(!text.to_lowercase().contains("valid"), "{text}");
    }
}
