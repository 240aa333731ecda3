//! Flows, step by step.

use std::time::Duration;

use aims_keys::{SealingKey, backend};
use aims_oauth::{
    AuthorizationStart, ClientCredential, ClientError, ErrorCode, Grant, HeldToken, OAuthClient, Parameters,
    PendingAuthorization, PushStep, RedirectUri, RegisteredClient, SenderConstraint, ServerMetadata,
    TokenRequest, TokenStep, TokenTypeUrn, TypedToken,
};
use aims_testkit::{TestAuthorizationServerBuilder, assert_refused};

use super::support::*;
use crate::world::*;

fn own() -> TokenRequest {
    TokenRequest::new(Grant::ClientCredentials).resource(tool()).scope("trips:read".parse().unwrap())
}

/// To its end, whatever the server asks for.
async fn run(world: &World, client: &OAuthClient, request: TokenRequest) -> Result<TokenStep, ClientError> {
    let mut flow = client.token(request)?;
    loop {
        let sent = flow.send(world.clock.now()).await?;
        let answer = world.send(sent.request()).await;
        match sent.answered(&answer, world.clock.now())? {
            TokenStep::Again(again) => flow = again,
            step => return Ok(step),
        }
    }
}

fn token(step: TokenStep) -> HeldToken {
    let TokenStep::Token(token) = step else { panic!("{step:?}") };
    token
}

fn redirect() -> RedirectUri {
    REDIRECT.parse().unwrap()
}

/// A user is asked for `trips:book`, by a request that was pushed.
async fn pending(world: &World, client: &OAuthClient) -> PendingAuthorization {
    let flow = client.authorize(&redirect()).unwrap().resource(tool()).scope("trips:book".parse().unwrap());
    match flow.session("browser-1").begin(world.clock.now()).await.unwrap() {
        AuthorizationStart::Ready(pending) => *pending,
        AuthorizationStart::Push(sent) => {
            let answer = world.send(sent.request()).await;
            let PushStep::Ready(pending) = sent.answered(&answer).unwrap() else { panic!("no nonce here") };
            *pending
        }
        _ => panic!("no other start"),
    }
}

#[tokio::test]
async fn aims_31_azr_3_dpo_12_an_agent_gets_a_token_of_its_own_bound_to_its_key() {
    let world = World::new();
    let held = token(run(&world, &world.client(), own()).await.unwrap());
    let verified = world.verify(&held);
    assert_eq!((&*verified.subject(), &*verified.client_id()), (CLIENT, CLIENT));
    assert!(verified.is_autonomous());
    assert_eq!(held.scope().unwrap().as_str(), "trips:read");
    assert_eq!(held.expires(), Some(NOW + Duration::from_secs(300)));
    assert!(verified.binding().is_some());
    // The proof of the request that carries it.
    let fields = held.fields("GET", &https("https://tools.example/v1/trips"), None, NOW).await.unwrap();
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["authorization", "dpop"]);
    assert!(fields[0].1.starts_with("DPoP "));
}

#[tokio::test]
async fn dpo_12_a_nonce_is_sent_again_once_and_kept() {
    let world = World::with(TestAuthorizationServerBuilder::require_nonces);
    let client = world.client();
    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    let first = sent.request().fields().to_vec();
    let answer = world.send(sent.request()).await;
    let TokenStep::Again(flow) = sent.answered(&answer, NOW).unwrap() else { panic!("a nonce is wanted") };
    let again = flow.send(NOW).await.unwrap();
    // A new proof, and a new assertion: neither counts twice.
    assert_ne!(again.request().fields()[0].1, first[0].1);
    let answer = world.send(again.request()).await;
    token(again.answered(&answer, NOW).unwrap());
    // The next request has it at once.
    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    let answer = world.send(sent.request()).await;
    token(sent.answered(&answer, NOW).unwrap());
}

#[tokio::test]
async fn dpo_12_abc_5_a_server_that_asks_again_and_again_is_left() {
    let world = World::new();
    let client = world.client();
    for (error, field, rule) in [
        ("use_dpop_nonce", "dpop-nonce", "DPO-12"),
        ("use_attestation_challenge", "oauth-client-attestation-challenge", "ABC-5"),
    ] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        // Once with something new, and no more.
        let answer = json(400, &body).with_field(field, b"n-1");
        let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
        let TokenStep::Again(flow) = sent.answered(&answer, NOW).unwrap() else { panic!("once") };
        let sent = flow.send(NOW).await.unwrap();
        assert_refused!(sent.answered(&answer, NOW), "server_loops", rule);
        // Without anything that could be sent, or with two of it, not once.
        for answer in [json(400, &body), json(400, &body).with_field(field, b"a").with_field(field, b"b")] {
            let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
            assert_refused!(sent.answered(&answer, NOW), "server_loops", rule);
        }
    }
}

#[tokio::test]
async fn dpo_12_exc_10_a_token_of_another_use_or_type_is_refused() {
    let world = World::new();
    let client = world.client();
    let answered = async |request: TokenRequest, body: &str| {
        let sent = client.token(request).unwrap().send(NOW).await.unwrap();
        sent.answered(&json(200, body), NOW)
    };
    let exchange = |kind: TokenTypeUrn| {
        let subject = TypedToken::new("a-token".parse().unwrap(), TokenTypeUrn::AccessToken);
        let exchange = aims_oauth::TokenExchange::of(subject).requesting(kind);
        TokenRequest::new(Grant::TokenExchange(exchange)).resource(tool())
    };
    for token_use in ["Bearer", "N_A", "Other"] {
        let body = format!(r#"{{"access_token":"a","token_type":"{token_use}"}}"#);
        assert_refused!(answered(own(), &body).await, "token_use", "DPO-12");
    }
    token(answered(own(), r#"{"access_token":"a","token_type":"dpop"}"#).await.unwrap());
    let of = |kind: &TokenTypeUrn, token_use: &str| {
        format!(
            r#"{{"access_token":"a","token_type":"{token_use}","issued_token_type":"{}"}}"#,
            kind.as_str()
        )
    };
    // Another kind than was asked for, or none said.
    let jwt = of(&TokenTypeUrn::Jwt, "N_A");
    assert_refused!(answered(exchange(TokenTypeUrn::AccessToken), &jwt).await, "issued_token_type", "EXC-10");
    let nothing = r#"{"access_token":"a","token_type":"N_A"}"#;
    assert_refused!(answered(exchange(TokenTypeUrn::Jwt), nothing).await, "issued_token_type", "EXC-10");
    let bearer = of(&TokenTypeUrn::Jwt, "Bearer");
    assert_refused!(answered(exchange(TokenTypeUrn::Jwt), &bearer).await, "token_use", "DPO-12");
    let access = of(&TokenTypeUrn::AccessToken, "N_A");
    assert_refused!(answered(exchange(TokenTypeUrn::AccessToken), &access).await, "token_use", "DPO-12");
    let TokenStep::Grant(grant) = answered(exchange(TokenTypeUrn::Jwt), &jwt).await.unwrap() else {
        panic!()
    };
    assert_eq!((grant.kind(), grant.issuer()), (&TokenTypeUrn::Jwt, &issuer()));
}

#[tokio::test]
async fn wir_3_wir_4_wir_8_answers_that_are_none_are_refused() {
    let world = World::new();
    let client = world.client();
    let answered = async |answer| {
        let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
        sent.answered(&answer, NOW)
    };
    let html = aims_credential::Posted::new(200, Some("text/html"), b"{}".to_vec());
    assert_refused!(answered(html).await, "media_type", "WIR-3");
    for expires in ["-1", "1.5", "\"300\""] {
        let body = format!(r#"{{"access_token":"a","token_type":"DPoP","expires_in":{expires}}}"#);
        assert_refused!(answered(json(200, &body)).await, "member", "WIR-8");
    }
    let twice = r#"{"access_token":"a","access_token":"b","token_type":"DPoP"}"#;
    assert_refused!(answered(json(200, twice)).await, "json_duplicate_name", "JO-JSON-02");
    assert_refused!(answered(json(500, "oh")).await, "http_status", "WIR-4");
    let refused = answered(json(400, r#"{"error":"invalid_scope"}"#)).await.unwrap_err();
    assert_eq!((refused.code(), refused.error_code()), ("refused", Some(ErrorCode::InvalidScope)));
    // What only another grant can be told.
    for error in ["authorization_pending", "slow_down"] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        assert_eq!(answered(json(400, &body)).await.unwrap_err().code(), "refused");
    }
}

#[tokio::test]
async fn mcp_30_mcp_14_nothing_is_sent_that_the_server_does_not_take_or_is_not_meant_for() {
    let world = World::new();
    let metadata = |members: &str| {
        let text = format!(r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token"{members}}}"#);
        ServerMetadata::parse(text.as_bytes(), &issuer()).unwrap()
    };
    let grants = r#","grant_types_supported":["client_credentials"]"#;
    let methods = r#","token_endpoint_auth_methods_supported":["private_key_jwt"]"#;
    let both = world.client_of(metadata(&format!("{grants}{methods}")));
    assert!(both.token(own()).is_ok());
    assert_refused!(world.client_of(metadata(methods)).token(own()), "grant_not_supported", "MCP-30");
    assert_refused!(world.client_of(metadata(grants)).token(own()), "method_not_supported", "MCP-30");
    let other = world.credential().registered_at("https://other.example".parse().unwrap());
    let refused = OAuthClient::new(metadata(methods), other, world.constraint(), backend::ring());
    assert_refused!(refused, "other_client", "AUT-6");
    // Tokens can be bound to the key of a WIT where the server is shown that key.
    let wit = aims_credential::CurrentCredential::default();
    let constraint = SenderConstraint::signature(wit);
    let refused = OAuthClient::new(metadata(methods), world.credential(), constraint, backend::ring());
    assert_refused!(refused, "constraint", "SEC-4");
}

#[tokio::test]
async fn aims_30_aims_33_azr_2_par_1_par_4_sec_2_a_user_grants_what_was_pushed() {
    let world = World::new();
    let client = world.client();
    let pending = pending(&world, &client).await;
    assert_eq!(pending.session(), "browser-1");
    // Nothing of it in the browser but whose request it is.
    let query = query_of(pending.url());
    assert_eq!(query.names().collect::<Vec<_>>(), ["client_id", "request_uri"]);
    let back = world.server.approve(pending.url(), USER);
    let flow = pending.redeem(&client, &query_of(&back), NOW).unwrap();
    let sent = flow.send(NOW).await.unwrap();
    let answer = world.send(sent.request()).await;
    let held = token(sent.answered(&answer, NOW).unwrap());
    let verified = world.verify(&held);
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, CLIENT));
    assert_eq!(held.scope().unwrap().as_str(), "trips:book");
    assert!(held.refresh_token().is_some());
}

#[tokio::test]
async fn mcp_9_mcp_10_without_par_the_request_is_in_the_url() {
    let world = World::with(TestAuthorizationServerBuilder::without_pushed_requests);
    let client = world.client();
    let pending = pending(&world, &client).await;
    let query = query_of(pending.url());
    for (name, value) in [("resource", TOOL), ("code_challenge_method", "S256"), ("state", pending.state())] {
        assert_eq!(query.get(name).unwrap(), Some(value));
    }
    assert!(query.get("dpop_jkt").unwrap().is_some());
    let back = world.server.approve(pending.url(), USER);
    let sent = pending.redeem(&client, &query_of(&back), NOW).unwrap().send(NOW).await.unwrap();
    let form = Parameters::parse(sent.request().body().as_bytes()).unwrap();
    assert_eq!(form.get("resource").unwrap(), Some(TOOL));
    let answer = world.send(sent.request()).await;
    token(sent.answered(&answer, NOW).unwrap());

    let no_pkce = format!(
        r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","authorization_endpoint":"{ISSUER}/authorize",
        "token_endpoint_auth_methods_supported":["private_key_jwt"]}}"#
    );
    let no_pkce = world.client_of(ServerMetadata::parse(no_pkce.as_bytes(), &issuer()).unwrap());
    assert_refused!(no_pkce.authorize(&redirect()), "no_pkce", "MCP-10");
}

#[tokio::test]
async fn iss_2_aut_6_mcp_11_an_answer_of_another_server_or_request_yields_nothing() {
    let world = World::new();
    let client = world.client();
    for (change, code, rule) in [
        (("iss", Some("https://evil.example")), "issuer_mismatch", "ISS-2"),
        (("iss", Some("https://as.example/")), "issuer_mismatch", "ISS-2"),
        (("iss", None), "issuer_missing", "ISS-2"),
        (("state", Some("another")), "state_mismatch", "AUT-6"),
        (("state", None), "state_mismatch", "AUT-6"),
    ] {
        let pending = pending(&world, &client).await;
        let back = world.server.approve(pending.url(), USER);
        let changed = changed(&query_of(&back), change);
        assert_refused!(pending.redeem(&client, &changed, NOW), code, rule);
    }
    // An error of another server is not shown; that of the right one is.
    let one = pending(&world, &client).await;
    let back = world.server.refuse(one.url());
    let evil = changed(&query_of(&back), ("iss", Some("https://evil.example")));
    assert_refused!(one.redeem(&client, &evil, NOW), "issuer_mismatch", "ISS-2");
    let one = pending(&world, &client).await;
    let back = world.server.refuse(one.url());
    assert_refused!(one.redeem(&client, &query_of(&back), NOW), "authorization_refused", "AUT-3");
}

/// With another value of one parameter, or without it.
fn changed(query: &Parameters, (name, value): (&'static str, Option<&str>)) -> Parameters {
    let mut form = aims_oauth::NewParameters::new();
    for known in ["code", "state", "iss", "error"] {
        let kept = query.get(known).unwrap();
        form.add_some(known, if known == name { value } else { kept });
    }
    Parameters::parse(form.as_str().as_bytes()).unwrap()
}

#[tokio::test]
async fn aut_6_dpo_11_a_request_is_redeemed_by_the_client_that_made_it_and_in_time() {
    let world = World::new();
    let client = world.client();
    let other_key = World { prover: prover(), key: world.key.clone(), ..World::new() };
    let metadata = world.server.metadata().clone();
    let public = OAuthClient::new(
        metadata.clone(),
        ClientCredential::none("another"),
        world.constraint(),
        backend::ring(),
    )
    .unwrap();
    for other in [other_key.client_of(metadata), public] {
        let one = pending(&world, &client).await;
        let back = world.server.approve(one.url(), USER);
        assert_refused!(one.redeem(&other, &query_of(&back), NOW), "other_client", "AUT-6");
    }
    let one = pending(&world, &client).await;
    let back = world.server.approve(one.url(), USER);
    let late = NOW + PendingAuthorization::LIFETIME;
    assert_refused!(one.redeem(&client, &query_of(&back), late), "expired", "HIL-42");
}

#[tokio::test]
async fn hil_43_a_request_that_waits_survives_a_restart_sealed() {
    let world = World::new();
    let client = world.client();
    let key = SealingKey::generate(backend::ring()).unwrap();
    let one = pending(&world, &client).await;
    let sealed = one.seal(&key).unwrap();
    let shown = format!("{one:?}");
    assert!(!sealed.contains(one.state()) && !shown.contains(one.state()), "{shown}");
    let back = world.server.approve(one.url(), USER);
    drop(one);

    let other = SealingKey::generate(backend::ring()).unwrap();
    assert_refused!(PendingAuthorization::open(&sealed, &other), "sealed", "HIL-43");
    assert_refused!(PendingAuthorization::open("!", &key), "sealed", "HIL-43");
    // One kind of state is not another.
    assert_refused!(aims_oauth::PendingApproval::open(&sealed, &key), "sealed", "HIL-43");
    assert_refused!(aims_oauth::UserGrant::open(&sealed, &key), "sealed", "HIL-43");

    let opened = PendingAuthorization::open(&sealed, &key).unwrap();
    assert_eq!((opened.session(), opened.url()), ("browser-1", ""));
    let sent = opened.redeem(&client, &query_of(&back), NOW).unwrap().send(NOW).await.unwrap();
    let answer = world.send(sent.request()).await;
    assert_eq!(token(sent.answered(&answer, NOW).unwrap()).scope().unwrap().as_str(), "trips:book");
}

#[tokio::test]
async fn mcp_15_aims_19_a_token_goes_to_its_resource_and_is_shown_to_nobody() {
    let world = World::new();
    let held = token(run(&world, &world.client(), own()).await.unwrap());
    for url in [
        "https://evil.example/v1/trips",
        "https://tools.example/v10",
        "https://tools.example/",
        "https://tools.example:8443/v1",
        "https://tools.example.evil.example/v1",
    ] {
        assert_refused!(held.fields("GET", &https(url), None, NOW).await, "other_resource", "MCP-15");
    }
    let end = held.expires().unwrap();
    let url = https("https://tools.example/v1");
    assert!(held.fields("GET", &url, None, NOW).await.is_ok());
    assert_refused!(held.fields("GET", &url, None, end).await, "expired", "HIL-42");
    let text = held.token().expose();
    assert!(!format!("{held:?}{:?}", world.client()).contains(text));
    held.clone().discard();
    assert_refused!(held.fields("GET", &url, None, NOW).await, "expired", "HIL-42");
}

#[cfg(feature = "client-secret")]
#[tokio::test]
async fn wir_6_spc_3_a_secret_or_an_svid_shows_the_client_too() {
    let world = World::new();
    let metadata = format!(
        r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","grant_types_supported":["client_credentials"],
        "token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post","tls_client_auth","none"],
        "mtls_endpoint_aliases":{{"token_endpoint":"https://mtls.as.example/token"}}}}"#
    );
    let metadata = ServerMetadata::parse(metadata.as_bytes(), &issuer()).unwrap();
    let sent = async |credential: ClientCredential| {
        let constraint = SenderConstraint::dangerous_bearer();
        let client = OAuthClient::new(metadata.clone(), credential, constraint, backend::ring()).unwrap();
        client.token(own()).unwrap().send(NOW).await.unwrap()
    };
    let secret = || "s3cret:+".parse().unwrap();
    let basic = sent(ClientCredential::secret_basic("a b", secret())).await;
    let [(name, value)] = basic.request().fields() else { panic!("one field") };
    // WIR-5: each half in the encoding of forms.
    let pair = String::from_utf8(aims_jose::base64::decode(value.strip_prefix("Basic ").unwrap()).unwrap());
    assert_eq!((*name, pair.unwrap().as_str()), ("authorization", "a+b:s3cret%3A%2B"));
    assert!(!basic.request().body().contains("client_id"));
    let post = sent(ClientCredential::secret_post("a", secret())).await;
    assert!(post.request().body().contains("client_secret=s3cret%3A%2B"));
    assert!(!format!("{post:?}").contains("s3cret"));
    // Clients with certificates go where those are asked for.
    let tls = sent(ClientCredential::certificate("a")).await;
    assert_eq!(tls.request().url().as_str(), "https://mtls.as.example/token");
    assert!(tls.request().fields().is_empty() && tls.request().body().contains("client_id=a"));
    let none = sent(ClientCredential::none("a")).await;
    assert_eq!(none.request().url().as_str(), "https://as.example/token");
    drop(world);
}

#[tokio::test]
async fn aut_2_a_user_comes_back_to_any_port_of_the_own_machine_and_nowhere_else() {
    let laptop = RegisteredClient::public("laptop");
    let world = World::with(|server| server.registered(laptop, &["http://127.0.0.1/callback"]));
    let (metadata, none) = (world.server.metadata(), ClientCredential::none("laptop"));
    let client = OAuthClient::new(metadata.clone(), none, world.constraint(), backend::ring()).unwrap();
    for (uri, is_registered) in [
        ("http://127.0.0.1/callback", true),
        ("http://127.0.0.1:49152/callback", true),
        ("http://127.0.0.1:49152/other", false),
        ("http://[::1]:49152/callback", false),
        ("https://agent.example/cb", false),
    ] {
        let flow = client.authorize(&uri.parse().unwrap()).unwrap().resource(tool());
        let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!("it is pushed") };
        let answer = world.send(sent.request()).await;
        match sent.answered(&answer) {
            Ok(PushStep::Ready(pending)) => {
                assert!(is_registered, "{uri}");
                assert!(world.server.approve(pending.url(), USER).starts_with(&format!("{uri}?")));
            }
            Err(ClientError::Refused(error)) => {
                assert!(!is_registered, "{uri}");
                assert_eq!(error.issuer(), world.server.issuer());
                let said = error.response().description().unwrap().as_str();
                assert!(said.contains("redirect URI") && error.to_string().contains(said), "{error:?}");
            }
            other => panic!("{uri}: {other:?}"),
        }
    }
}
