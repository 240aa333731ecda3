//! `aims wit`.

use aims_testkit::assert_refused;

use crate::support::{Folder, SUBJECT, TRUST};

#[test]
fn a_token_is_issued_and_verified() {
    let folder = Folder::with_agent();
    let text = folder.aims(&["wit", "verify", "@travel.wit", "--trust", TRUST]).accepted();
    assert!(text.contains(&format!("subject: {SUBJECT}\n")), "{text}");
    let token = folder.read("travel.wit");
    let by_argument = folder.aims(&["wit", "verify", token.trim_end(), "--trust", TRUST]).accepted();
    let piped =
        folder.aims_with_input(&["wit", "verify", "-", "--trust", TRUST], token.as_bytes()).accepted();
    assert_eq!((&by_argument, &piped), (&text, &text));

    let json = folder.aims(&["wit", "verify", "@travel.wit", "--trust", TRUST, "--json"]).json();
    assert_eq!((&json["verified"], &json["subject"]), (&true.into(), &SUBJECT.into()));
    assert_eq!((&json["alg"], &json["kid"]), (&"ES256".into(), &"2026-11".into()));
    assert_eq!(json["claims"]["sub"], SUBJECT);
    let thumbprint = folder.aims(&["jwk", "thumbprint", "travel.jwk"]).accepted();
    assert_eq!(json["thumbprint"], thumbprint.trim_end());
}

#[test]
fn bnd_4_a_bundle_document_vouches_with_the_keys_for_tokens_alone() {
    let folder = Folder::with_agent();
    let make = |option: &str, name: &str| {
        let args = ["bundle", "issue", "--origin", "spiffe://acme.example", option, "issuer.jwk"];
        folder.aims(&args).saved(&folder, name);
    };
    make("--wit-key", "wits.bundle");
    make("--jwt-key", "jwts.bundle");
    let verify = |bundle: &str| {
        folder.aims(&["wit", "verify", "@travel.wit", "--trust", &format!("spiffe://acme.example={bundle}")])
    };
    assert!(verify("wits.bundle").accepted().contains(&format!("subject: {SUBJECT}\n")));
    assert_refused!(verify("jwts.bundle").refusal().err(), "unknown_key", "WIT-6");
}

#[test]
fn what_is_issued_is_what_was_asked_for() {
    let folder = Folder::with_agent();
    let options = [
        "--lifetime",
        "10m",
        "--issuer",
        "https://id.acme.example",
        "--claim",
        "acme.example/team=a=b",
        "--json",
    ];
    let issued = folder.issue(&options).json();
    let token = issued["wit"].as_str().unwrap();
    let trusted = ["--trust", TRUST, "--issuer", "https://id.acme.example", "--json"];
    let json = folder.aims(&[&["wit", "verify", token], &trusted[..]].concat()).json();
    assert_eq!(json["claims"]["acme.example/team"], "a=b");
    assert_eq!(json["issuer"], "https://id.acme.example");
    let seconds = |name: &str| json["claims"][name].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 600);
    assert_eq!((&issued["not_after"], &issued["subject"]), (&json["not_after"], &json["subject"]));

    let other = folder.aims(&["wit", "verify", token, "--trust", TRUST, "--issuer", "https://other.example"]);
    assert_refused!(other.refusal().err(), "issuer_not_allowed", "WIT-12");
}

#[test]
fn issuing_is_refused_by_code_and_rule() {
    let folder = Folder::with_agent();
    folder.write("issuer-public.jwk", folder.read("issuer.jwk"));
    for (options, code, rule) in [
        (["--lifetime", "25h"], "bad_lifetime", "AIMS-7"),
        (["--lifetime", "0"], "bad_lifetime", "AIMS-7"),
        (["--claim", "sub=spiffe://acme.example/root"], "bad_claims", "JO-SIGN-03"),
    ] {
        assert_refused!(folder.issue(&options).refusal().err(), code, rule, "{options:?}");
    }
    let issue = |origin: &str, subject: &str, holder: &str| {
        let key = ["wit", "issue", "--key", "issuer.pem", "--kid", "2026-11"];
        folder.aims(&[&key[..], &["--origin", origin, "--subject", subject, "--for", holder]].concat())
    };
    for (origin, subject, holder, code, rule) in [
        ("spiffe://other.example", SUBJECT, "travel.jwk", "foreign_subject", "WID-15"),
        ("wimse://acme.example", SUBJECT, "travel.jwk", "foreign_subject", "WID-15"),
        ("spiffe://acme.example", "spiffe://acme.example", "travel.jwk", "bad_subject", "WIT-4"),
        ("spiffe://acme.example", "spiffe://acme.example/a//b", "travel.jwk", "empty_segment", "SPF-ID-5"),
        ("spiffe://acme.example/", SUBJECT, "travel.jwk", "unexpected_path", "WID-19"),
        ("spiffe://acme.example", SUBJECT, "issuer-public.jwk", "issuers_key", "CRD-9"),
    ] {
        assert_refused!(
            issue(origin, subject, holder).refusal().err(),
            code,
            rule,
            "{origin} {subject} {holder}"
        );
    }
}

#[test]
fn the_key_of_the_issuer_needs_a_name() {
    let folder = Folder::with_agent();
    let unnamed = ["wit", "issue", "--key", "issuer.pem", "--origin", "spiffe://acme.example"];
    let rest = ["--subject", SUBJECT, "--for", "travel.jwk"];
    let said = folder.aims(&[&unnamed[..], &rest[..]].concat()).unusable();
    assert!(said.contains("--kid"), "{said}");
}

#[test]
fn wit_8_time_is_just_a_number() {
    let folder = Folder::with_agent();
    let claims = folder.aims(&["wit", "inspect", "@travel.wit", "--json"]).json();
    let exp = claims["claims"]["exp"].as_u64().unwrap();
    let at = |time: u64| {
        folder.aims(&["wit", "verify", "@travel.wit", "--trust", TRUST, "--at", &time.to_string()])
    };
    at(exp - 1).accepted();
    assert_refused!(at(exp + 300).refusal().err(), "expired", "WIT-8");
    assert_refused!(at(exp - 7200).refusal().err(), "not_yet_valid", "WIT-9");
}

#[test]
fn wid_19_trust_is_for_one_origin() {
    let folder = Folder::with_agent();
    for trust in ["wimse://acme.example=acme.jwks", "spiffe://other.example=acme.jwks"] {
        let verified = folder.aims(&["wit", "verify", "@travel.wit", "--trust", trust]);
        assert_refused!(verified.refusal().err(), "unknown_trust_domain", "WIT-5", "{trust}");
    }
    let both = ["--trust", "wimse://acme.example=acme.jwks", "--trust", TRUST];
    folder.aims(&[&["wit", "verify", "@travel.wit"], &both[..]].concat()).accepted();
    let twice = folder.aims(&[
        "wit",
        "verify",
        "@travel.wit",
        "--trust",
        TRUST,
        "--trust",
        "spiffe://acme.example=other",
    ]);
    assert!(twice.unusable().contains("one origin has one set of keys"));
    let malformed =
        folder.aims(&["wit", "verify", "@travel.wit", "--trust", "spiffe://acme.example/=acme.jwks"]);
    assert_refused!(malformed.refusal().err(), "unexpected_path", "WID-19");
}

#[test]
fn jo_key_03_a_bundle_with_a_private_key_is_refused_by_its_name() {
    let folder = Folder::with_agent();
    let leaked = folder.read("acme.jwks").replace(r#""kty""#, r#""d":"AAAA","kty""#);
    folder.write("leaked.jwks", leaked);
    let refusal = folder
        .aims(&["wit", "verify", "@travel.wit", "--trust", "spiffe://acme.example=leaked.jwks"])
        .refusal();
    assert!(refusal.message.starts_with("leaked.jwks: "), "{refusal:?}");
    assert_refused!(refusal.err(), "private_key", "JO-KEY-03");
}

#[test]
fn tokens_of_others_and_changed_tokens_are_refused() {
    let folder = Folder::with_agent();
    folder.key("issuer2", "ES256", "2026-11");
    folder.aims(&["jwk", "set", "issuer2.jwk"]).saved(&folder, "other.jwks");
    let other = folder.aims(&["wit", "verify", "@travel.wit", "--trust", "spiffe://acme.example=other.jwks"]);
    assert_refused!(other.refusal().err(), "bad_signature", "WIT-7");

    let verify = |token: &str| folder.aims(&["wit", "verify", token, "--trust", TRUST]);
    let none = "eyJhbGciOiJub25lIiwidHlwIjoid2l0K2p3dCJ9.e30.AA";
    assert_refused!(verify(none).refusal().err(), "unsupported_alg", "WIT-3");
    assert_refused!(verify("not-a-token").refusal().err(), "malformed", "WIT-1");
}

#[test]
fn ws_3_ws_5_ws_6_the_spiffe_profile_is_stricter() {
    let folder = Folder::with_agent();
    folder.key("edward", "Ed25519", "2026-11");
    folder.aims(&["jwk", "set", "edward.jwk"]).saved(&folder, "edward.jwks");
    let issue = |key: &str, scheme: &str, holder: &str, profile: &str| {
        let (origin, subject) =
            (format!("{scheme}://acme.example"), format!("{scheme}://acme.example/agents/travel"));
        let by = ["wit", "issue", "--key", key, "--kid", "2026-11", "--origin", &origin];
        folder.aims(&[&by[..], &["--subject", &subject, "--for", holder, "--profile", profile]].concat())
    };
    let verify = |file: &str, trust: &str, profile: &str| {
        folder.aims(&["wit", "verify", file, "--trust", trust, "--profile", profile])
    };
    issue("issuer.pem", "spiffe", "travel.jwk", "wit-svid").saved(&folder, "svid.wit");
    verify("@svid.wit", TRUST, "wit-svid").accepted();

    for (key, scheme, holder, code, rule) in [
        ("edward.pem", "spiffe", "travel.jwk", "unsupported_alg", "WS-3"),
        ("issuer.pem", "spiffe", "edward.jwk", "unsupported_alg", "WS-6"),
        ("issuer.pem", "wimse", "travel.jwk", "bad_subject", "WS-5"),
    ] {
        assert_refused!(
            issue(key, scheme, holder, "wit-svid").refusal().err(),
            code,
            rule,
            "{key} {scheme} {holder}"
        );
        issue(key, scheme, holder, "wit").accepted();
    }
    let edwards = "spiffe://acme.example=edward.jwks";
    issue("edward.pem", "spiffe", "travel.jwk", "wit").saved(&folder, "edward.wit");
    verify("@edward.wit", edwards, "wit").accepted();
    assert_refused!(verify("@edward.wit", edwards, "wit-svid").refusal().err(), "unsupported_alg", "WS-3");
}

#[test]
fn inspect_shows_and_claims_nothing() {
    let folder = Folder::with_agent();
    // {"alg":"none"} and claims that try to be more than they are.
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.";
    for token in ["@travel.wit", none] {
        for json in [false, true] {
            let mut args = vec!["wit", "inspect", token];
            args.extend(json.then_some("--json"));
            let text = folder.aims(&args).accepted();
            assert!(!text.to_lowercase().contains("valid"), "{text}");
            assert!(
                if json { text.contains(r#""verified":false"#) } else { text.starts_with("UNVERIFIED: ") },
                "{text}"
            );
        }
    }
    let json = folder.aims(&["wit", "inspect", none, "--json"]).json();
    assert_eq!((&json["header"]["alg"], &json["claims"]["sub"]), (&"none".into(), &"root".into()));
}

#[test]
fn jo_b64_01_jo_b64_02_inspect_refuses_what_has_no_form() {
    let folder = Folder::new();
    let long = format!("e30.{}.AA", "A".repeat(16 * 1024));
    for (token, code, rule) in [
        ("", "malformed_token", "JO-B64-01"),
        ("e30.e30", "malformed_token", "JO-B64-01"),
        ("e30.e30.AA.AA", "malformed_token", "JO-B64-01"),
        ("e30=.e30.AA", "base64_character", "JO-B64-02"),
        // {"a":1,"a":1}
        ("eyJhIjoxLCJhIjoxfQ.e30.AA", "json_duplicate_name", "JO-JSON-02"),
        ("e30.eyJhIjoxLCJhIjoxfQ.AA", "json_duplicate_name", "JO-JSON-02"),
        (&long, "token_too_long", "JO-B64-01"),
    ] {
        assert_refused!(folder.aims(&["wit", "inspect", token]).refusal().err(), code, rule, "{token}");
    }
}
