//! Tokens, identifiers, certificates and bundles that other people made.

use std::fs;

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

#[test]
fn certificates_of_others_are_read_and_judged() {
    let Some(chains) = vectors::path("spiffe/go-spiffe/svid/x509svid") else { return };
    let folder = Folder::with_authority();
    for (name, code, rule) in [
        ("wrong-leaf-cert-sign", "authority_as_leaf", "X5V-4"),
        ("wrong-leaf-crl-sign", "authority_as_leaf", "X5V-4"),
        ("wrong-leaf-empty-id", "no_identity", "X5-1"),
        ("wrong-leaf-ca-true", "authority_as_leaf", "X5V-4"),
        ("good-leaf-and-intermediate", "unknown_trust_domain", "X5V-2"),
        ("good-key-and-cert", "private_key", "JO-KEY-03"),
    ] {
        let file = format!("{name}.pem");
        folder.write(&file, fs::read(chains.join(&file)).unwrap());
        assert_refused!(folder.verify_svid(&file, &[]).refusal().err(), code, rule, "{name}");
    }
    // Two certificates, one after the other.
    let chain = vectors::path("spiffe/rust-spiffe/spiffe/svid/x509/1-svid-chain.der").unwrap();
    folder.write("chain.der", fs::read(chain).unwrap());
    let shown = folder.aims(&["svid", "inspect", "chain.der", "--json"]).json();
    assert!(shown["certificates"].as_array().unwrap().len() > 1, "{shown}");
}

#[test]
fn bundles_of_others_are_read_and_judged() {
    let folder = Folder::new();
    for (name, refused) in [
        ("spiffebundle_valid_1", None),
        ("spiffebundle_valid_2", None),
        ("spiffebundle_valid_with_wit", None),
        ("spiffebundle_multiple_x509", Some(("several_certificates", "BND-4"))),
        ("spiffebundle_missing_kid", Some(("key_id_missing", "BND-4"))),
        ("spiffebundle_no_keys", Some(("no_keys", "BND-9"))),
    ] {
        let Some(path) = vectors::path(&format!("spiffe/go-spiffe/bundle/spiffebundle/{name}.json")) else {
            return;
        };
        folder.write(name, fs::read(path).unwrap());
        let verified = folder.aims(&["bundle", "verify", name]);
        match refused {
            Some((code, rule)) => {
                assert_refused!(verified.refusal().err(), code, rule, "{name}");
            }
            None => assert!(verified.accepted().starts_with("verified: true\n")),
        }
    }
}
