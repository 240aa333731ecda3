//! Servers that mean no good, at `aims oauth get`.

use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::place::{Answer, Place, folder, run};
use crate::support::{Folder, Output};

const SERVER: &str = "/.well-known/oauth-authorization-server";

fn own(folder: &Folder, place: &Place, options: &[&str]) -> Output {
    let resource = place.resource();
    run(folder, &place.get("client-credentials", &[&["--resource", &resource], options].concat()))
}

/// How often the token endpoint was asked.
fn token_requests(place: &Place) -> usize {
    place.asked().iter().filter(|asked| asked.path() == "/token").count()
}

#[test]
fn met_2_met_4_nothing_is_sent_on_the_word_of_metadata_that_are_wrong() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    for (changes, code, rule) in [
        (json!({ "issuer": "https://evil.example" }), "issuer_mismatch", "MET-2"),
        (json!({ "token_endpoint": "http://localhost/token" }), "metadata_url", "MET-4"),
        (json!({ "token_endpoint": "https://127.0.0.1/token" }), "address_not_allowed", "FED-14"),
        (json!({ "token_endpoint": null }), "no_endpoint", "MET-3"),
        (json!({ "grant_types_supported": ["password"] }), "grant_not_supported", "MCP-30"),
        (
            json!({ "token_endpoint_auth_methods_supported": ["client_secret_basic"] }),
            "method_not_supported",
            "MCP-30",
        ),
    ] {
        place.at(SERVER, move |place| place.metadata(&changes));
        assert_refused!(own(&folder, &place, &[]).refusal().err(), code, rule);
    }
    let elsewhere = format!("{}/elsewhere", place.issuer());
    place.at(SERVER, move |_| Answer::json(302, "").with("location", &elsewhere));
    assert_refused!(own(&folder, &place, &[]).refusal().err(), "too_many_redirects", "FED-7");
    assert_eq!(token_requests(&place), 0);
    assert!(place.asked().iter().all(|asked| asked.path() != "/elsewhere"));
}

#[test]
fn mcp_10_a_server_without_pkce_is_sent_no_user() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    place.at(SERVER, |place| place.metadata(&json!({ "code_challenge_methods_supported": ["plain"] })));
    let resource = place.resource();
    let refused = run(&folder, &place.get("code", &["--resource", &resource]));
    assert_refused!(refused.refusal().err(), "no_pkce", "MCP-10");
}

#[test]
fn dpo_12_a_server_that_wants_another_nonce_for_ever_gets_one_more_proof() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    place.at("/token", |place| {
        let nonce = format!("nonce-{}", place.asked().len());
        Answer::json(400, json!({ "error": "use_dpop_nonce" })).with("dpop-nonce", nonce)
    });
    assert_refused!(own(&folder, &place, &[]).refusal().err(), "server_loops", "DPO-12");
    assert_eq!(token_requests(&place), 2);
}

#[test]
fn dpo_12_mcp_15_what_is_sent_goes_to_one_server_and_what_comes_is_bound() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let other = Place::new(&folder, &[]);
    for host in [place.issuer(), other.issuer()] {
        let elsewhere = format!("{host}/elsewhere");
        place.at("/token", move |_| Answer::json(307, "").with("location", &elsewhere));
        let port = other.port().to_string();
        let refused = own(&folder, &place, &["--allow-port", &port]).refusal();
        assert_refused!(refused.err(), "too_many_redirects", "FED-7");
    }
    assert!(other.asked().is_empty() && place.asked().iter().all(|asked| asked.path() != "/elsewhere"));

    // A bearer token in place of the one that was asked for: whoever wrote that down could use it.
    place.at("/token", |_| {
        Answer::json(
            200,
            json!({ "access_token": "abcdefgh-stolen", "token_type": "Bearer", "expires_in": 60 }),
        )
    });
    let output = own(&folder, &place, &["--new-dpop-key", "dpop.pem", "--out", "access.jwt"]);
    place.told_no_token(&output);
    assert_refused!(output.refusal().err(), "token_use", "DPO-12");
    assert!(!folder.path().join("access.jwt").exists() && !folder.path().join("dpop.pem").exists());
}

#[test]
fn azr_9_no_answer_of_a_server_makes_the_program_repeat_a_token() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl";
    folder.write("subject.jwt", token);
    let exchange = || {
        let subject = ["--subject-token-file", "subject.jwt", "--resource", "https://inner.example"];
        let output = run(&folder, &place.get("exchange", &subject));
        assert!(!output.stdout.contains(token) && !output.stderr.contains(token), "{output:?}");
        assert_eq!(output.code, 1, "{output:?}");
        output
    };
    let errors: [fn(&str) -> Value; 3] = [
        |token| json!({ "error": token }),
        |token| json!({ "error": "invalid_request", "error_description": token }),
        |token| json!({ "error": "invalid_request", token: token }),
    ];
    for error in errors {
        place.at("/token", move |_| Answer::json(400, error(token)));
        exchange();
    }
    for answer in [
        json!({ "access_token": token, "token_type": token, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" }),
        json!({ "access_token": token, "token_type": "DPoP", "issued_token_type": token }),
        json!({ "access_token": format!("{token} {token}"), "token_type": "DPoP" }),
        json!({ "access_token": token, "token_type": "DPoP" }),
        json!([token]),
    ] {
        place.at("/token", move |_| Answer::json(200, &answer));
        exchange();
    }
    place.at("/token", move |_| Answer { status: 500, fields: Vec::new(), body: token.into() });
    assert_refused!(exchange().refusal().err(), "http_status", "WIR-4");

    // A token on the command line would be read by others; named in place of a file, it is not repeated.
    let long = "a".repeat(300);
    let said = run(
        &folder,
        &place.get("exchange", &["--subject-token-file", &long, "--resource", "https://inner.example"]),
    );
    assert!(!said.unusable().contains(&long));
}
