//! `aims jwt-svid`.

use aims_testkit::assert_refused;

use crate::support::{BUNDLE, Folder, Output, SUBJECT};

const AUDIENCE: &str = "https://tools.example";

fn issue(folder: &Folder, options: &[&str]) -> Output {
    let by =
        ["jwt-svid", "issue", "--key", "tokens.pem", "--kid", "tokens", "--trust-domain", "acme.example"];
    folder.aims(&[&by[..], &["--subject", SUBJECT, "--audience", AUDIENCE], options].concat())
}

fn verify(folder: &Folder, token: &str, options: &[&str]) -> Output {
    let args = ["jwt-svid", "verify", token, "--trust", BUNDLE];
    folder.aims(&[&args[..], options].concat())
}

fn with_token() -> Folder {
    let folder = Folder::with_authority();
    issue(&folder, &[]).saved(&folder, "travel.jwt");
    folder
}

#[test]
fn js_12_a_verified_token_is_a_bearer_token() {
    let folder = with_token();
    let text = verify(&folder, "@travel.jwt", &["--audience", AUDIENCE]).accepted();
    assert!(text.starts_with("verified, a BEARER token"), "{text}");
    let json = verify(&folder, "@travel.jwt", &["--audience", AUDIENCE, "--json"]).json();
    assert_eq!((&json["verified"], &json["bearer"]), (&true.into(), &true.into()));
    assert_eq!((&json["subject"], &json["audience"]), (&SUBJECT.into(), &AUDIENCE.into()));
    assert_eq!((&json["alg"], &json["kid"]), (&"ES256".into(), &"tokens".into()));
    assert_eq!(issue(&folder, &["--json"]).json()["bearer"], true);
}

#[test]
fn js_7_a_token_is_for_its_audience() {
    let folder = with_token();
    let other = verify(&folder, "@travel.jwt", &["--audience", "https://other.example"]);
    assert_refused!(other.refusal().err(), "audience_mismatch", "JS-7");
    issue(&folder, &["--audience", "https://other.example"]).saved(&folder, "both.jwt");
    for audience in [AUDIENCE, "https://other.example"] {
        let json = verify(&folder, "@both.jwt", &["--audience", audience, "--json"]).json();
        assert_eq!(json["audience"], audience);
    }
    let nobody = verify(&folder, "@travel.jwt", &[]).unusable();
    assert!(nobody.contains("--audience"), "{nobody}");
}

#[test]
fn what_is_issued_is_what_was_asked_for() {
    let folder = with_token();
    let options = ["--lifetime", "90s", "--issuer", "https://id.acme.example", "--json"];
    let issued = issue(&folder, &options).json();
    let token = issued["jwt_svid"].as_str().unwrap();
    let json = verify(&folder, token, &["--audience", AUDIENCE, "--json"]).json();
    let seconds = |name: &str| json["claims"][name].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 90);
    assert_eq!(json["claims"]["iss"], "https://id.acme.example");
    assert_eq!(json["not_after"], issued["not_after"]);
}

#[test]
fn refusals_have_code_and_rule() {
    let folder = with_token();
    for (options, code, rule) in
        [(["--lifetime", "2h"], "bad_lifetime", "AIMS-7"), (["--lifetime", "0"], "bad_lifetime", "AIMS-7")]
    {
        assert_refused!(issue(&folder, &options).refusal().err(), code, rule, "{options:?}");
    }
    let for_me = ["--audience", AUDIENCE];
    let claims = folder.aims(&["jwt-svid", "inspect", "@travel.jwt", "--json"]).json();
    let later = (claims["claims"]["exp"].as_u64().unwrap() + 60).to_string();
    let late = verify(&folder, "@travel.jwt", &[&for_me[..], &["--at", &later]].concat());
    assert_refused!(late.refusal().err(), "expired", "JS-8");
    let other =
        verify(&folder, "@travel.jwt", &[&for_me[..], &["--subject", "spiffe://acme.example/x"]].concat());
    assert_refused!(other.refusal().err(), "unexpected_peer", "CRD-5");
    assert_refused!(verify(&folder, "no-token", &for_me).refusal().err(), "malformed", "JS-1");

    let foreign = ["jwt-svid", "verify", "@travel.jwt", "--trust", "spiffe://other.example=acme.bundle"];
    let foreign = folder.aims(&[&foreign[..], &for_me].concat());
    assert_refused!(foreign.refusal().err(), "unknown_trust_domain", "JS-11");

    let name = ["--kid", "tokens", "--trust-domain", "acme.example", "--subject", SUBJECT];
    let by = ["jwt-svid", "issue", "--key", "root.pem"];
    folder.aims(&[&by[..], &name, &for_me].concat()).saved(&folder, "forged.jwt");
    let forged = verify(&folder, "@forged.jwt", &for_me);
    assert_refused!(forged.refusal().err(), "bad_signature", "JS-11");
}

#[test]
fn a_wit_is_no_jwt_svid_and_its_keys_are_not_for_it() {
    let folder = with_token();
    let by = ["wit", "issue", "--key", "tokens.pem", "--kid", "tokens", "--origin", "spiffe://acme.example"];
    folder
        .aims(&[&by[..], &["--subject", SUBJECT, "--for", "travel.jwk"]].concat())
        .saved(&folder, "travel.wit");
    let wit = verify(&folder, "@travel.wit", &["--audience", AUDIENCE]);
    assert_refused!(wit.refusal().err(), "wrong_type", "JS-5");

    let make = ["bundle", "issue", "--origin", "spiffe://acme.example", "--wit-key", "tokens.jwk"];
    folder.aims(&make).saved(&folder, "acme.bundle");
    let token = verify(&folder, "@travel.jwt", &["--audience", AUDIENCE]);
    assert_refused!(token.refusal().err(), "unknown_key", "JS-11");
}

#[test]
fn inspect_shows_and_claims_nothing() {
    let folder = with_token();
    let text = folder.aims(&["jwt-svid", "inspect", "@travel.jwt"]).accepted();
    assert!(text.starts_with("UNVERIFIED: ") && text.contains("verified: false\n"), "{text}");
    let json = folder.aims(&["jwt-svid", "inspect", "@travel.jwt", "--json"]).json();
    assert_eq!((&json["verified"], &json["claims"]["sub"]), (&false.into(), &SUBJECT.into()));
}
