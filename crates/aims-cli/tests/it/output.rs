//! What comes out, whatever went in.

use crate::support::{Folder, TRUST};

#[test]
fn claims_cannot_command_a_terminal() {
    let folder = Folder::new();
    // {"alg":"none"} and {"sub":"a\u001b[2J<U+202E>b<U+009B>","x y\nz":["\t","<U+E0001>"]}, some of it unescaped.
    let claims = "{\"sub\":\"a\\u001b[2J\u{202e}b\u{9b}\",\n\"x\\ny\":[\"\u{e0001}\"]}";
    let token = format!("eyJhbGciOiJub25lIn0.{}.", base64url(claims.as_bytes()));
    let text = folder.aims(&["wit", "inspect", &token]).accepted();
    assert!(text.contains("claims.sub: a\\u001b[2J\\u202eb\\u009b\n"), "{text}");
    assert!(text.contains("claims.x\\u000ay: [\"\\udb40\\udc01\"]\n"), "{text}");

    let output = folder.aims(&["wit", "inspect", &token, "--json"]).accepted();
    assert!(output.trim_end().chars().all(|c| c.is_ascii() && !c.is_control()), "{output}");
    let json: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(json["claims"]["sub"], "a\u{1b}[2J\u{202e}b\u{9b}");
    assert_eq!(json["claims"]["x\ny"][0], "\u{e0001}");

    let named = folder.aims(&["key", "inspect", "a\u{1b}[2Jb"]).unusable();
    assert!(named.starts_with("error: a\\u001b[2Jb: "), "{named}");
}

#[test]
fn secrets_and_tokens_stay_out_of_refusals() {
    let folder = Folder::with_agent();
    let token = folder.read("travel.wit");
    let token = token.trim_end();
    let pem = folder.read("travel.pem");
    let secret_line = pem.lines().nth(1).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let changed = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    for args in [
        &["wit", "verify", token, "--trust", "wimse://acme.example=acme.jwks"][..],
        &["wit", "verify", &changed, "--trust", TRUST],
        &["wit", "verify", "@travel.pem", "--trust", TRUST],
        &["wit", "inspect", "@travel.pem"],
        &["id", "inspect", token],
        &["jwk", "inspect", "travel.pem"],
        &["key", "inspect", "travel.wit"],
        &["wit", "verify", "@travel.wit", "--trust", "spiffe://acme.example=travel.pem"],
    ] {
        let output = folder.aims(args);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{args:?}: {output:?}");
        let header = token.split('.').next().unwrap();
        for secret in [header, signature, secret_line] {
            assert!(!output.stderr.contains(secret), "{args:?}: {output:?}");
        }
    }
    // Neither belongs on a command line, where other processes see it; at least it is not repeated.
    let jwk =
        r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
    let assigned = format!("--key={pem}");
    for args in [
        &["wit", "verify", &pem, "--trust", TRUST][..],
        &["key", "inspect", &pem],
        &["key", "inspect", jwk],
        &["wpt", "new", "--key", jwk, "--wit", "travel.wit", "--audience", "a"],
        &["wpt", "new", &assigned, "--wit", "travel.wit", "--audience", "a"],
        &["wpt", "new", "--key", "travel.pem", "--wit", token, "--audience", "a"],
    ] {
        let said = folder.aims(args).unusable();
        for secret in [token, secret_line, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"] {
            assert!(!said.contains(secret), "{args:?}: {said}");
        }
        assert!(said.contains("standard input"), "{said}");
    }
    for command in [&["key", "inspect", "travel.pem"][..], &["key", "public", "travel.pem"]] {
        assert!(!folder.aims(command).accepted().contains(secret_line));
    }
}

#[test]
fn revisions_are_listed() {
    let text = Folder::new().aims(&["revisions"]).accepted();
    assert!(text.lines().any(|line| line == "draft-ietf-wimse-workload-creds 02 (2026-07-02)"), "{text}");
}

#[test]
fn help_and_version_are_no_failures() {
    let folder = Folder::new();
    for args in [&["--help"][..], &["--version"], &["wit", "--help"], &["wpt", "verify", "--help"]] {
        folder.aims(args).accepted();
    }
    let help = folder.aims(&["wpt", "verify", "--help"]).accepted();
    assert!(help.contains("remembered for this run only"), "{help}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_aims"))
        .args(["revisions"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

fn base64url(bytes: &[u8]) -> String {
    aims::jose::base64url::encode(bytes)
}
