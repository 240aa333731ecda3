//! Files, standard input, and the command line itself.

use aims_testkit::assert_refused;

use crate::support::{Folder, TRUST};

#[test]
fn what_cannot_be_read_is_not_a_refusal() {
    let folder = Folder::new();
    for json in [false, true] {
        let mut args = vec!["jwk", "inspect", "missing.jwk"];
        args.extend(json.then_some("--json"));
        assert!(folder.aims(&args).unusable().contains("missing.jwk"));
    }
    let folder_as_file = folder.aims(&["jwk", "inspect", "."]).unusable();
    assert!(folder_as_file.starts_with("error: .: "), "{folder_as_file}");
}

#[test]
fn json_errors_are_json() {
    let line = Folder::new().aims(&["key", "inspect", "missing.pem", "--json"]).unusable();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(line["error"]["message"].as_str().unwrap().starts_with("missing.pem: "));
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_two() {
    let folder = Folder::new();
    for args in [
        &[][..],
        &["wit"],
        &["frobnicate"],
        &["key", "new", "--alg", "none"],
        &["key", "new", "--alg", "HS256"],
        &["wit", "verify", "-"],
        &["wit", "verify", "-", "--trust", "acme.jwks"],
        &["wit", "verify", "-", "--trust", TRUST, "--at", "tomorrow"],
        &["wpt", "new", "--key", "k", "--wit", "w", "--audience", "a", "--lifetime", "1d"],
        &["wpt", "new", "--key", "k", "--wit", "w", "--audience", "a", "--context", "x"],
        &["jwk", "set"],
        &["svid", "verify", "chain.crt", "--trust", "spiffe://acme.example=acme.bundle"],
        &["svid", "verify", "chain.crt", "--role", "client"],
        &["svid", "verify", "chain.crt", "--role", "both", "--trust", "spiffe://acme.example=acme.bundle"],
        &["svid", "authority", "--key", "root.pem"],
        &["jwt-svid", "verify", "-", "--trust", "spiffe://acme.example=acme.bundle"],
        &["bundle", "issue", "--authority", "root.crt"],
        &["bundle", "issue", "--origin", "spiffe://acme.example", "--sequence", "-1"],
    ] {
        let said = folder.aims(args).unusable();
        assert!(said.contains("Usage") || said.contains("error:"), "{args:?}: {said}");
    }
}

#[test]
fn standard_input_is_read_once() {
    let folder = Folder::with_agent();
    let args = ["wpt", "new", "--key", "-", "--wit", "-", "--audience", "https://tools.example/a"];
    let said = folder.aims_with_input(&args, folder.read("travel.wit").as_bytes()).unusable();
    assert!(said.contains("standard input can be read for one argument only"), "{said}");
}

#[test]
fn a_megabyte_is_the_most_that_is_read() {
    let folder = Folder::new();
    let id = format!("spiffe://acme.example/{}", "a".repeat(1024 * 1024));
    let said = folder.aims_with_input(&["id", "inspect", "-"], id.as_bytes()).unusable();
    assert!(said.contains("more than 1048576 bytes"), "{said}");
    // One byte less than too much is read, and refused for what it is.
    let refusal = folder.aims_with_input(&["id", "inspect", "-"], &id.as_bytes()[..1024 * 1024]).refusal();
    assert_refused!(refusal.err(), "id_too_long", "WID-3");
}

#[test]
fn what_is_not_text_is_told() {
    let said =
        Folder::new().aims_with_input(&["id", "inspect", "-"], b"spiffe://acme.example/\xff").unusable();
    assert!(said.contains("not UTF-8"), "{said}");
}

#[test]
fn line_ends_at_the_end_are_cut_off_and_nothing_else() {
    let folder = Folder::with_agent();
    let token = folder.read("travel.wit");
    for end in ["", "\n", "\r\n", "\n\n"] {
        folder.write("copy.wit", format!("{}{end}", token.trim_end()));
        folder.aims(&["wit", "verify", "@copy.wit", "--trust", TRUST]).accepted();
    }
    for (text, code, rule) in [
        (format!(" {token}"), "malformed", "WIT-1"),
        (format!("{} \n", token.trim_end()), "malformed", "WIT-1"),
        (format!("\n{token}"), "malformed", "WIT-1"),
    ] {
        let verified = folder.aims_with_input(&["wit", "verify", "-", "--trust", TRUST], text.as_bytes());
        assert_refused!(verified.refusal().err(), code, rule, "{text:?}");
    }
}

#[test]
fn a_file_where_a_token_should_be_is_pointed_out() {
    let folder = Folder::with_agent();
    for args in [&["wit", "inspect", "travel.wit"][..], &["wpt", "inspect", "travel.wit"]] {
        assert!(folder.aims(args).unusable().contains("write @travel.wit"));
    }
}
