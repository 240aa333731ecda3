//! Step by step: what is read of each answer, and what of it is not believed.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::Posted;
use aims_jose::base64url;
use aims_keys::{Signer, SoftwareKey, backend};
use aims_oauth::{
    AskStep, AuthorizationFlow, AuthorizationStart, BackchannelRequest, Challenges, ClientAttestation,
    ClientCredential, Grant, HeldToken, NonceJar, OAuthClient, Parameters, PendingApproval,
    PendingAuthorization, RedirectUri, SenderConstraint, ServerMetadata, StepUp, StepUps, TokenExchange,
    TokenRequest, TokenStep, TokenTypeUrn, TypedToken, UserHint,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::{key, sign};
use crate::world::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn redirect() -> RedirectUri {
    REDIRECT.parse().unwrap()
}

/// A server of this name that has all that is asked for here.
fn metadata_of(issuer: &str, more: &str) -> ServerMetadata {
    let text = format!(
        r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/token","authorization_endpoint":"{issuer}/authorize",
        "backchannel_authentication_endpoint":"{issuer}/ask","challenge_endpoint":"{issuer}/challenge",
        "code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true,
        "grant_types_supported":["authorization_code","client_credentials","urn:openid:params:grant-type:ciba",
            "urn:ietf:params:oauth:grant-type:token-exchange"],
        "token_endpoint_auth_methods_supported":["private_key_jwt","attest_jwt_client_auth"]{more}}}"#
    );
    ServerMetadata::parse(text.as_bytes(), &issuer.parse().unwrap()).unwrap()
}

fn html(status: u16, body: &str) -> Posted {
    Posted::new(status, Some("text/html"), body.as_bytes().to_vec())
}

/// A client instance with this key, and an attestation that does not end.
fn attested(instance: &Arc<SoftwareKey>, constraint: SenderConstraint) -> OAuthClient {
    let jwk = aims_jose::Jwk::new(instance.public_key().clone()).to_json();
    let token = sign(
        r#"{"alg":"ES256","typ":"oauth-client-attestation+jwt"}"#,
        &format!(r#"{{"sub":"{CLIENT}","exp":1990000000,"cnf":{{"jwk":{jwk}}}}}"#),
        &key(),
    );
    let attestation = ClientAttestation::from_attester(&token, instance.public_key()).unwrap();
    let credential = ClientCredential::attestation(attestation, instance.clone());
    OAuthClient::new(metadata_of(ISSUER, ""), credential, constraint, backend::ring()).unwrap()
}

async fn received(client: &OAuthClient, request: TokenRequest, body: &str) -> HeldToken {
    let sent = client.token(request).unwrap().send(NOW).await.unwrap();
    match sent.answered(&json(200, body), NOW).unwrap() {
        TokenStep::Token(token) => token,
        other => panic!("{other:?}"),
    }
}

fn own() -> TokenRequest {
    TokenRequest::new(Grant::ClientCredentials).resource(tool()).scope("trips:read".parse().unwrap())
}

#[tokio::test]
async fn mcp_14_aut_6_what_was_begun_at_one_server_goes_on_at_no_other() {
    let world = World::new();
    let (client, evil) =
        (world.client_of(metadata_of(ISSUER, "")), world.client_of(metadata_of("https://evil.example", "")));
    assert_refused!(client.with_server(metadata_of("https://evil.example", "")), "other_client", "AUT-6");
    client.with_server(metadata_of(ISSUER, "")).unwrap();
    let flow = client.authorize(&redirect()).unwrap().resource(tool());
    let AuthorizationStart::Ready(pending) = flow.begin(NOW).await.unwrap() else { panic!() };
    // A server that says it is the other one gets no code.
    let query = format!("code=1&state={}&iss=https%3A%2F%2Fevil.example", pending.state());
    let query = Parameters::parse(query.as_bytes()).unwrap();
    assert_refused!(pending.redeem(&evil, &query, NOW), "other_client", "AUT-6");

    let mut pending = asked(&client).await;
    assert_refused!(pending.poll(&evil, NOW + secs(5)), "other_client", "AUT-6");
    assert!(pending.poll(&client, NOW + secs(5)).is_ok());
}

async fn asked(client: &OAuthClient) -> PendingApproval {
    let request =
        BackchannelRequest::new("trips:book".parse().unwrap(), UserHint::Login(USER.into())).resource(tool());
    let sent = client.ask_user(request).unwrap().send(NOW).await.unwrap();
    let AskStep::Pending(pending) =
        sent.answered(&json(200, r#"{"auth_req_id":"a","expires_in":120}"#), NOW).unwrap()
    else {
        panic!()
    };
    *pending
}

#[tokio::test]
async fn abc_5_wir_3_a_challenge_is_one_or_is_not_kept() {
    let world = World::new();
    let client = attested(&Arc::new(key()), world.constraint());
    let (good, long) = (r#"{"attestation_challenge":"c-1"}"#, "c".repeat(1025));
    for answer in [
        json(500, good),
        json(201, good),
        html(200, good),
        json(200, "{}"),
        json(200, r#"{"attestation_challenge":1}"#),
        json(200, r#"{"attestation_challenge":""}"#),
        json(200, r#"{"attestation_challenge":"c 1"}"#),
        json(200, r#"{"attestation_challenge":"c\"1"}"#),
        json(200, r#"{"attestation_challenge":"c-1","attestation_challenge":"c-1"}"#),
        json(200, &format!(r#"{{"attestation_challenge":"{long}"}}"#)),
    ] {
        assert!(client.challenged(&answer).is_err(), "{answer:?}");
        assert!(client.challenge_url().is_some());
    }
    client.challenged(&json(200, good)).unwrap();
    assert!(client.challenge_url().is_none());
    // In a field it is no other. What does not count any more is asked for again where the server gives it, once.
    for field in ["c 1", "", "c\"1", &*long] {
        client.challenged(&json(200, good)).unwrap();
        let mut flow = client.token(own()).unwrap();
        for is_first in [true, false] {
            let sent = flow.send(NOW).await.unwrap();
            let answer = json(400, r#"{"error":"use_attestation_challenge"}"#)
                .with_field("oauth-client-attestation-challenge", field.as_bytes());
            let answered = sent.answered(&answer, NOW);
            assert!(client.challenge_url().is_some());
            if !is_first {
                assert_refused!(answered, "server_loops", "ABC-5");
                break;
            }
            let TokenStep::Again(again) = answered.unwrap() else { panic!() };
            flow = again;
        }
    }
    // A server without a place for it has to say it.
    let nowhere = world.client_of(ServerMetadata::parse(
        br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token","grant_types_supported":["client_credentials"],
            "token_endpoint_auth_methods_supported":["private_key_jwt"]}"#,
        &issuer(),
    ).unwrap());
    let sent = nowhere.token(own()).unwrap().send(NOW).await.unwrap();
    let answered = sent.answered(&json(400, r#"{"error":"use_attestation_challenge"}"#), NOW);
    assert_refused!(answered, "server_loops", "ABC-5");
}

#[tokio::test]
async fn wir_3_what_is_not_json_is_nothing_that_an_endpoint_says() {
    let world = World::new();
    let client = world.client_of(metadata_of(
        ISSUER,
        r#","pushed_authorization_request_endpoint":"https://as.example/par""#,
    ));
    let flow = client.authorize(&redirect()).unwrap();
    let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
    let answer = html(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#);
    assert_refused!(sent.answered(&answer), "media_type", "WIR-3");
    let request = BackchannelRequest::new("trips:book".parse().unwrap(), UserHint::Login(USER.into()));
    let sent = client.ask_user(request).unwrap().send(NOW).await.unwrap();
    let answer = html(200, r#"{"auth_req_id":"a","expires_in":120}"#);
    assert_refused!(sent.answered(&answer, NOW), "media_type", "WIR-3");
    // What a page says that somebody put in between, ends no grant.
    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    assert_refused!(sent.answered(&html(400, r#"{"error":"invalid_grant"}"#), NOW), "http_status", "WIR-4");
}

#[tokio::test]
async fn par_4_a_request_that_must_be_pushed_is_not_sent_with_the_browser() {
    let client =
        World::new().client_of(metadata_of(ISSUER, r#","require_pushed_authorization_requests":true"#));
    let flow = client.authorize(&redirect()).unwrap();
    assert_refused!(flow.begin(NOW).await, "no_endpoint", "MET-3");
}

#[tokio::test]
async fn hil_43_what_was_remembered_is_so_after_a_restart() {
    let world = World::new();
    let client = world.client_of(metadata_of(ISSUER, ""));
    let sealing = aims_keys::SealingKey::generate(backend::ring()).unwrap();
    let flow = client.authorize(&redirect()).unwrap().scope("openid trips:read".parse().unwrap());
    let AuthorizationStart::Ready(pending) = flow.resource(tool()).begin(NOW).await.unwrap() else {
        panic!()
    };
    let opened = || PendingAuthorization::open(&pending.seal(&sealing).unwrap(), &sealing).unwrap();
    assert!(pending.nonce().is_some());
    assert_eq!((opened().nonce(), opened().state()), (pending.nonce(), pending.state()));
    // The server said that it says who it is.
    let query = format!("code=1&state={}", pending.state());
    let query = Parameters::parse(query.as_bytes()).unwrap();
    assert_refused!(opened().redeem(&client, &query, NOW), "issuer_missing", "ISS-2");
    // The code is bound to the key (DPO-11).
    let other = world.credential();
    let other = OAuthClient::new(
        metadata_of(ISSUER, ""),
        other,
        SenderConstraint::dangerous_bearer(),
        backend::ring(),
    )
    .unwrap();
    assert_refused!(opened().redeem(&other, &query, NOW), "other_client", "AUT-6");
    // Where the server does not say what the token is good for, it is what was asked for.
    let query = format!("code=1&state={}&iss=https%3A%2F%2Fas.example", pending.state());
    let query = Parameters::parse(query.as_bytes()).unwrap();
    let flow = opened().redeem(&client, &query, NOW).unwrap();
    assert!(flow.request().wanted_scope().is_none());
    let sent = flow.send(NOW).await.unwrap();
    let TokenStep::Token(token) =
        sent.answered(&json(200, r#"{"access_token":"a","token_type":"DPoP"}"#), NOW).unwrap()
    else {
        panic!()
    };
    assert_eq!(token.scope().unwrap().as_str(), "openid trips:read");
    assert_eq!(token.resources(), [tool()]);
}

/// Begins, and is back with a user.
async fn judge_user(
    change: impl FnOnce(AuthorizationFlow) -> AuthorizationFlow,
    later: u64,
    sealed: bool,
) -> Result<aims_oauth::UserGrant, aims_oauth::ClientError> {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect()).unwrap();
    let flow = change(flow.resource(tool()).scope("openid trips:read".parse().unwrap()));
    let pending = tokens.begin(flow).await.unwrap();
    let back = world.server.approve(pending.url(), USER);
    world.clock.advance(secs(later));
    let sealing = aims_keys::SealingKey::generate(backend::ring()).unwrap();
    let pending = if sealed {
        PendingAuthorization::open(&pending.seal(&sealing).unwrap(), &sealing).unwrap()
    } else {
        pending
    };
    tokens.redeem(pending, &query_of(&back)).await
}

#[tokio::test]
async fn cha_4_how_a_user_was_authenticated_is_as_it_was_asked_for() {
    for sealed in [false, true] {
        let refused = judge_user(|flow| flow.acr_values(["phr"]), 0, sealed).await;
        assert_eq!(refused.unwrap_err().rule(), "CHA-4");
        let refused = judge_user(|flow| flow.max_age(5), 50, sealed).await;
        assert_eq!(refused.unwrap_err().rule(), "CHA-4");
        judge_user(|flow| flow.max_age(u64::MAX), 50, sealed).await.unwrap();
        judge_user(|flow| flow, 50, sealed).await.unwrap();
    }
}

#[tokio::test]
async fn dpo_12_exc_10_nobody_takes_a_token_that_is_used_otherwise() {
    let world = World::new();
    let bearer = OAuthClient::new(
        metadata_of(ISSUER, ""),
        world.credential(),
        SenderConstraint::dangerous_bearer(),
        backend::ring(),
    )
    .unwrap();
    for (used, is_taken) in
        [("Bearer", true), ("bearer", true), ("DPoP", false), ("N_A", false), ("MAC", false)]
    {
        let sent = bearer.token(own()).unwrap().send(NOW).await.unwrap();
        let answer = json(200, &format!(r#"{{"access_token":"a","token_type":"{used}"}}"#));
        let answered = sent.answered(&answer, NOW);
        if is_taken {
            answered.unwrap();
        } else {
            assert_refused!(answered, "token_use", "DPO-12");
        }
    }
}

#[tokio::test]
async fn wir_8_what_does_not_say_when_it_ends_ends_soon() {
    let client = World::new().client_of(metadata_of(ISSUER, ""));
    let token = received(&client, own(), r#"{"access_token":"a","token_type":"DPoP"}"#).await;
    assert_eq!(token.expires(), None);
    assert!(token.is_live(NOW + secs(294)) && !token.is_live(NOW + secs(295)));
    assert!(!token.is_due(NOW + secs(239)) && token.is_due(NOW + secs(240)));
    let subject = TypedToken::new("s".parse().unwrap(), TokenTypeUrn::AccessToken);
    let exchange = TokenExchange::of(subject).requesting(TokenTypeUrn::Jwt);
    let sent = client.token(TokenRequest::new(Grant::TokenExchange(exchange))).unwrap();
    let sent = sent.send(NOW).await.unwrap();
    let body = format!(
        r#"{{"access_token":"g","token_type":"N_A","expires_in":60,"issued_token_type":"{}"}}"#,
        TokenTypeUrn::Jwt.as_str()
    );
    let TokenStep::Grant(grant) = sent.answered(&json(200, &body), NOW).unwrap() else { panic!() };
    assert_eq!((grant.expires(), grant.kind()), (Some(NOW + secs(60)), &TokenTypeUrn::Jwt));
}

#[tokio::test]
async fn dpo_12_dpo_6_a_proof_holds_the_nonce_of_the_resource_and_is_for_the_token() {
    let client = World::new().client_of(metadata_of(ISSUER, ""));
    let token = received(&client, own(), r#"{"access_token":"a","token_type":"DPoP"}"#).await;
    let claims = async |nonce: Option<&str>| {
        let fields = token.fields("GET", &https(TOOL), nonce, NOW).await.unwrap();
        let payload = fields[1].1.split('.').nth(1).unwrap().to_owned();
        String::from_utf8(base64url::decode(&payload).unwrap()).unwrap()
    };
    assert!(claims(Some("n-1")).await.contains(r#""nonce":"n-1""#));
    assert!(!claims(None).await.contains("nonce"));
    assert!(claims(None).await.contains(r#""ath":"#));
}

#[test]
fn dpo_12_sec_10_nonces_are_of_one_origin_and_bounded() {
    let nonces = NonceJar::with_capacity(2);
    let urls = ["https://a.example/x", "https://b.example/x", "https://c.example/x"].map(https);
    for url in &urls {
        assert!(nonces.learn(url, [url.host().as_bytes()]));
    }
    assert_eq!(nonces.nonce(&urls[0]), None);
    assert_eq!(nonces.nonce(&urls[1]).as_deref(), Some("b.example"));
    assert_eq!(nonces.nonce(&https("https://c.example/y")).as_deref(), Some("c.example"));
    assert_eq!(nonces.nonce(&https("https://c.example:8443/x")), None);
    // What is none changes nothing.
    let long = "n".repeat(1025);
    for line in ["", "a b", "a\"b", "a\\b", "\u{7f}", "ä", &*long] {
        assert!(!nonces.learn(&urls[2], [line.as_bytes()]), "{line}");
    }
    assert_eq!(nonces.nonce(&urls[2]).as_deref(), Some("c.example"));
    assert!(nonces.learn(&urls[2], ["n".repeat(1024).as_bytes()]));
}

#[tokio::test]
async fn mcp_12_a_step_up_keeps_what_the_token_had() {
    let client = World::new().client_of(metadata_of(ISSUER, ""));
    let token = received(&client, own(), r#"{"access_token":"a","token_type":"DPoP"}"#).await;
    let challenges = Challenges::parse([r#"DPoP error="insufficient_scope", scope="trips:book""#]).unwrap();
    let wanted = StepUps::new().next(&challenges, Some(&token)).unwrap();
    let StepUp::Scope(scope) = wanted else { panic!() };
    assert!(scope.contains("trips:read") && scope.contains("trips:book"));
    // No more than anybody reads.
    let huge = format!(r#"DPoP error="insufficient_scope", scope="{}""#, "a".repeat(16 * 1024 - 2));
    if let Ok(challenges) = Challenges::parse([huge]) {
        assert_refused!(StepUps::new().next(&challenges, Some(&token)), "challenge", "CHA-2");
    }
}

#[tokio::test]
async fn crd_9_nothing_is_bound_to_a_key_whose_credential_has_ended() {
    let authority = aims_testkit::TestAuthority::new("spiffe://acme.example");
    let instance = Arc::new(key());
    let holder = authority.agent_with_key("/agents/travel", instance.clone(), NOW).holder();
    let aims_credential::Credential::Wit(wit) = holder.credential() else { panic!() };
    let end = wit.not_after();
    let current = aims_credential::CurrentCredential::new(holder);
    // With an attestation for another key, the server would bind to that.
    let other = attested(&Arc::new(key()), SenderConstraint::signature(current.clone()));
    assert_refused!(other.token(own()).unwrap().send(NOW).await, "constraint", "SEC-4");
    let client = attested(&instance, SenderConstraint::signature(current));
    let _ = client.token(own()).unwrap().send(NOW).await.unwrap();
    let refused = client.token(own()).unwrap().send(end).await;
    assert_eq!(refused.unwrap_err().rule(), "CRD-9");
}
