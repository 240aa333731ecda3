//! `aims jwk`.

use aims_testkit::assert_refused;

use crate::support::Folder;

// RFC 8037 appendix A.2 and A.3.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
const URI: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

// RFC 7638 section 3.1.
const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

#[test]
fn jo_key_09_thumbprints_are_those_of_the_rfcs() {
    let folder = Folder::new();
    folder.write("ed.jwk", ED25519);
    folder.write("rsa.jwk", RSA);
    assert_eq!(folder.aims(&["jwk", "thumbprint", "ed.jwk"]).accepted(), format!("{THUMBPRINT}\n"));
    assert_eq!(folder.aims(&["jwk", "thumbprint", "ed.jwk", "--uri"]).accepted(), format!("{URI}\n"));
    let json = folder.aims(&["jwk", "thumbprint", "ed.jwk", "--json"]).json();
    assert_eq!((&json["thumbprint"], &json["uri"]), (&THUMBPRINT.into(), &URI.into()));
    let rsa = folder.aims(&["jwk", "thumbprint", "rsa.jwk"]).accepted();
    assert_eq!(rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs\n");
    let piped = folder.aims_with_input(&["jwk", "thumbprint", "-"], ED25519.as_bytes()).accepted();
    assert_eq!(piped, format!("{THUMBPRINT}\n"));
}

#[test]
fn a_key_is_inspected() {
    let folder = Folder::new();
    folder.write("rsa.jwk", RSA);
    let json = folder.aims(&["jwk", "inspect", "rsa.jwk", "--json"]).json();
    assert_eq!(json["kid"], "2011-04-29");
    assert_eq!((&json["alg"], &json["type"]), (&"RS256".into(), &"RSA 2048 bits".into()));
    let bound = folder.aims(&["jwk", "inspect", "rsa.jwk", "--alg", "PS256"]);
    assert_refused!(bound.refusal().err(), "key_algorithm_mismatch", "JO-KEY-02");
}

#[test]
fn keys_without_algorithm_are_bound_by_their_kind() {
    let folder = Folder::new();
    for (jwk, alg) in [(ED25519, "Ed25519"), (&RSA.replace(r#""alg":"RS256","#, ""), "PS256")] {
        folder.write("key.jwk", jwk);
        assert_eq!(folder.aims(&["jwk", "inspect", "key.jwk", "--json"]).json()["alg"], alg);
    }
    assert_eq!(
        folder.aims(&["jwk", "inspect", "key.jwk", "--alg", "RS256", "--json"]).json()["alg"],
        "RS256"
    );
}

#[test]
fn a_set_is_built_inspected_and_verified() {
    let folder = Folder::new();
    folder.key("a", "ES256", "a");
    folder.key("b", "ES384", "b");
    folder.aims(&["jwk", "set", "b.jwk", "a.jwk"]).saved(&folder, "set.jwks");
    let set = folder.aims(&["jwk", "inspect", "set.jwks", "--json"]).json();
    let kids: Vec<_> =
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!((kids, set["skipped"].as_array().unwrap().len()), (vec!["a", "b"], 0));
    let verified = folder.aims(&["jwk", "verify", "set.jwks", "--json"]).json();
    assert_eq!(verified["verified"], set["keys"]);

    let twice = folder.aims(&["jwk", "set", "a.jwk", "a.jwk"]);
    assert_refused!(twice.refusal().err(), "duplicate_key_id", "JO-KEY-01");
    folder.write("twice.jwks", format!(r#"{{"keys":[{0},{0}]}}"#, folder.read("a.jwk")));
    let verified = folder.aims(&["jwk", "verify", "twice.jwks"]);
    assert_refused!(verified.refusal().err(), "duplicate_key_id", "JO-KEY-01");
}

#[test]
fn jo_key_05_a_set_says_which_keys_do_not_count() {
    let folder = Folder::new();
    folder.key("a", "ES256", "a");
    let small_order = r#"{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    folder.write("set.jwks", format!(r#"{{"keys":[{small_order},{}]}}"#, folder.read("a.jwk")));
    let set = folder.aims(&["jwk", "inspect", "set.jwks", "--json"]).json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
    let skipped = &set["skipped"][0];
    assert_eq!(skipped["index"], 0);
    assert_eq!((&skipped["code"], &skipped["rule"]), (&"key_small_order".into(), &"JO-KEY-05".into()));
    let verified = folder.aims(&["jwk", "verify", "set.jwks"]);
    assert_refused!(verified.refusal().err(), "key_small_order", "JO-KEY-05");
}

#[test]
fn jo_key_09_a_key_is_verified_against_its_thumbprint() {
    let folder = Folder::new();
    folder.write("ed.jwk", ED25519);
    folder.key("a", "ES256", "a");
    for thumbprint in [THUMBPRINT, URI] {
        folder.aims(&["jwk", "verify", "ed.jwk", "--thumbprint", thumbprint]).accepted();
        let other = folder.aims(&["jwk", "verify", "a.jwk", "--thumbprint", thumbprint]);
        assert_refused!(other.refusal().err(), "thumbprint_mismatch", "JO-KEY-09");
    }
    for malformed in ["", "kPrK", "urn:ietf:params:oauth:jwk-thumbprint:sha-512:x"] {
        let refused = folder.aims(&["jwk", "verify", "ed.jwk", "--thumbprint", malformed]);
        assert_refused!(refused.refusal().err(), "malformed_thumbprint", "JO-KEY-09", "{malformed}");
    }
}

#[test]
fn jo_key_03_private_and_symmetric_keys_are_refused_everywhere() {
    let folder = Folder::new();
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let private = ED25519.replace(r#""x""#, &format!(r#""d":"{secret}","x""#));
    let symmetric = format!(r#"{{"kty":"oct","alg":"HS256","k":"{secret}"}}"#);
    for (key, code, rule) in
        [(&private, "private_key", "JO-KEY-03"), (&symmetric, "symmetric_key", "JO-ALG-05")]
    {
        for text in [key.clone(), format!(r#"{{"keys":[{key}]}}"#)] {
            folder.write("key", &text);
            let mut commands = vec!["inspect", "verify"];
            if !text.contains("keys") {
                commands.extend(["thumbprint", "set"]);
            }
            for command in commands {
                let output = folder.aims(&["jwk", command, "key"]);
                assert!(!output.stderr.contains(secret), "{output:?}");
                assert_refused!(output.refusal().err(), code, rule, "{command} {text}");
            }
        }
    }
}
