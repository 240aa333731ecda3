//! `aims svid`.

use aims_testkit::assert_refused;

use crate::certificate;
use crate::support::{BUNDLE, Folder, ORIGIN, SUBJECT};

#[test]
fn a_certificate_is_issued_and_verified() {
    let folder = Folder::with_authority();
    let text = folder.verify_svid("travel.crt", &[]).accepted();
    assert!(text.starts_with("verified; who presents it has yet to prove"), "{text}");
    assert!(text.contains(&format!("subject: {SUBJECT}\n")), "{text}");
    let args = ["svid", "verify", "-", "--trust", BUNDLE, "--role", "client"];
    let piped = folder.aims_with_input(&args, folder.read("travel.crt").as_bytes()).accepted();
    assert_eq!(piped, text);
    folder.write("travel.der", certificate::read(&folder, "travel.crt"));
    assert_eq!(folder.verify_svid("travel.der", &[]).accepted(), text);

    let json = folder.verify_svid("travel.crt", &["--json"]).json();
    assert_eq!((&json["verified"], &json["subject"]), (&true.into(), &SUBJECT.into()));
    assert_eq!((&json["role"], &json["type"]), (&"client".into(), &"EC P-256".into()));
    let thumbprint = folder.aims(&["jwk", "thumbprint", "travel.jwk"]).accepted();
    assert_eq!(json["thumbprint"], thumbprint.trim_end());
}

#[test]
fn what_is_issued_is_what_was_asked_for() {
    let folder = Folder::with_authority();
    let issued = folder.issue_svid(&["--lifetime", "10m", "--dns", "travel.acme.example", "--json"]).json();
    folder.write("named.crt", issued["chain"].as_str().unwrap());
    let shown = folder.aims(&["svid", "inspect", "named.crt", "--json"]).json();
    let leaf = &shown["certificates"][0];
    assert_eq!(leaf["uris"], serde_json::json!([SUBJECT]));
    assert_eq!(leaf["dns_names"], serde_json::json!(["travel.acme.example"]));
    assert_eq!(leaf["key_usage"], serde_json::json!(["digitalSignature"]));
    assert_eq!(leaf["extended_key_usage"], serde_json::json!(["serverAuth", "clientAuth"]));
    assert_eq!(leaf["authority"], false);
    for name in ["thumbprint", "fingerprint", "not_after"] {
        assert_eq!(leaf[name], issued[name], "{name}");
    }
    let seconds = |name: &str| leaf[name].as_u64().unwrap();
    // Issuers date back by a little, for clocks that are late.
    assert!((600..700).contains(&(seconds("not_after") - seconds("not_before"))), "{leaf}");
    let verified = folder.verify_svid("named.crt", &["--json"]).json();
    for name in ["serial", "fingerprint", "thumbprint", "not_before", "not_after"] {
        assert_eq!(verified[name], leaf[name], "{name}");
    }
}

#[test]
fn the_key_of_a_jwk_will_do_where_somebody_saw_to_it() {
    let folder = Folder::with_authority();
    let issue = |holder: &[&str]| {
        let by = ["svid", "issue", "--key", "root.pem", "--authority", "root.crt", "--origin", ORIGIN];
        folder.aims(&[&by[..], &["--subject", SUBJECT], holder].concat())
    };
    issue(&["--for", "travel.jwk"]).saved(&folder, "again.crt");
    folder.verify_svid("again.crt", &[]).accepted();
    assert_refused!(issue(&["--for", "root.jwk"]).refusal().err(), "issuers_key", "X5-10");
    assert!(issue(&[]).unusable().contains("--request"));
    assert!(issue(&["--for", "travel.jwk", "--request", "travel.csr"]).unusable().contains("--request"));
}

#[test]
fn an_issuer_below_the_authority_is_in_the_chain_and_the_authority_is_not() {
    let folder = Folder::with_authority();
    folder.key("issuer", "Ed25519", "i");
    let below = ["--below", "root.crt", "--below-key", "root.pem", "--lifetime", "24h"];
    let make = ["svid", "authority", "--key", "issuer.pem", "--origin", ORIGIN];
    folder.aims(&[&make[..], &below].concat()).saved(&folder, "issuer.crt");
    let by = ["svid", "issue", "--key", "issuer.pem", "--authority", "issuer.crt", "--origin", ORIGIN];
    let about = ["--subject", SUBJECT, "--request", "travel.csr"];
    let chain = folder.aims(&[&by[..], &about].concat()).accepted();
    assert_eq!(chain.matches("-----BEGIN CERTIFICATE-----").count(), 2, "{chain}");
    assert!(chain.ends_with(&folder.read("issuer.crt")));
    folder.write("chain.crt", &chain);
    folder.verify_svid("chain.crt", &[]).accepted();
    assert_eq!(folder.read("travel.crt").matches("-----BEGIN CERTIFICATE-----").count(), 1);

    // Without the issuer there is no way to the authority.
    folder.write("leaf.der", certificate::read(&folder, "chain.crt"));
    assert_refused!(folder.verify_svid("leaf.der", &[]).refusal().err(), "unknown_issuer", "X5V-3");
    // It signs workloads only.
    let below = ["--below", "issuer.crt", "--below-key", "issuer.pem"];
    let make = ["svid", "authority", "--key", "travel.pem", "--origin", ORIGIN];
    assert_refused!(folder.aims(&[&make[..], &below].concat()).refusal().err(), "path_length", "X5-8");
    assert!(folder.aims(&[&make[..], &below[..2]].concat()).unusable().contains("--below-key"));
}

#[test]
fn issuing_is_refused_by_code_and_rule() {
    let folder = Folder::with_authority();
    for (options, code, rule) in [
        (["--lifetime", "25h"], "bad_lifetime", "AIMS-7"),
        (["--lifetime", "0"], "bad_lifetime", "AIMS-7"),
        (["--dns", "*.acme.example"], "bad_dns_name", "WIC-2"),
    ] {
        assert_refused!(folder.issue_svid(&options).refusal().err(), code, rule, "{options:?}");
    }
    let issue = |key: &str, authority: &str, origin: &str, subject: &str| {
        let by = ["svid", "issue", "--key", key, "--authority", authority, "--origin", origin];
        folder.aims(&[&by[..], &["--subject", subject, "--request", "travel.csr"]].concat())
    };
    let other = "spiffe://other.example";
    for (key, authority, origin, subject, code, rule) in [
        ("tokens.pem", "root.crt", ORIGIN, SUBJECT, "authority_key", "JO-SIGN-02"),
        ("travel.pem", "travel.crt", ORIGIN, SUBJECT, "not_an_authority", "X5-8"),
        ("root.pem", "root.crt", other, SUBJECT, "authority_domain", "X5-9"),
        ("root.pem", "root.crt", ORIGIN, "spiffe://other.example/a", "foreign_subject", "WIC-4"),
        ("root.pem", "root.crt", ORIGIN, ORIGIN, "bad_subject", "X5-3"),
    ] {
        assert_refused!(issue(key, authority, origin, subject).refusal().err(), code, rule, "{code}");
    }
}

#[test]
fn aims_6_a_request_is_signed_by_the_key_in_it() {
    let folder = Folder::with_authority();
    let json = folder.aims(&["svid", "request", "--key", "travel.pem", "--json"]).json();
    let thumbprint = folder.aims(&["jwk", "thumbprint", "travel.jwk"]).accepted();
    assert_eq!(json["thumbprint"], thumbprint.trim_end());

    let mut der = certificate::read(&folder, "travel.csr");
    folder.write("travel.csr", [&der[..], &der].concat());
    assert_refused!(folder.issue_svid(&[]).refusal().err(), "several_requests", "X5V-1");
    *der.last_mut().unwrap() ^= 1;
    folder.write("travel.csr", &der);
    assert_refused!(folder.issue_svid(&[]).refusal().err(), "bad_signature", "AIMS-6");
    folder.write("travel.csr", folder.read("travel.crt"));
    assert_refused!(folder.issue_svid(&[]).refusal().err(), "unexpected_pem", "X5V-1");
    folder.write("travel.csr", folder.read("travel.jwk"));
    assert_refused!(folder.issue_svid(&[]).refusal().err(), "malformed_request", "X5V-1");
}

#[test]
fn x5v_2_x5v_3_trust_is_for_one_trust_domain_and_by_its_own_authorities() {
    let folder = Folder::with_authority();
    let verify =
        |trust: &str| folder.aims(&["svid", "verify", "travel.crt", "--role", "server", "--trust", trust]);
    for trust in ["spiffe://other.example=acme.bundle", "wimse://acme.example=acme.bundle"] {
        assert_refused!(verify(trust).refusal().err(), "unknown_trust_domain", "X5V-2", "{trust}");
    }
    folder.key("other", "ES256", "o");
    folder.authority("other", "spiffe://other.example");
    let make = ["bundle", "issue", "--origin", "spiffe://other.example", "--authority", "other.crt"];
    folder.aims(&make).saved(&folder, "other.bundle");
    let foreign = verify("spiffe://acme.example=other.bundle");
    assert_refused!(foreign.refusal().err(), "unknown_issuer", "X5V-3");
    verify(BUNDLE).accepted();
    // The keys for tokens verify no certificate.
    folder.aims(&["jwk", "set", "root.jwk"]).saved(&folder, "root.jwks");
    let keys = verify("spiffe://acme.example=root.jwks");
    assert_refused!(keys.refusal().err(), "unknown_issuer", "X5V-3");
}

#[test]
fn crd_5_another_workload_than_the_one_expected_is_refused() {
    let folder = Folder::with_authority();
    for expected in [SUBJECT, "spiffe://acme.example/agents/*", "spiffe://acme.example/**"] {
        folder.verify_svid("travel.crt", &["--subject", expected]).accepted();
    }
    let other = folder.verify_svid("travel.crt", &["--subject", "spiffe://acme.example/tools/*"]);
    assert_refused!(other.refusal().err(), "unexpected_peer", "CRD-5");
    let json = folder.verify_svid("travel.crt", &["--subject", "spiffe://acme.example/x", "--json"]);
    assert_refused!(json.json_refusal().err(), "unexpected_peer", "CRD-5");
}

#[test]
fn x5v_3_time_is_just_a_number() {
    let folder = Folder::with_authority();
    let json = folder.verify_svid("travel.crt", &["--json"]).json();
    let seconds = |name: &str| json[name].as_u64().unwrap();
    let at = |time: u64| folder.verify_svid("travel.crt", &["--at", &time.to_string()]);
    // The last second counts, as the first does.
    at(seconds("not_after")).accepted();
    at(seconds("not_before")).accepted();
    assert_refused!(at(seconds("not_after") + 1).refusal().err(), "expired", "X5V-3");
    assert_refused!(at(seconds("not_before") - 1).refusal().err(), "not_yet_valid", "X5V-3");
}

#[test]
fn x5v_6_the_profile_of_spiffe_has_spiffe_ids_only() {
    let folder = Folder::with_authority();
    folder.key("wimse", "ES256", "w");
    folder.authority("wimse", "wimse://acme.example");
    let origin = ["--origin", "wimse://acme.example"];
    let subject = ["--subject", "wimse://acme.example/agents/travel", "--request", "travel.csr"];
    let by = ["svid", "issue", "--key", "wimse.pem", "--authority", "wimse.crt"];
    folder.aims(&[&by[..], &origin, &subject].concat()).saved(&folder, "wic.crt");
    let make = ["bundle", "issue", "--authority", "wimse.crt"];
    folder.aims(&[&make[..], &origin].concat()).saved(&folder, "wimse.bundle");
    let verify = |profile: &str| {
        let trust = ["--trust", "wimse://acme.example=wimse.bundle", "--profile", profile];
        folder.aims(&[&["svid", "verify", "wic.crt", "--role", "client"], &trust[..]].concat())
    };
    verify("wic").accepted();
    assert_refused!(verify("x509-svid").refusal().err(), "bad_subject", "X5V-6");
}

#[test]
fn inspect_shows_and_claims_nothing() {
    let folder = Folder::with_authority();
    folder.write("both.crt", folder.read("travel.crt") + &folder.read("root.crt"));
    for json in [false, true] {
        let mut args = vec!["svid", "inspect", "both.crt"];
        args.extend(json.then_some("--json"));
        let text = folder.aims(&args).accepted();
        assert!(!text.to_lowercase().contains("valid"), "{text}");
        assert!(
            if json { text.contains(r#""verified":false"#) } else { text.starts_with("UNVERIFIED: ") },
            "{text}"
        );
    }
    let shown = folder.aims(&["svid", "inspect", "both.crt", "--json"]).json();
    let is = |at: usize, name: &str| shown["certificates"][at][name].as_bool().unwrap();
    assert_eq!((is(0, "authority"), is(0, "self_issued")), (false, false));
    assert_eq!((is(1, "authority"), is(1, "self_issued")), (true, true));
    assert_eq!(shown["certificates"][0]["issuer_key_id"], shown["certificates"][1]["key_id"]);
}

#[test]
fn x5v_1_files_that_are_something_else_are_refused() {
    let folder = Folder::with_authority();
    let pem = folder.read("travel.crt");
    folder.write("cut.crt", &pem.as_bytes()[..pem.len() - 30]);
    folder.write("half.crt", pem.lines().take(3).collect::<Vec<_>>().join("\n"));
    folder.write("bad.crt", pem.replacen("MII", "M!I", 1));
    folder.write("cut.der", &certificate::read(&folder, "travel.crt")[..200]);
    folder.write("unknown.crt", pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"));
    folder.write("key-and.crt", folder.read("travel.pem") + &pem);
    folder.write("text.crt", "no certificate");
    folder.write("empty.crt", "");
    folder.write("zero.der", [0x30, 0x00]);
    folder.write("large.der", [&[0x30, 0x82, 0x40, 0x00][..], &[0; 0x4000]].concat());
    for (file, code, rule) in [
        ("cut.crt", "malformed_pem", "X5V-1"),
        ("half.crt", "malformed_pem", "X5V-1"),
        ("bad.crt", "malformed_pem", "X5V-1"),
        ("cut.der", "malformed_certificate", "X5V-1"),
        ("unknown.crt", "unexpected_pem", "X5V-1"),
        ("travel.csr", "unexpected_pem", "X5V-1"),
        ("travel.pem", "private_key", "JO-KEY-03"),
        ("key-and.crt", "private_key", "JO-KEY-03"),
        ("travel.jwk", "malformed_certificate", "X5V-1"),
        ("text.crt", "malformed_certificate", "X5V-1"),
        ("empty.crt", "malformed_certificate", "X5V-1"),
        ("zero.der", "malformed_certificate", "X5V-1"),
        ("large.der", "certificate_too_large", "X5V-1"),
    ] {
        for args in
            [&["svid", "inspect", file][..], &["svid", "verify", file, "--trust", BUNDLE, "--role", "client"]]
        {
            let refusal = folder.aims(args).refusal();
            assert!(refusal.message.starts_with(&format!("{file}: ")), "{refusal:?}");
            assert_refused!(refusal.err(), code, rule, "{args:?}");
        }
    }
    folder.write("huge.crt", vec![b'A'; 1024 * 1024 + 1]);
    assert!(folder.aims(&["svid", "inspect", "huge.crt"]).unusable().contains("more than 1048576 bytes"));
    // What stands around the sections is not looked at, as in the files that OpenSSL writes.
    folder.write("text.crt", format!("Certificate:\n    Data:\n{pem}\n"));
    folder.verify_svid("text.crt", &[]).accepted();
}

#[test]
fn no_private_key_is_printed() {
    let folder = Folder::with_authority();
    let secret = folder.read("root.pem").lines().nth(1).unwrap().to_owned();
    for args in [
        &["svid", "inspect", "root.pem"][..],
        &["svid", "verify", "root.pem", "--trust", BUNDLE, "--role", "client"],
        &["svid", "authority", "--key", "root.pem", "--origin", ORIGIN, "--json"],
        &["svid", "request", "--key", "root.pem", "--json"],
        &["bundle", "issue", "--origin", ORIGIN, "--authority", "root.pem"],
        &["bundle", "inspect", "root.pem"],
    ] {
        let output = folder.aims(args);
        assert!(!format!("{output:?}").contains(&secret), "{args:?}");
    }
}
