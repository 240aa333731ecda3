//! `aims oauth discover`.

use serde_json::{Value, json};

use super::place::{Answer, Place, folder, run};
use crate::support::{Folder, Output};

const RESOURCE: &str = "/.well-known/oauth-protected-resource/v1";
const ROOT: &str = "/.well-known/oauth-protected-resource";
const SERVER: &str = "/.well-known/oauth-authorization-server";

fn discover(folder: &Folder, place: &Place, url: &str, options: &[&str]) -> Output {
    let args: Vec<_> = ["oauth", "discover", url].iter().chain(options).map(ToString::to_string).collect();
    run(folder, &[args, place.reaching()].concat())
}

/// What was found, when a client gets further.
fn found(folder: &Folder, place: &Place) -> Value {
    discover(folder, place, &place.resource(), &["--json"]).json()
}

/// What was found, and why a client gets no further: the code and the rule on standard error.
fn stopped(folder: &Folder, place: &Place) -> (Value, String, String) {
    let output = discover(folder, place, &place.resource(), &["--json"]);
    assert_eq!(output.code, 1, "{output:?}");
    let refused: Value = serde_json::from_str(&output.stderr).unwrap();
    let text = |name: &str| refused["refused"][name].as_str().unwrap().to_owned();
    (serde_json::from_str(&output.stdout).unwrap(), text("code"), text("rule"))
}

/// The findings, as pairs of code and rule.
fn findings(said: &Value) -> Vec<(&str, &str)> {
    let findings = said["findings"].as_array().unwrap().iter();
    findings.map(|finding| (finding["code"].as_str().unwrap(), finding["rule"].as_str().unwrap())).collect()
}

fn steps(said: &Value) -> Vec<(&str, &str)> {
    let steps = said["steps"].as_array().unwrap().iter();
    steps.map(|step| (step["asked"].as_str().unwrap(), step["url"].as_str().unwrap())).collect()
}

#[test]
fn mcp_7_mcp_8_prm_1_met_1_it_walks_from_a_resource_to_the_keys_of_its_server() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let said = found(&folder, &place);
    assert_eq!((&said["discovered"], findings(&said)), (&true.into(), vec![]));
    let issuer = place.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let expected = [
        ("resource", at("/v1")),
        ("resource metadata", at(RESOURCE)),
        ("server metadata", at(SERVER)),
        ("keys", at("/jwks")),
    ];
    let steps = steps(&said);
    assert!(
        steps.iter().zip(&expected).all(|(one, (asked, url))| one == &(*asked, url.as_str())),
        "{steps:?}"
    );
    assert_eq!(steps.len(), expected.len());
    let resource = &said["steps"][1];
    assert_eq!(
        (&resource["resource"], &resource["authorization_servers"][0]),
        (&place.resource().into(), &issuer.as_str().into())
    );
    let server = &said["servers"][0];
    assert_eq!(
        (&server["issuer"], &server["token_endpoint"]),
        (&issuer.as_str().into(), &at("/token").into())
    );
    assert!(server["grants"].as_array().unwrap().contains(&"client_credentials".into()));

    // Nothing says who asks.
    let silent = ["authorization", "cookie", "dpop"];
    assert!(
        place
            .asked()
            .iter()
            .all(|asked| asked.method == "GET" && silent.iter().all(|name| !asked.has_field(name)))
    );
    let text = discover(&folder, &place, &place.issuer(), &["--server"]).accepted();
    assert!(text.starts_with("discovered\ndiscovered: true\nsteps.0.asked: server metadata\n"), "{text}");
}

#[test]
fn mcp_7_mcp_9_without_a_challenge_it_looks_at_the_usual_places() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    place.before(|place, asked| match asked.path() {
        "/v1" => Some(Answer::json(200, "{}")),
        RESOURCE | SERVER => Some(Answer::json(404, "")),
        ROOT => Some(place.resource_metadata(&json!({ "resource": place.issuer() }))),
        "/.well-known/openid-configuration" => Some(place.metadata(&Value::Null)),
        _ => None,
    });
    let said = found(&folder, &place);
    assert_eq!(findings(&said), [("no_challenge", "CHA-1"), ("resource_above", "PRM-2")]);
    assert_eq!(steps(&said).len(), 6);
    assert!(said["steps"][1]["found"].as_str().unwrap().contains("http_status"));

    place.before(|_, asked| {
        (asked.path() == "/v1").then(|| Answer::json(401, "").with("www-authenticate", "Bearer"))
    });
    assert_eq!(findings(&found(&folder, &place)), [("challenge_without_metadata", "CHA-1")]);
}

#[test]
fn what_is_weak_is_a_warning_with_its_rule() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    for (changes, code, rule) in [
        (json!({ "code_challenge_methods_supported": null }), "no_pkce", "MCP-10"),
        (json!({ "code_challenge_methods_supported": ["S256", "plain"] }), "plain_pkce", "PKC-1"),
        (json!({ "authorization_response_iss_parameter_supported": null }), "no_issuer_in_answers", "ISS-1"),
        (json!({ "dpop_signing_alg_values_supported": null }), "no_dpop", "DPO-10"),
        (json!({ "dpop_signing_alg_values_supported": ["HS256"] }), "no_dpop", "DPO-10"),
        (json!({ "pushed_authorization_request_endpoint": null }), "no_pushed_requests", "PAR-4"),
        (
            json!({ "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"] }),
            "shared_secrets_only",
            "AZR-2",
        ),
        (json!({ "token_endpoint_auth_methods_supported": null }), "shared_secrets_only", "AZR-2"),
        (json!({ "token_endpoint_auth_methods_supported": ["none"] }), "no_authentication", "AZR-2"),
        (json!({ "grant_types_supported": ["authorization_code", "password"] }), "legacy_grant", "AUT-1"),
        (json!({ "response_types_supported": ["code", "id_token token"] }), "implicit_response", "AUT-1"),
        (json!({ "jwks_uri": null }), "issuer_without_keys", "MET-4"),
        (json!({ "protected_resources": ["https://other.example"] }), "resource_not_listed", "MET-3"),
    ] {
        place.at(SERVER, move |place| place.metadata(&changes));
        let said = found(&folder, &place);
        assert_eq!(findings(&said), [(code, rule)]);
        assert_eq!(said["findings"][0]["level"], "warning");
    }
    for (changes, code, rule) in [
        (json!({ "dpop_signing_alg_values_supported": null }), "no_sender_constraint", "DPO-10"),
        (json!({ "bearer_methods_supported": ["header", "query"] }), "tokens_in_query", "MCP-2"),
        (json!({ "scopes_supported": ["trips:book", "offline_access"] }), "offline_access", "MCP-5"),
    ] {
        place.at(RESOURCE, move |place| place.resource_metadata(&changes));
        assert_eq!(findings(&found(&folder, &place)), [(code, rule)]);
    }
    place.at("/jwks", |_| Answer::json(500, ""));
    assert_eq!(findings(&found(&folder, &place)), [("http_status", "FED-6")]);
}

#[test]
fn met_2_met_4_prm_2_mcp_1_what_is_wrong_ends_the_walk() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    for (path, changes, code, rule) in [
        (SERVER, json!({ "issuer": "https://evil.example" }), "issuer_mismatch", "MET-2"),
        // A slash is a difference.
        (SERVER, json!({ "issuer": format!("{}/", place.issuer()) }), "issuer_mismatch", "MET-2"),
        (SERVER, json!({ "issuer": null }), "no_issuer", "MET-2"),
        (SERVER, json!({ "token_endpoint": "http://localhost/token" }), "metadata_url", "MET-4"),
        (SERVER, json!({ "jwks_uri": "http://localhost/jwks" }), "metadata_url", "MET-4"),
        (SERVER, json!({ "token_endpoint": null }), "no_endpoint", "MET-3"),
        (SERVER, json!({ "grant_types_supported": "password" }), "metadata_member", "MET-3"),
        (RESOURCE, json!({ "resource": "https://evil.example/v1" }), "resource_mismatch", "PRM-2"),
        // Longer, and as a text the same at its beginning.
        (RESOURCE, json!({ "resource": format!("{}0", place.resource()) }), "resource_mismatch", "PRM-2"),
        (RESOURCE, json!({ "resource": null }), "no_resource", "PRM-1"),
        (RESOURCE, json!({ "authorization_servers": null }), "no_authorization_servers", "MCP-1"),
        (RESOURCE, json!({ "authorization_servers": ["http://localhost"] }), "metadata_member", "PRM-1"),
    ] {
        place.at(path, move |place| {
            if path == SERVER { place.metadata(&changes) } else { place.resource_metadata(&changes) }
        });
        let (said, found_code, found_rule) = stopped(&folder, &place);
        assert_eq!((found_code.as_str(), found_rule.as_str()), (code, rule), "{said}");
        assert_eq!((&said["discovered"], findings(&said).last()), (&false.into(), Some(&(code, rule))));
    }
    place.at(SERVER, |_| Answer::json(404, ""));
    let (said, code, _) = stopped(&folder, &place);
    assert_eq!((code.as_str(), steps(&said).len()), ("http_status", 4));
}

#[test]
fn sec_17_a_stranger_leads_nobody_into_the_private_network() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let port = place.port();
    let private = format!("https://127.0.0.1:{port}");
    let metadata = "https://169.254.169.254/latest";

    // Another server that is named, another place of its metadata, or of its keys.
    for named in [private.as_str(), metadata, "https://[::1]", "https://10.0.0.1"] {
        let named = named.to_owned();
        place
            .at(RESOURCE, move |place| place.resource_metadata(&json!({ "authorization_servers": [named] })));
        let (_, code, rule) = stopped(&folder, &place);
        assert_eq!((code.as_str(), rule.as_str()), ("address_not_allowed", "FED-14"));
    }
    let named = format!("{private}/metadata");
    place.at("/v1", move |_| {
        let challenge = format!("Bearer resource_metadata=\"{named}\"");
        Answer::json(401, "").with("www-authenticate", challenge)
    });
    assert_eq!(stopped(&folder, &place).1, "address_not_allowed");
    place.at(SERVER, move |place| place.metadata(&json!({ "jwks_uri": "https://127.0.0.1/jwks" })));
    assert_eq!(findings(&found(&folder, &place)), [("address_not_allowed", "FED-14")]);
    // A challenge that names no URL of the web.
    place.at("/v1", |_| {
        Answer::json(401, "").with("www-authenticate", "Bearer resource_metadata=\"http://localhost/x\"")
    });
    assert_eq!(stopped(&folder, &place).1, "url_scheme");

    // Redirects are not followed, wherever they lead: to another host, or to the same.
    let asked = place.asked().len();
    let other = Place::new(&folder, &[]);
    for path in [RESOURCE, SERVER] {
        for host in [place.issuer(), other.issuer(), private.clone()] {
            let target = format!("{host}/elsewhere");
            place.at(path, move |_| Answer::json(302, "").with("location", &target));
            assert_eq!(stopped(&folder, &place).1, "too_many_redirects");
        }
    }
    assert!(other.asked().is_empty());
    assert!(place.asked().iter().skip(asked).all(|asked| asked.path() != "/elsewhere"));

    // The first URL is one that somebody sent, too.
    let unreached = |url: &str| {
        let output = folder.aims(&["oauth", "discover", url, "--authorities", "root.crt", "--json"]);
        assert_eq!(output.code, 1, "{output:?}");
        let refused: Value = serde_json::from_str(&output.stderr).unwrap();
        refused["refused"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(unreached(&format!("https://localhost:{port}/v1")), "port_not_allowed");
    assert_eq!(unreached("https://localhost/v1"), "address_not_allowed");
    assert_eq!(unreached("http://localhost/v1"), "url_scheme");
    assert_eq!(unreached("https://user@localhost/v1"), "url_userinfo");
}

#[test]
fn sec_17_a_resource_that_names_many_servers_has_only_the_first_asked() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    place.before(|place, asked| match asked.path() {
        RESOURCE => {
            let named: Vec<_> = (0..100).map(|tenant| format!("{}/{tenant}", place.issuer())).collect();
            Some(place.resource_metadata(&json!({ "authorization_servers": named })))
        }
        path => {
            let tenant = path.strip_prefix(SERVER)?.to_owned();
            Some(place.metadata(&json!({ "issuer": format!("{}{tenant}", place.issuer()) })))
        }
    });
    let said = found(&folder, &place);
    assert_eq!(findings(&said), [("many_servers", "SEC-17")]);
    assert_eq!(said["servers"].as_array().unwrap().len(), 4);
}

#[test]
fn what_strangers_write_is_spelled_out() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    place.at(SERVER, |place| {
        place.metadata(&json!({ "scopes_supported": ["a"], "issuer": "https://evil.example/\u{1b}[2J" }))
    });
    let output = discover(&folder, &place, &place.resource(), &[]);
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "{output:?}");
}
