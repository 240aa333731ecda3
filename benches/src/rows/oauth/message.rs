//! What is read and holds no signature: forms, challenges, answers about tokens.

use aims_keys::backend;
use aims_oauth::{Challenges, CodeGrant, CodeVerifier, Grant, NewParameters, Parameters, TokenRequest};
use serde::Deserialize;

use crate::fixtures::{NOW, Tokens};
use crate::row::Row;

/// The body of a request to the token endpoint.
fn body() -> String {
    let verifier = CodeVerifier::generate(backend::ring()).expect("randomness");
    let code = "SplxlOBeZQQYbYS6WxSbIA".parse().expect("a code");
    let grant = CodeGrant::new(code, verifier).with_redirect_uri("https://agent.example/callback");
    let mut form = NewParameters::new();
    TokenRequest::new(Grant::AuthorizationCode(grant))
        .resource(Tokens::RESOURCE.parse().expect("a resource"))
        .scope("trips:read trips:book".parse().expect("a scope"))
        .write(&mut form);
    form.add("client_id", Tokens::CLIENT);
    form.as_str().to_owned()
}

pub(in crate::rows) fn form() -> Row {
    let body = body();
    let theirs = body.clone();
    Row::short(move || Parameters::parse(body.as_bytes()).expect("a form"))
        .short_peer("form_urlencoded", move || {
            form_urlencoded::parse(theirs.as_bytes()).into_owned().collect::<Vec<_>>()
        })
}

pub(in crate::rows) fn token_request() -> Row {
    let body = body();
    Row::short(move || {
        let form = Parameters::parse(body.as_bytes()).expect("a form");
        TokenRequest::read(&form).expect("a request")
    })
}

pub(in crate::rows) fn challenges() -> Row {
    const LINE: &str = r#"Bearer error="insufficient_scope", scope="trips:read trips:book", resource_metadata="https://tools.example/.well-known/oauth-protected-resource", DPoP error="insufficient_scope", scope="trips:read trips:book", algs="ES256 ES384 EdDSA""#;
    Row::short(|| Challenges::parse([LINE]).expect("challenges"))
        .short_peer("http-auth", || http_auth::parse_challenges(LINE).expect("challenges"))
}

/// What a typical reader makes of it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and nothing is done with it")]
struct Answer {
    active: bool,
    iss: String,
    sub: String,
    aud: String,
    client_id: String,
    jti: String,
    iat: u64,
    exp: u64,
    scope: String,
    token_type: String,
    username: String,
}

pub(in crate::rows) fn introspection() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let verifier = tokens.verifier();
    let issuer = Tokens::ISSUER.parse().expect("an issuer");
    let token = "2YotnFZFEjr1zCsicMWpAA".parse().expect("a token");
    let body = super::kept::answer();
    let theirs = body.clone();
    Row::short(move || verifier.introspected(&token, &issuer, body.as_bytes(), *NOW).expect("an answer"))
        .short_peer("serde_json, typed", move || serde_json::from_str::<Answer>(&theirs).expect("an answer"))
}
