//! `aims bundle`.

use aims_testkit::assert_refused;

use crate::support::{Folder, ORIGIN};

#[test]
fn a_bundle_holds_what_was_put_into_it() {
    let folder = Folder::with_authority();
    folder.key("wits", "Ed25519", "wits");
    let options = ["--wit-key", "wits.jwk", "--sequence", "18446744073709551615", "--refresh-hint", "5m"];
    folder.bundle(&options).saved(&folder, "all.bundle");
    let json = folder.aims(&["bundle", "inspect", "all.bundle", "--json"]).json();
    assert_eq!((&json["sequence"], &json["refresh_hint"]), (&u64::MAX.into(), &300.into()));
    assert_eq!((&json["usable"], &json["skipped"]), (&3.into(), &serde_json::json!([])));
    assert_eq!(json["x509_authorities"][0]["uris"], serde_json::json!([ORIGIN]));
    assert_eq!(
        (&json["jwt_keys"][0]["kid"], &json["jwt_keys"][0]["alg"]),
        (&"tokens".into(), &"ES256".into())
    );
    assert_eq!(
        (&json["wit_keys"][0]["kid"], &json["wit_keys"][0]["alg"]),
        (&"wits".into(), &"Ed25519".into())
    );
    let text = folder.aims(&["bundle", "inspect", "all.bundle"]).accepted();
    assert!(text.starts_with("usable: 3\nsequence: 18446744073709551615\n"), "{text}");
    let verified = folder.aims(&["bundle", "verify", "all.bundle", "--complete", "--json"]).json();
    assert_eq!((&verified["verified"], &verified["usable"]), (&true.into(), &3.into()));
}

#[test]
fn authorities_of_one_file_or_many_go_into_the_bundle() {
    let folder = Folder::with_authority();
    folder.key("next", "ES384", "n");
    folder.authority("next", ORIGIN);
    folder.write("both.crt", folder.read("root.crt") + &folder.read("next.crt"));
    let make = ["bundle", "issue", "--origin", ORIGIN, "--authority"];
    let one = folder.aims(&[&make[..], &["both.crt"]].concat()).accepted();
    let many = folder.aims(&[&make[..], &["root.crt", "--authority", "next.crt"]].concat()).accepted();
    assert_eq!(one, many);
    assert_eq!(one.matches("x509-svid").count(), 2);
}

#[test]
fn issuing_is_refused_by_code_and_rule() {
    let folder = Folder::with_authority();
    folder.key("other", "ES256", "tokens");
    folder.authority("other", "spiffe://other.example");
    folder.aims(&["key", "public", "travel.pem"]).saved(&folder, "nameless.jwk");
    folder.key("edward", "Ed25519", "e");
    for (options, code, rule) in [
        (["--authority", "travel.crt"], "not_an_authority", "X5V-9"),
        (["--authority", "other.crt"], "authority_domain", "X5-9"),
        (["--authority", "root.pem"], "private_key", "JO-KEY-03"),
        (["--jwt-key", "other.jwk"], "duplicate_key_id", "JO-KEY-01"),
        (["--wit-key", "other.jwk"], "duplicate_key_id", "BND-18"),
        (["--wit-key", "nameless.jwk"], "key_id_missing", "BND-4"),
    ] {
        assert_refused!(folder.bundle(&options).refusal().err(), code, rule, "{options:?}");
    }
    let nothing = folder.aims(&["bundle", "issue", "--origin", ORIGIN]);
    assert_refused!(nothing.refusal().err(), "empty_keys", "BND-4");
}

#[test]
fn bnd_8_the_sequence_does_not_go_back() {
    let folder = Folder::with_authority();
    folder.bundle(&["--sequence", "6"]).saved(&folder, "six.bundle");
    folder.bundle(&["--sequence", "8"]).saved(&folder, "eight.bundle");
    folder.bundle(&["--sequence", "7", "--refresh-hint", "1m"]).saved(&folder, "changed.bundle");
    folder.bundle(&[]).saved(&folder, "unordered.bundle");
    let verify = |file: &str| folder.aims(&["bundle", "verify", file, "--stored", "acme.bundle", "--json"]);
    let refusal = verify("six.bundle").json_refusal();
    assert!(refusal.message.contains("smaller"), "{refusal:?}");
    assert_refused!(refusal.err(), "older_bundle", "BND-8");
    for (file, freshness, replaces, to_be_reported) in [
        ("acme.bundle", "same", false, false),
        ("eight.bundle", "newer", true, false),
        ("changed.bundle", "changed", true, true),
        ("unordered.bundle", "unordered", true, true),
    ] {
        let json = verify(file).json();
        assert_eq!(json["freshness"], freshness, "{file}");
        let said = (&json["replaces"], &json["to_be_reported"]);
        assert_eq!(said, (&replaces.into(), &to_be_reported.into()), "{file}");
    }
}

#[test]
fn what_is_left_out_is_shown_and_why() {
    let folder = Folder::with_authority();
    let document: serde_json::Value = serde_json::from_str(&folder.read("acme.bundle")).unwrap();
    let mut keys = document["keys"].as_array().unwrap().clone();
    let mut unknown = keys[1].clone();
    unknown["use"] = "later-svid".into();
    let mut nameless = keys[1].clone();
    nameless.as_object_mut().unwrap().remove("kid");
    keys.extend([unknown, nameless]);
    folder.write("some.bundle", serde_json::json!({ "keys": keys }).to_string());
    let json = folder.aims(&["bundle", "inspect", "some.bundle", "--json"]).json();
    assert_eq!((&json["usable"], json["skipped"].as_array().unwrap().len()), (&2.into(), 2));
    for (at, index, code, rule) in [(0, 2, "key_use", "BND-13"), (1, 3, "key_id_missing", "BND-4")] {
        let skipped = &json["skipped"][at];
        assert_eq!((&skipped["index"], &skipped["code"]), (&index.into(), &code.into()));
        assert_eq!(skipped["rule"], rule);
    }
    let strict = folder.aims(&["bundle", "verify", "some.bundle"]);
    assert_refused!(strict.refusal().err(), "key_id_missing", "BND-4");

    keys.pop();
    folder.write("some.bundle", serde_json::json!({ "keys": keys }).to_string());
    folder.aims(&["bundle", "verify", "some.bundle"]).accepted();
    let complete = folder.aims(&["bundle", "verify", "some.bundle", "--complete"]);
    assert_refused!(complete.refusal().err(), "key_use", "BND-13");
}

#[test]
fn documents_that_are_no_bundle_are_refused() {
    let folder = Folder::with_authority();
    let bundle = folder.read("acme.bundle");
    folder.write("leaked.bundle", bundle.replacen(r#""kty""#, r#""d":"AAAA","kty""#, 1));
    folder.write("float.bundle", bundle.replace(":7}", ":7.5}"));
    folder.write("hint.bundle", bundle.replace(":7}", r#":7,"spiffe_refresh_hint":"soon"}"#));
    folder.write("twice.bundle", bundle.replace(":7}", r#":7,"spiffe_sequence":8}"#));
    folder.write("cut.bundle", &bundle.as_bytes()[..bundle.len() / 2]);
    folder.write("empty.bundle", r#"{"keys":[]}"#);
    for (file, code, rule) in [
        ("leaked.bundle", "private_key", "BND-19"),
        ("float.bundle", "sequence", "BND-10"),
        ("hint.bundle", "refresh_hint", "BND-11"),
        ("twice.bundle", "json_duplicate_name", "BND-17"),
        ("cut.bundle", "json_truncated", "BND-17"),
        ("root.crt", "json_not_an_object", "BND-17"),
        ("travel.jwk", "no_keys", "BND-9"),
    ] {
        for command in ["inspect", "verify"] {
            let refusal = folder.aims(&["bundle", command, file]).refusal();
            assert!(refusal.message.starts_with(&format!("{file}: ")), "{refusal:?}");
            assert_refused!(refusal.err(), code, rule, "{command} {file}");
        }
    }
    // Everything revoked: legal, and refused by some readers.
    let json = folder.aims(&["bundle", "inspect", "empty.bundle", "--json"]).json();
    assert_eq!(json["usable"], 0);
    let strict = folder.aims(&["bundle", "verify", "empty.bundle"]);
    assert_refused!(strict.refusal().err(), "empty_keys", "BND-4");
    folder.write("huge.bundle", vec![b' '; 1024 * 1024 + 1]);
    let huge = folder.aims(&["bundle", "inspect", "huge.bundle"]).unusable();
    assert!(huge.contains("more than 1048576 bytes"), "{huge}");
}
