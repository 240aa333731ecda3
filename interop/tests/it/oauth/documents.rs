//! What servers say, and oauth4webapi reads: metadata, tokens, errors, challenges.

use std::time::Duration;

use aims_keys::backend;
use aims_keys::{Algorithm, AlgorithmSet};
use aims_oauth::{
    AccessTokenVerifier, AuthorizationDetails, AuthorizationError, AuthorizationResponse, BindingPolicy,
    Challenge, Challenges, ClientAuthMethod, ClientInformation, ClientMetadata, DpopVerifier, Endpoint,
    ErrorCode, ErrorResponse, ExpectedAuthorization, GrantType, Issuer, Listed, Parameters, PresentedToken,
    ResourceError, ResourceMetadata, ResourceServer, SealedNonces, ServerMetadata, Signed, TokenBinding,
    TokenResponse, TokenTypeUrn, TokenUse, TrustedIssuer,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::{AGENT, ISSUER, Server, TOOL, issuer, node, set, tool, with};
use crate::peer::Peer;
use crate::support::now;

/// Of the authorization server.
pub(super) fn metadata() -> ServerMetadata {
    let url = |path: &str| format!("{ISSUER}/{path}").parse().unwrap();
    ServerMetadata::builder(issuer())
        .endpoint(Endpoint::Authorization, url("authorize"))
        .endpoint(Endpoint::Introspection, url("introspect"))
        .endpoint(Endpoint::PushedAuthorization, url("par"))
        .endpoint(Endpoint::Registration, url("register"))
        .endpoint(Endpoint::Revocation, url("revoke"))
        .endpoint(Endpoint::Token, url("token"))
        .mtls_endpoint(Endpoint::Token, "https://mtls.as.example/token".parse().unwrap())
        .jwks_uri(url("jwks"))
        .grants(&[GrantType::AuthorizationCode, GrantType::ClientCredentials, GrantType::TokenExchange])
        .auth_methods(&[ClientAuthMethod::PrivateKeyJwt])
        .algorithms(Signed::ClientAssertion, AlgorithmSet::STANDARD)
        .algorithms(Signed::DpopProof, AlgorithmSet::STANDARD)
        .list(Listed::CodeChallengeMethods, ["S256"])
        .scopes("trips:read trips:book".parse().unwrap())
        .require_pushed_requests()
        .sends_issuer()
        .build()
        .unwrap()
}

/// Of the tool.
fn resource() -> ResourceMetadata {
    ResourceMetadata::builder(tool())
        .authorization_servers([issuer()])
        .scopes("trips:read trips:book".parse().unwrap())
        .dpop_algorithms(AlgorithmSet::of(&[Algorithm::Es256]))
        .require_dpop()
        .name("Trips")
        .build()
        .unwrap()
}

/// What it makes of an answer: in `read`, or an error that it was told.
fn reads(peer: &Peer, kind: &str, status: u16, body: &str, more: Value) -> Result<Value, String> {
    let question = json!({
        "task": "response", "kind": kind, "server": { "issuer": ISSUER }, "client": { "client_id": AGENT },
        "answer": { "status": status, "headers": { "content-type": "application/json" }, "body": body },
    });
    peer.ask(&with(question, more))
}

/// Where it looks for metadata.
fn looks(peer: &Peer, question: Value) -> String {
    peer.ask(&with(question, json!({ "task": "request" }))).unwrap()["url"].as_str().unwrap().to_owned()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn node_reads_our_metadata() {
    let Some(node) = node() else { return };
    let document = metadata().to_json();
    let read = reads(node, "discovery", 200, &document, json!({ "issuer": ISSUER })).unwrap();
    assert_eq!(read["read"], json_of(&document));
    let other = reads(node, "discovery", 200, &document, json!({ "issuer": "https://evil.example" }));
    assert!(other.unwrap_err().starts_with("OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"));

    let document = resource().to_json();
    let read = reads(node, "resource_discovery", 200, &document, json!({ "resource": TOOL })).unwrap();
    assert_eq!(read["read"], json_of(&document));
    let other =
        reads(node, "resource_discovery", 200, &document, json!({ "resource": "https://tools.example/v2" }));
    assert!(other.unwrap_err().starts_with("OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"));
}

#[test]
fn node_and_we_look_for_metadata_in_the_same_places() {
    let Some(node) = node() else { return };
    for text in
        [ISSUER, "https://as.example/tenant", "https://as.example:8443/a/b", "https://as.example/tenant/"]
    {
        let issuer: Issuer = text.parse().unwrap();
        let urls: Vec<_> = ServerMetadata::urls(&issuer).iter().map(ToString::to_string).collect();
        for algorithm in ["oauth2", "oidc"] {
            let url = looks(node, json!({ "kind": "discovery", "issuer": text, "algorithm": algorithm }));
            assert!(urls.contains(&url), "{algorithm}: {url} is none of {urls:?}");
        }
    }
    for text in [TOOL, "https://tools.example", "https://tools.example:8443/mcp?a=b"] {
        let url = looks(node, json!({ "kind": "resource_discovery", "resource": text }));
        assert_eq!(url, ResourceMetadata::url(&text.parse().unwrap()).unwrap().to_string(), "{text}");
    }
}

/// RFC 8414 §3.3 wants the same text; it compares what the URL standard makes of both.
#[test]
fn node_takes_another_spelling_of_an_issuer() {
    let Some(node) = node() else { return };
    for spelled in
        ["https://as.example/", "https://AS.example", "https://as.example:443", "https://as.example/a/.."]
    {
        let document = json!({ "issuer": spelled, "token_endpoint": "https://as.example/token" }).to_string();
        reads(node, "discovery", 200, &document, json!({ "issuer": ISSUER })).unwrap();
        let refused = ServerMetadata::parse(document.as_bytes(), &issuer()).unwrap_err();
        assert_eq!(refused.rule(), "MET-2", "{spelled}");
    }
}

#[test]
fn node_reads_our_tokens_and_errors() {
    let Some(node) = node() else { return };
    let details = r#"[{"type":"trip","to":"LIS"}]"#;
    let response = TokenResponse::new("a-token".parse().unwrap(), TokenUse::NotApplicable)
        .expires_in(Duration::from_secs(60))
        .of_type(TokenTypeUrn::from_text("urn:ietf:params:oauth:token-type:id-jag"))
        .details(AuthorizationDetails::parse(details).unwrap());
    let body = response.to_json().unwrap();
    let read = reads(node, "generic", 200, &body, json!({})).unwrap();
    let expected = json!({
        "access_token": "a-token", "token_type": "n_a", "expires_in": 60, "authorization_details": json_of(details),
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
    });
    assert_eq!(read["read"], expected);

    for (kind, code) in [
        ("generic", ErrorCode::InvalidGrant),
        ("pushed", ErrorCode::InvalidRequest),
        ("introspection", ErrorCode::InvalidClient),
        ("revocation", ErrorCode::UnsupportedTokenType),
        ("generic", ErrorCode::UseDpopNonce),
    ] {
        let error = ErrorResponse::new(code).describe("\"quoted\", and more");
        let read = reads(node, kind, error.status(), &error.to_json(), json!({})).unwrap();
        let expected = json!({
            "error": code.as_str(), "description": "quoted, and more", "status": error.status(),
            "wants_nonce": code == ErrorCode::UseDpopNonce,
        });
        assert_eq!(read, expected);
    }
}

#[test]
fn node_reads_where_our_users_come_back_to() {
    let Some(node) = node() else { return };
    let (issuer, code) = (issuer(), "a-code".parse().unwrap());
    let ask = |location: &str, state: &str| {
        node.ask(&json!({
            "task": "authorization_response", "location": location, "state": state, "client": { "client_id": AGENT },
            "server": json_of(&metadata().to_json()),
        }))
    };
    let ours = |location: &str, state: &str| {
        let (_, query) = location.split_once('?').unwrap();
        ExpectedAuthorization::new(issuer.clone(), state, true)
            .code(&Parameters::parse(query.as_bytes()).unwrap())
    };
    let granted = AuthorizationResponse::granted(&issuer, &code).with_state(Some("s&t=a te"));
    for uri in ["https://agent.example/cb", "https://agent.example/cb?a=b", "http://127.0.0.1:4711/"] {
        let location = granted.location(uri);
        let read = ask(&location, "s&t=a te").unwrap();
        assert_eq!((&read["code"], &read["iss"]), (&json!("a-code"), &json!(ISSUER)));
        ours(&location, "s&t=a te").unwrap();
    }
    let refused =
        AuthorizationResponse::refused(&issuer, ErrorCode::AccessDenied, Some("no")).with_state(Some("s"));
    let location = refused.location("https://agent.example/cb");
    assert!(ask(&location, "s").unwrap_err().starts_with("OAUTH_AUTHORIZATION_RESPONSE_ERROR"));
    assert!(matches!(ours(&location, "s"), Err(AuthorizationError::Refused { .. })));

    // Mix-up, CSRF, and what is there twice.
    let evil: Issuer = "https://evil.example".parse().unwrap();
    let cb = "https://agent.example/cb";
    let mixed_up = AuthorizationResponse::granted(&evil, &code).with_state(Some("s")).location(cb);
    let good = AuthorizationResponse::granted(&issuer, &code).with_state(Some("s")).location(cb);
    for (location, state, code, rule) in [
        (mixed_up, "s", "issuer_mismatch", "ISS-2"),
        (good.clone(), "t", "state_mismatch", "AUT-6"),
        (format!("{cb}?code=a&state=s"), "s", "issuer_missing", "ISS-2"),
        (format!("{cb}?code=a&iss=https://as.example"), "s", "state_mismatch", "AUT-6"),
        (format!("{good}&state=s"), "s", "parameter_repeated", "WIR-2"),
        (format!("{good}&iss=https://as.example"), "s", "parameter_repeated", "WIR-2"),
    ] {
        assert!(ask(&location, state).is_err(), "{location}");
        assert_refused!(ours(&location, state), code, rule, "{location}");
    }
}

#[test]
fn node_registers_with_us() {
    let Some(node) = node() else { return };
    let sent = node
        .ask(&json!({
            "task": "request", "kind": "registration", "server": json_of(&metadata().to_json()), "metadata": {
                "client_name": "Travel", "redirect_uris": ["https://agent.example/cb"],
                "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://agent.example/jwks",
                "grant_types": ["authorization_code", "refresh_token"], "dpop_bound_access_tokens": true,
            },
        }))
        .unwrap();
    assert_eq!(sent["url"], "https://as.example/register");
    let body = sent["body"].as_str().unwrap();
    let read = ClientMetadata::parse_registration(body.as_bytes(), backend::ring()).unwrap();
    assert_eq!((read.name(), read.auth_method()), (Some("Travel"), ClientAuthMethod::PrivateKeyJwt));
    assert!(read.binds_to_dpop() && read.allows_grant(GrantType::RefreshToken));

    let answer = ClientInformation::new("client-1", read, now()).unwrap();
    let document = answer.to_json();
    let got = reads(node, "registration", 201, &document, json!({})).unwrap();
    assert_eq!(got["read"], json_of(&document));
    assert_eq!(got["read"]["client_id"], "client-1");
}

/// A tool with nonces, whose challenges have all that they can have.
fn service(server: &Server) -> ResourceServer {
    let trusted = TrustedIssuer::new(issuer(), set(&server.jwk));
    let tokens = AccessTokenVerifier::builder(tool(), trusted, backend::ring()).build();
    let proofs = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring())
        .require_nonces(SealedNonces::generate(backend::ring()).unwrap());
    ResourceServer::new(tokens, BindingPolicy::bound()).with_dpop(proofs.build()).with_metadata(resource())
}

/// What it reads in lines of `WWW-Authenticate`: schemes in lower case, and their parameters.
fn challenges(peer: &Peer, lines: &[String]) -> Value {
    let headers: Vec<_> = lines.iter().map(|line| ["www-authenticate", line]).collect();
    peer.ask(&json!({ "task": "challenges", "answer": { "status": 401, "headers": headers, "body": null } }))
        .unwrap()
}

/// The same as we read it.
fn ours(lines: &[String]) -> Value {
    let read = Challenges::parse(lines).unwrap();
    let all = read.iter().map(|challenge| {
        let known = [
            "acr_values",
            "algs",
            "error",
            "error_description",
            "max_age",
            "realm",
            "resource_metadata",
            "scope",
        ];
        let parameters =
            known.into_iter().filter_map(|name| Some((name.to_owned(), challenge.text(name)?.into())));
        let mut value = json!({ "scheme": challenge.scheme().to_ascii_lowercase() });
        value["parameters"] = Value::Object(parameters.collect());
        if let Some(token) = challenge.token68() {
            value["token68"] = token.into();
        }
        value
    });
    all.collect()
}

#[test]
fn node_reads_our_challenges() {
    let Some(node) = node() else { return };
    let server = Server::new(Algorithm::Es256);
    let service = service(&server);
    let bound = TokenBinding::Key(aims_jose::Thumbprint::of(server.jwk.public_key()));
    let token = server.issue(&super::request().bound_to(bound));
    let presented = PresentedToken::read([format!("DPoP {}", token.expose())]).unwrap().unwrap();
    let target = "https://tools.example/v1".parse().unwrap();
    let missing = service
        .verify_dpop(&presented, &service.verify(&presented, now()).unwrap(), [""; 0], "GET", &target, now())
        .unwrap_err();
    let needed = "trips:book".parse().unwrap();
    for error in [ResourceError::Missing, ResourceError::Bearer, missing] {
        let lines: Vec<_> =
            service.challenges(&error, Some(&needed)).iter().map(ToString::to_string).collect();
        let read = challenges(node, &lines);
        assert_eq!(read["challenges"], ours(&lines), "{lines:?}");
        assert_eq!(read["challenges"].as_array().unwrap().len(), 2);
        assert_eq!(read["challenges"][1]["parameters"]["scope"], "trips:book");
    }
    let wants = Challenge::new("DPoP").with("error", "use_dpop_nonce").with("algs", "ES256");
    assert_eq!(challenges(node, &[wants.to_string()])["wants_nonce"], true);
}

#[test]
fn node_and_we_read_challenges_alike() {
    let Some(node) = node() else { return };
    for lines in [
        &["Bearer"][..],
        &[r#"Bearer realm="a, b", error=invalid_token"#],
        &[r#"Bearer realm="a \"quoted\" one", DPoP algs="ES256 EdDSA", error="use_dpop_nonce""#],
        &["Bearer", r#"DPoP algs="ES256""#],
        &[r#"Negotiate YII=, Bearer scope="a b""#],
        &[r#"bearer REALM = "a" , , scope="b""#],
    ] {
        let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(challenges(node, &lines)["challenges"], ours(&lines), "{lines:?}");
    }
    // What is no list of challenges is none for either.
    for line in ["Bearer realm=\"a", "=a"] {
        let lines = [line.to_owned()];
        assert!(Challenges::parse(&lines).is_err(), "{line}");
        assert_eq!(challenges(node, &lines), Value::Null, "{line}");
    }
}

/// RFC 9110 §11.6.1 wants a comma before the next challenge.
#[test]
fn node_takes_challenges_without_a_comma_between_them() {
    let Some(node) = node() else { return };
    let lines = [r#"Bearer realm="a"DPoP"#.to_owned()];
    assert_eq!(challenges(node, &lines)["challenges"][1]["scheme"], "dpop");
    assert_refused!(Challenges::parse(&lines), "malformed_challenge", "CHA-2");
}

/// CHA-2: which of the two counts, readers do not agree on.
#[test]
fn node_takes_the_last_of_parameters_that_are_there_twice() {
    let Some(node) = node() else { return };
    let lines =
        [r#"Bearer resource_metadata="https://a.example", resource_metadata="https://b.example""#.to_owned()];
    let read = challenges(node, &lines);
    assert_eq!(read["challenges"][0]["parameters"]["resource_metadata"], "https://b.example");
    assert_refused!(Challenges::parse(&lines), "challenge_parameter_repeated", "CHA-2");
}
