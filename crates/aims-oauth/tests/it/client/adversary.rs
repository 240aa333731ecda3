//! Hostile servers, resources and hosts: what they try against the client.

use std::sync::Arc;
use std::time::Duration;

use aims_keys::{SealingKey, UnixTime, backend};
use aims_oauth::{
    AuthorizationDetails, AuthorizationRequest, AuthorizationStart, BackchannelRequest, ClientAttestation,
    ClientCredential, ClientError, ErrorCode, Grant, Parameters, PendingApproval, PendingAuthorization,
    RedirectUri, SecurityToken, ServerMetadata, TokenClient, TokenNeed, TokenRequest, TokenStep,
    TokenTypeUrn, TypedToken, UserGrant, UserHint,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::{key, sign};
use crate::world::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn need() -> TokenNeed {
    TokenNeed::of(tool()).from(issuer()).scope("trips:read".parse().unwrap())
}

async fn granted(world: &World, tokens: &TokenClient, scope: &str, user: &str) -> UserGrant {
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let client = tokens.client(&issuer()).await.unwrap();
    let flow = client.authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope(scope.parse().unwrap())).await.unwrap();
    let back = world.server.approve(pending.url(), user);
    tokens.redeem(pending, &query_of(&back)).await.unwrap()
}

fn question() -> BackchannelRequest {
    BackchannelRequest::new("trips:book".parse().unwrap(), UserHint::Login(USER.into())).resource(tool())
}

#[tokio::test]
async fn hil_9_what_the_server_says_of_the_interval_is_kept_to_however_long() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    between.answers(Ok(json(200, r#"{"auth_req_id":"a-request","expires_in":7200,"interval":600}"#)));
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    assert_eq!(pending.next_poll(), NOW + secs(600));
    world.clock.advance(secs(600));
    between.answers(Ok(json(400, r#"{"error":"slow_down"}"#)));
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    assert_eq!(pending.next_poll(), NOW + secs(600 + 605));
    world.clock.advance(secs(605));
    between.answers(Ok(json(400, r#"{"error":"authorization_pending"}"#)));
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    assert_eq!(pending.next_poll(), NOW + secs(600 + 605 + 605));
}

#[tokio::test]
async fn hil_9_hil_42_what_the_server_has_decided_is_not_asked_for_again() {
    for code in ["access_denied", "expired_token", "invalid_grant", "invalid_request", "unauthorized_client"]
    {
        let world = World::new();
        let between = Between::of(&world.server);
        let tokens = world.tokens(between.clone());
        let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
        world.clock.advance(secs(5));
        between.answers(Ok(json(400, &format!(r#"{{"error":"{code}"}}"#))));
        assert_eq!(tokens.poll(&mut pending).await.unwrap_err().code(), "refused", "{code}");
        between.posted();
        world.clock.advance(secs(5));
        assert_refused!(tokens.poll(&mut pending).await, "expired", "HIL-42");
        assert!(between.posted().is_empty(), "{code}");
        // Nor by whoever opens it after a restart.
        let key = SealingKey::generate(backend::ring()).unwrap();
        let mut opened = PendingApproval::open(&pending.seal(&key).unwrap(), &key).unwrap();
        assert_refused!(tokens.poll(&mut opened).await, "expired", "HIL-42");
    }
    // What is no decision of theirs ends nothing.
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    world.server.decide(pending.id(), true);
    for answer in [
        json(400, r#"{"error":"temporarily_unavailable"}"#),
        json(401, r#"{"error":"invalid_client"}"#),
        json(502, "<html>"),
    ] {
        world.clock.set(pending.next_poll());
        between.answers(Ok(answer));
        assert!(tokens.poll(&mut pending).await.is_err());
    }
    world.clock.set(pending.next_poll());
    assert!(tokens.poll(&mut pending).await.unwrap().is_some());
}

#[tokio::test]
async fn mcp_15_xd_19_no_resource_chooses_which_server_sees_a_token_that_is_exchanged() {
    let world = World::new();
    let between = Between::of(&world.server);
    // A hostile resource names the hostile one of two servers.
    between.page(
        "https://tools.example/.well-known/oauth-protected-resource/v1",
        r#"{"resource":"https://tools.example/v1","authorization_servers":["https://evil.example"]}"#,
    );
    between.page(
        "https://evil.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token",
            "grant_types_supported":["urn:ietf:params:oauth:grant-type:token-exchange"],
            "token_endpoint_auth_methods_supported":["private_key_jwt"]}"#,
    );
    let builder = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .server("https://evil.example".parse().unwrap(), world.credential(), world.constraint());
    let tokens = builder.build();
    let subject: SecurityToken = "of-the-user".parse().unwrap();
    let exchange = TokenNeed::of(tool()).in_exchange_for(TypedToken::new(subject, TokenTypeUrn::AccessToken));
    assert_refused!(tokens.token(&exchange).await, "which_server", "MCP-15");
    assert!(between.posted().is_empty() && between.fetched().is_empty());
    // Who says where it goes, is heard.
    assert_eq!(tokens.token(&exchange.from(issuer())).await.unwrap_err().code(), "refused");
    assert!(between.posted()[0].contains("of-the-user"));
}

#[tokio::test]
async fn rft_2_mcp_14_a_refresh_token_goes_to_no_other_server_that_is_trusted() {
    let world = World::new();
    let between = Between::of(&world.server);
    between.page(
        "https://evil.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token",
            "grant_types_supported":["refresh_token"],"token_endpoint_auth_methods_supported":["private_key_jwt"]}"#,
    );
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .server("https://evil.example".parse().unwrap(), world.credential(), world.constraint())
        .build();
    let grant = granted(&world, &tokens, "trips:read", USER).await;
    between.posted();
    let elsewhere = TokenNeed::of(tool()).by(&grant).from("https://evil.example".parse().unwrap());
    for _ in 0..2 {
        assert_refused!(tokens.token(&elsewhere).await, "other_client", "AUT-6");
        world.clock.advance(secs(300));
    }
    assert!(between.posted().is_empty());
    // Nor is it another client's at the same server.
    let client = aims_oauth::ClientKey::new("other-agent", world.key.clone(), None).unwrap();
    let other = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), ClientCredential::key(client), world.constraint())
        .build();
    assert_refused!(other.token(&TokenNeed::of(tool()).by(&grant)).await, "other_client", "AUT-6");
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn abc_5_a_challenge_is_asked_for_before_a_request_is_pushed_too() {
    let world = World::new();
    let between = Between::of(&world.server);
    between.page(
        "https://as.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
            "authorization_endpoint":"https://as.example/authorize","challenge_endpoint":"https://as.example/challenge",
            "pushed_authorization_request_endpoint":"https://as.example/par","code_challenge_methods_supported":["S256"],
            "token_endpoint_auth_methods_supported":["attest_jwt_client_auth"]}"#,
    );
    let instance = Arc::new(key());
    let jwk = aims_jose::Jwk::new(aims_keys::Signer::public_key(&*instance).clone()).to_json();
    let attestation = sign(
        r#"{"alg":"ES256","typ":"oauth-client-attestation+jwt"}"#,
        &format!(r#"{{"sub":"{CLIENT}","exp":1790003600,"cnf":{{"jwk":{jwk}}}}}"#),
        &key(),
    );
    let attestation =
        ClientAttestation::from_attester(&attestation, aims_keys::Signer::public_key(&*instance)).unwrap();
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), ClientCredential::attestation(attestation, instance), world.constraint())
        .build();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap();
    between.answers(Ok(json(200, r#"{"attestation_challenge":"c-1"}"#)));
    // It does not count any more, and another is where the first was.
    between.answers(Ok(json(400, r#"{"error":"use_attestation_challenge"}"#)));
    between.answers(Ok(json(200, r#"{"attestation_challenge":"c-2"}"#)));
    between.answers(Ok(json(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#)));
    tokens.begin(flow).await.unwrap();
    let posted = between.posted();
    assert_eq!((posted.len(), &*posted[0], &*posted[2]), (4, "", ""));
    assert_eq!(posted[1], posted[3]);
}

#[tokio::test]
async fn hil_43_what_could_not_be_opened_again_is_not_sealed() {
    let world = World::new();
    let client = world.client();
    let key = SealingKey::generate(backend::ring()).unwrap();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let begin = async |flow: aims_oauth::AuthorizationFlow| match flow.begin(NOW).await.unwrap() {
        AuthorizationStart::Push(sent) => {
            match sent.answered(&json(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#)).unwrap() {
                aims_oauth::PushStep::Ready(pending) => pending,
                _ => panic!(),
            }
        }
        _ => panic!(),
    };
    let large = format!(r#"{{"type":"t","identifier":"{}"}}"#, "ä".repeat(1_500));
    let large = format!("[{large},{large},{large},{large}]");
    let scope = ":".repeat(10_000).parse().unwrap();
    let details = AuthorizationDetails::parse(&large).unwrap();
    let flow = client.authorize(&redirect).unwrap().details(details).scope(scope);
    assert_refused!(begin(flow).await.seal(&key), "form_too_long", "WIR-9");
    let mut flow = client.authorize(&redirect).unwrap();
    for _ in 0..17 {
        flow = flow.resource(tool());
    }
    assert_eq!(begin(flow).await.seal(&key).unwrap_err().rule(), "WIR-9");
    let mut flow = client.authorize(&redirect).unwrap();
    for _ in 0..16 {
        flow = flow.resource(tool());
    }
    PendingAuthorization::open(&begin(flow).await.seal(&key).unwrap(), &key).unwrap();
}

#[tokio::test]
async fn hil_43_what_is_sealed_is_taken_for_nothing_else_and_not_changed() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let key = SealingKey::generate(backend::ring()).unwrap();
    let grant = granted(&world, &tokens, "trips:read", USER).await.seal(&key).unwrap();
    let approval = tokens.ask_user(&issuer(), question()).await.unwrap().seal(&key).unwrap();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    let authorization = tokens.begin(flow).await.unwrap().seal(&key).unwrap();
    for other in [&approval, &authorization] {
        assert_refused!(UserGrant::open(other, &key), "sealed", "HIL-43");
    }
    for other in [&grant, &authorization] {
        assert_refused!(PendingApproval::open(other, &key), "sealed", "HIL-43");
    }
    for other in [&grant, &approval] {
        assert_refused!(PendingAuthorization::open(other, &key), "sealed", "HIL-43");
    }
    for at in [0, 1, 50, grant.len() - 1] {
        let mut changed = grant.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_refused!(UserGrant::open(&changed, &key), "sealed", "HIL-43");
    }
    let half = grant.split_at(60).0;
    for text in ["", "A", "AQ", half, &"A".repeat(200_000)] {
        assert_refused!(UserGrant::open(text, &key), "sealed", "HIL-43");
    }
}

#[tokio::test]
async fn sec_14_azr_8_a_request_that_is_shown_shows_neither_state_nor_nonce_nor_user() {
    let world = World::new();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = world.client().authorize(&redirect).unwrap().scope("openid".parse().unwrap());
    let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
    let form = Parameters::parse(sent.request().body().as_bytes()).unwrap();
    let read = AuthorizationRequest::read(&form).unwrap();
    let origin = aims_oauth::RequestOrigin::read(&form).unwrap();
    let shown = format!("{sent:?} {read:?} {origin:?}");
    for name in ["state", "nonce"] {
        let secret = form.get(name).unwrap().unwrap();
        assert!(!shown.contains(secret), "{name}: {shown}");
    }
    assert!(shown.contains(CLIENT));
}

#[tokio::test]
async fn exc_10_what_says_that_it_is_no_access_token_is_none_whatever_was_asked_for() {
    let client = World::new().client();
    for kind in [TokenTypeUrn::IdJag, TokenTypeUrn::RefreshToken, TokenTypeUrn::IdToken, TokenTypeUrn::Jwt] {
        let sent =
            client.token(TokenRequest::new(Grant::ClientCredentials)).unwrap().send(NOW).await.unwrap();
        let body =
            format!(r#"{{"access_token":"a","token_type":"DPoP","issued_token_type":"{}"}}"#, kind.as_str());
        assert_refused!(sent.answered(&json(200, &body), NOW), "issued_token_type", "EXC-10");
    }
}

#[tokio::test]
async fn idt_4_a_refresh_token_brings_no_other_user() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens, "openid trips:read", USER).await;
    let other = granted(&world, &tokens, "openid trips:read", "user-2").await;
    let id_token = other.first_token().unwrap().id_token().unwrap().expose().to_owned();
    world.clock.advance(secs(250));
    let body = format!(
        r#"{{"access_token":"a","token_type":"DPoP","expires_in":300,"refresh_token":"next","id_token":"{id_token}"}}"#
    );
    between.answers(Ok(json(200, &body)));
    let of_user = TokenNeed::of(tool()).by(&grant);
    let refused = tokens.token(&of_user).await.unwrap_err();
    assert_eq!(refused.rule(), "IDT-4");
    // What came in place of the refresh token is kept all the same.
    world.clock.advance(secs(60));
    between.posted();
    assert!(tokens.token(&of_user).await.is_err());
    assert!(between.posted()[0].contains("refresh_token=next"));
    // An honest one says the same user.
    let of_other = TokenNeed::of(tool()).by(&other);
    assert_eq!(world.verify(&tokens.token(&of_other).await.unwrap()).subject(), "user-2");
}

#[tokio::test]
async fn wir_8_the_largest_numbers_break_nothing() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let huge = u64::MAX;
    between.answers(Ok(json(
        200,
        &format!(r#"{{"access_token":"a","token_type":"DPoP","expires_in":{huge}}}"#),
    )));
    let token = tokens.token(&need()).await.unwrap();
    // Nobody's token lives longer than a month.
    assert_eq!(token.expires(), Some(NOW + secs(30 * 24 * 3600)));
    assert!(token.is_live(NOW) && !token.is_due(NOW));
    assert!(!token.is_live(UnixTime::from_secs(huge)) && token.is_due(UnixTime::from_secs(huge)));
    assert!(!token.is_live(UnixTime::from_secs(0)));
    between
        .answers(Ok(json(200, &format!(r#"{{"auth_req_id":"a","expires_in":{huge},"interval":{huge}}}"#))));
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    pending.wait(not_yet(&world).await);
    assert_eq!(pending.next_poll(), UnixTime::from_secs(huge));
    assert_eq!(pending.expires(), NOW + secs(30 * 24 * 3600));
    between.posted();
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    world.clock.advance(secs(30 * 24 * 3600));
    assert_refused!(tokens.poll(&mut pending).await, "expired", "HIL-42");
    assert!(between.posted().is_empty());
    // And none at all: it is not kept, and not used.
    between.answers(Ok(json(200, r#"{"access_token":"a","token_type":"DPoP","expires_in":0}"#)));
    let token = tokens.token(&need()).await.unwrap();
    let refused = token.fields("GET", &https(TOOL), None, world.clock.now()).await;
    assert_refused!(refused, "expired", "HIL-42");
}

/// A server says: slow down.
async fn not_yet(world: &World) -> aims_oauth::NotYet {
    let grant = Grant::Backchannel("a".parse().unwrap());
    let sent = world.client().token(TokenRequest::new(grant)).unwrap().send(NOW).await.unwrap();
    match sent.answered(&json(400, r#"{"error":"slow_down"}"#), NOW).unwrap() {
        TokenStep::Pending(not_yet) => not_yet,
        _ => panic!(),
    }
}

#[tokio::test]
async fn hil_9_no_other_grant_is_asked_for_slowly() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    for code in ["slow_down", "authorization_pending"] {
        between.answers(Ok(json(400, &format!(r#"{{"error":"{code}"}}"#))));
        assert_eq!(tokens.token(&need()).await.unwrap_err().code(), "refused");
        assert_eq!(between.posted().len(), 1);
        world.clock.advance(secs(60));
    }
}

#[tokio::test]
async fn iss_2_sec_15_a_mixed_up_or_doubled_answer_sends_the_code_nowhere() {
    let world = World::new();
    let client = world.client();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let begin = async || {
        let flow = client.authorize(&redirect).unwrap().resource(tool());
        let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
        let answer = json(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#);
        let aims_oauth::PushStep::Ready(pending) = sent.answered(&answer).unwrap() else { panic!() };
        pending
    };
    for (extra, code, rule) in [
        ("&iss=https%3A%2F%2Fas.example&code=2", "parameter_repeated", "WIR-2"),
        ("&iss=https%3A%2F%2Fas.example&iss=https%3A%2F%2Fas.example", "parameter_repeated", "WIR-2"),
        ("&iss=https%3A%2F%2Fevil.example&error=access_denied", "issuer_mismatch", "ISS-2"),
        ("&iss=https%3A%2F%2FAS.example", "issuer_mismatch", "ISS-2"),
        ("&iss=https%3A%2F%2Fas.example%2F", "issuer_mismatch", "ISS-2"),
        ("&iss=", "issuer_missing", "ISS-2"),
        ("&iss=https%3A%2F%2Fas.example&state=x", "parameter_repeated", "WIR-2"),
        ("&iss=https%3A%2F%2Fas.example&error=access_denied", "authorization_refused", "AUT-3"),
    ] {
        let pending = begin().await;
        let query = format!("code=1&state={}{extra}", pending.state());
        let query = Parameters::parse(query.as_bytes()).unwrap();
        assert_refused!(pending.redeem(&client, &query, NOW), code, rule);
    }
    // With the answer in time, to the second.
    for (later, is_ok) in [(599, true), (600, false)] {
        let pending = begin().await;
        let query = format!("code=1&state={}&iss=https%3A%2F%2Fas.example", pending.state());
        let query = Parameters::parse(query.as_bytes()).unwrap();
        assert_eq!(pending.redeem(&client, &query, NOW + secs(later)).is_ok(), is_ok);
    }
    // By a clock that was wrong meanwhile, it does not count for longer.
    for (earlier, is_ok) in [(60, true), (61, false)] {
        let pending = begin().await;
        let query = format!("code=1&state={}&iss=https%3A%2F%2Fas.example", pending.state());
        let query = Parameters::parse(query.as_bytes()).unwrap();
        assert_eq!(pending.redeem(&client, &query, NOW - secs(earlier)).is_ok(), is_ok);
    }
}

#[tokio::test]
async fn dpo_12_a_nonce_is_not_asked_for_twice_however_it_is_interleaved() {
    let metadata = r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
        "grant_types_supported":["client_credentials"],"token_endpoint_auth_methods_supported":["private_key_jwt"]}"#;
    let client = World::new().client_of(ServerMetadata::parse(metadata.as_bytes(), &issuer()).unwrap());
    let mut flow = client.token(TokenRequest::new(Grant::ClientCredentials)).unwrap();
    let answers = ["use_dpop_nonce", "use_attestation_challenge", "use_dpop_nonce"];
    for (tried, code) in answers.into_iter().enumerate() {
        let answer = json(400, &format!(r#"{{"error":"{code}"}}"#))
            .with_field("dpop-nonce", format!("n-{tried}").as_bytes())
            .with_field("oauth-client-attestation-challenge", b"c");
        match flow.send(NOW).await.unwrap().answered(&answer, NOW) {
            Ok(TokenStep::Again(again)) if tried < 2 => flow = again,
            Err(error) if tried == 2 => {
                assert_eq!(error, ClientError::Looping(ErrorCode::UseDpopNonce));
                return;
            }
            other => panic!("{tried}: {other:?}"),
        }
    }
}
