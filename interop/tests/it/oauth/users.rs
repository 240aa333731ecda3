//! Users, and oauth4webapi as a client: ID Tokens about them, signed requests to them, and users who are asked elsewhere.

use std::time::Duration;

use aims_keys::{Algorithm, UnixTime, backend};
use aims_oauth::{
    AuthorizationRequest, BackchannelClient, BackchannelRequest, BackchannelResponse, ClientKeys,
    ExpectedIdToken, IdTokenIssuer, IdTokenRequest, IdTokenVerifier, NewParameters, Parameters,
    PresentedRequestObject, RequestObjectVerifier, TrustedIssuer, UserHint,
};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::{ISSUER, Server, TOOL, USER, Verdict, compare, issuer, key_of, node, published, set, tool, with};
use crate::peer::Peer;
use crate::support::now;

const CLIENT: &str = "travel-agent";
const NONCE: &str = "n-0S6_WzA2Mj";

fn issued(server: &Server, request: IdTokenRequest<'_>) -> String {
    let issuer = IdTokenIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    issuer.issue(&request, now()).unwrap().into_token().expose().to_owned()
}

fn request() -> IdTokenRequest<'static> {
    IdTokenRequest::new(USER, CLIENT).nonce(NONCE).authenticated(now(), None)
}

/// The claims of a good one, to be changed.
fn claims(at: UnixTime) -> Value {
    let at = at.as_secs();
    json!({
        "iss": ISSUER, "sub": USER, "aud": CLIENT, "nonce": NONCE, "iat": at, "exp": at + 300, "auth_time": at,
    })
}

/// What both say, who were told of the nonce and want the user authenticated within five minutes.
#[track_caller]
fn check(peer: &Peer, server: &Server, name: &str, token: &str, ours: Verdict, theirs: Verdict) {
    let trusted = TrustedIssuer::new(issuer(), set(&server.jwk));
    let verifier = IdTokenVerifier::builder(CLIENT, trusted, backend::ring()).build();
    let expected = ExpectedIdToken::with_nonce(NONCE).max_age(Duration::from_secs(300));
    let said = verifier.verify(&token.parse().unwrap(), &expected, now());
    let said = said.map(drop).map_err(|refused| refused.code());
    compare(name, (said, ours), (read(peer, server, token), theirs));
}

fn read(peer: &Peer, server: &Server, token: &str) -> Result<Value, String> {
    let body = json!({ "access_token": "a-token", "token_type": "Bearer", "id_token": token }).to_string();
    let algorithm = server.jwk.public_key().algorithm().name();
    peer.ask(&json!({
        "task": "id_token", "nonce": NONCE, "max_age": 300, "keys": published(&server.jwk),
        "client": { "client_id": CLIENT },
        "server": {
            "issuer": ISSUER, "jwks_uri": "https://as.example/jwks",
            "id_token_signing_alg_values_supported": [algorithm],
        },
        "answer": { "status": 200, "headers": { "content-type": "application/json" }, "body": body },
    }))
}

#[test]
fn node_takes_our_id_tokens() {
    let Some(node) = node() else { return };
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let server = Server::new(algorithm);
        let access_token = "a-token".parse().unwrap();
        let token = issued(&server, request().with_access_token(&access_token).methods(&["pwd", "otp"]));
        check(node, &server, algorithm.name(), &token, Ok(()), Ok(()));
        let read = read(node, &server, &token).unwrap();
        assert_eq!((&read["sub"], &read["amr"]), (&json!(USER), &json!(["pwd", "otp"])));
    }
}

#[test]
fn node_and_we_refuse_the_same_id_tokens() {
    const CLAIM: &str = "OAUTH_JWT_CLAIM_COMPARISON_FAILED";
    const INVALID: &str = "OAUTH_INVALID_RESPONSE";
    const TIME: &str = "OAUTH_JWT_TIMESTAMP_CHECK_FAILED";

    let Some(node) = node() else { return };
    let (server, at) = (Server::new(Algorithm::Es256), now());
    let changed = |name: &str, value: Value| {
        let claims = with(claims(at), json!({ name: value }));
        server.sign("JWT", &claims).expose().to_owned()
    };
    let secs = at.as_secs();
    for (name, token, ours, theirs) in [
        ("iss", changed("iss", json!("https://evil.example")), "issuer_mismatch", CLAIM),
        ("aud", changed("aud", json!("another")), "audience_mismatch", CLAIM),
        ("aud, two", changed("aud", json!([CLIENT, "another"])), "other_audience", CLAIM),
        ("nonce", changed("nonce", json!("another")), "nonce_mismatch", CLAIM),
        ("exp", changed("exp", json!(secs - 120)), "expired", TIME),
        ("auth_time", changed("auth_time", json!(secs - 3600)), "authentication_too_old", TIME),
        ("sub", changed("sub", json!(7)), "malformed", INVALID),
        ("nonce, none", changed("nonce", Value::Null), "malformed", CLAIM),
        ("key", issued(&Server::new(Algorithm::Es256), request()), "bad_signature", INVALID),
        ("alg", server.confused(&claims(at)).expose().to_owned(), "unsupported_alg", INVALID),
    ] {
        check(node, &server, name, &token, Err(ours), Err(theirs));
    }
    for missing in ["iss", "sub", "aud", "iat", "exp", "nonce", "auth_time"] {
        let mut claims = claims(at);
        claims.as_object_mut().unwrap().remove(missing);
        let token = server.sign("JWT", &claims);
        check(node, &server, missing, token.expose(), Err("malformed"), Err("claim missing"));
    }
}

/// It looks at no `typ`: another token of the same issuer that says the same is an ID Token to it.
#[test]
fn node_takes_other_tokens_for_id_tokens() {
    let Some(node) = node() else { return };
    let server = Server::new(Algorithm::Es256);
    let typed = server.sign("logout+jwt", &claims(now()));
    check(node, &server, "typ", typed.expose(), Err("wrong_type"), Ok(()));
    let hash = with(claims(now()), json!({ "events": {} }));
    check(node, &server, "events", server.sign("JWT", &hash).expose(), Err("events_claim"), Ok(()));
}

/// What its client asks for, signed.
fn signed(peer: &Peer, key: &str, more: Value) -> String {
    let question = json!({
        "task": "request_object", "key": key, "server": { "issuer": ISSUER }, "client": { "client_id": CLIENT },
        "parameters": {
            "response_type": "code", "redirect_uri": "https://agent.example/cb", "state": "a state",
            "scope": "openid trips:book", "resource": TOOL, "max_age": "300",
            "authorization_details": r#"[{"type":"trip","to":"LIS"}]"#,
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
        },
    });
    peer.ask(&with(question, more)).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn we_read_signed_requests_of_node() {
    let Some(node) = node() else { return };
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let name = format!("requests {}", algorithm.name());
        let keys = ClientKeys::new(set(&key_of(node, &name, algorithm)));
        let verify = |more: Value| {
            let mut form = NewParameters::new();
            form.add("client_id", CLIENT).add("request", &signed(node, &name, more));
            let form = Parameters::parse(form.as_str().as_bytes()).unwrap();
            let presented = PresentedRequestObject::read(&form)?.expect("a request object");
            RequestObjectVerifier::builder(issuer()).build().verify(&presented, &keys, now())
        };
        let verified = verify(json!({})).unwrap();
        let read = AuthorizationRequest::read(verified.parameters()).unwrap();
        assert_eq!((read.client_id(), read.sent_state()), (CLIENT, Some("a state")));
        assert_eq!((read.resources(), read.wanted_max_age()), (&[tool()][..], Some(300)));
        assert_eq!(read.wanted_scope().unwrap().as_str(), "openid trips:book");
        assert!(read.wanted_details().is_some());

        let at = now().as_secs();
        let claims = |claims: Value| json!({ "claims": claims });
        for (name, more, code, rule) in [
            ("aud", claims(json!({ "aud": "https://evil.example" })), "audience_mismatch", "JAR-1"),
            ("iss", claims(json!({ "iss": "another" })), "other_client", "JAR-1"),
            ("sub", claims(json!({ "sub": CLIENT })), "subject_claim", "JAR-2"),
            ("exp", claims(json!({ "exp": at - 120, "iat": at - 180 })), "expired", "JAR-2"),
            ("typ", json!({ "header": { "typ": "JWT" } }), "wrong_type", "JAR-2"),
        ] {
            assert_refused!(verify(more), code, rule, "{name}");
        }
    }
}

#[test]
fn users_are_asked_elsewhere_for_node() {
    let Some(node) = node() else { return };
    let ask = |parameters: Value| {
        let sent = node.ask(&json!({
            "task": "request", "kind": "ciba", "client": { "client_id": CLIENT }, "parameters": parameters,
            "server": { "issuer": ISSUER, "backchannel_authentication_endpoint": "https://as.example/bc" },
        }));
        Parameters::parse(sent.unwrap()["body"].as_str().unwrap().as_bytes()).unwrap()
    };
    let form = ask(json!({
        "scope": "openid trips:book", "login_hint": "alice", "binding_message": "W4SCT", "requested_expiry": "60",
        "resource": TOOL,
    }));
    let read = BackchannelRequest::read(&form, BackchannelClient::polling()).unwrap();
    assert!(matches!(read.hint(), UserHint::Login(name) if name == "alice"));
    assert_eq!((read.shown_message().unwrap().as_str(), read.resources()), ("W4SCT", &[tool()][..]));
    assert_eq!(read.wanted_expiry(), Some(Duration::from_secs(60)));

    let answer = BackchannelResponse::new("1c266114-a1be".parse().unwrap(), Duration::from_secs(120))
        .with_interval(Duration::from_secs(2));
    let read = node.ask(&json!({
        "task": "response", "kind": "ciba", "client": { "client_id": CLIENT }, "server": { "issuer": ISSUER },
        "answer": {
            "status": 200, "headers": { "content-type": "application/json" }, "body": answer.to_json().as_str(),
        },
    }));
    let expected = json!({ "auth_req_id": "1c266114-a1be", "expires_in": 120, "interval": 2 });
    assert_eq!(read.unwrap()["read"], expected);
}
