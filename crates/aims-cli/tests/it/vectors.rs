//! Tokens and identifiers that other people made.

use aims_testkit::{assert_refused, vectors};

use crate::support::Folder;

#[test]
fn crd_9_the_example_of_the_draft_is_verified_and_its_key_no_longer_used() {
    let Some(vector) = vectors::json("wimse/wpt-02-example.json") else { return };
    let folder = Folder::new();
    folder.write("issuer.key", vector["issuer_jwk"].to_string());
    folder.write("workload.key", vector["workload_jwk"].to_string());
    folder.write("example.wit", vector["wit"]["token"].as_str().unwrap());
    folder.write("example.wpt", vector["wpt"]["token"].as_str().unwrap());
    folder.aims(&["key", "public", "issuer.key"]).saved(&folder, "issuer.jwk");
    folder.aims(&["jwk", "set", "issuer.jwk"]).saved(&folder, "example.jwks");

    for kind in ["wit", "wpt"] {
        let inspected = folder.aims(&[kind, "inspect", &format!("@example.{kind}"), "--json"]).json();
        assert_eq!(inspected["header"], vector[kind]["header"]);
        assert_eq!(inspected["claims"], vector[kind]["claims"]);
    }
    let at = vector["verify_now"].to_string();
    let trust = "wimse://example.com=example.jwks";
    let args = ["wpt", "verify", "@example.wpt", "--wit", "example.wit", "--trust", trust, "--json"];
    let recipient = ["--audience", "https://workload.example.com", "--path", "/path", "--at", &at];
    let json = folder.aims(&[&args[..], &recipient[..]].concat()).json();
    assert_eq!(json["subject"], vector["wit"]["claims"]["sub"]);
    assert_eq!(json["jti"], vector["wpt"]["claims"]["jti"]);

    let args = ["wpt", "new", "--key", "workload.key", "--wit", "example.wit", "--audience", "a"];
    assert_refused!(folder.aims(&args).refusal().err(), "expired", "CRD-9");
}

#[test]
fn identifiers_of_the_vectors_are_taken_apart() {
    let Some(file) = vectors::json("spiffe/spiffe-id-cases.json") else { return };
    let folder = Folder::new();
    let mut accepted = 0;
    for case in file["accept"].as_array().unwrap() {
        // Some say how they are to be built, since they are long.
        let Some(id) = case["id"].as_str() else { continue };
        let json = folder.aims(&["id", "inspect", id, "--json"]).json();
        assert_eq!((&json["id"], &json["path"]), (&case["id"], &case["parts"]["path"]), "{id}");
        assert_eq!(json["trust_domain"], case["parts"]["trust_domain"], "{id}");
        accepted += 1;
    }
    assert!(accepted > 5, "the file lost its cases");
}
