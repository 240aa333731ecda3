//! Clients that are workloads, known by their SVIDs.

use std::sync::Arc;

use aims_credential::{CurrentCredential, JwtSvid, JwtSvidIssuer, JwtSvidSource, JwtSvidUnavailable};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{BoxFuture, SoftwareKey, backend};
use aims_oauth::{
    ClientCredential, HeldBinding, SenderConstraint, TokenBinding, TokenClient, TokenNeed, TokenScheme,
};
use aims_testkit::{TestAuthority, assert_refused};

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

fn need() -> TokenNeed {
    TokenNeed::of(tool()).from(issuer()).scope("trips:read".parse().unwrap())
}

fn client(world: &World, credential: ClientCredential, constraint: SenderConstraint) -> TokenClient {
    TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), credential, constraint)
        .build()
}

#[tokio::test]
async fn aims_11_osc_5_spc_6_dpo_14_a_token_is_bound_to_the_key_of_the_wit_and_goes_with_it() {
    let authority = TestAuthority::new("spiffe://acme.example");
    let world =
        World::with(|server| server.workloads("spiffe://acme.example/agents/*", authority.trust(), &[]));
    let current = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
    let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), current.clone());
    let tokens = client(&world, credential, SenderConstraint::signature(current.clone()));
    let first = tokens.token(&need()).await.unwrap();
    let verified = world.verify(&first);
    assert_eq!(verified.agent().map(aims_id::WorkloadId::as_str), Some(AGENT));
    let HeldBinding::Signature(own) = first.binding() else { panic!() };
    assert!(matches!(verified.binding(), Some(TokenBinding::Key(key)) if *key == own));
    // DPO-14: it is no token for `DPoP`.
    assert_eq!(first.scheme(), TokenScheme::Bearer);
    // Possession is shown by the message signature: no proof besides.
    let fields = first.fields("GET", &https("https://tools.example/v1"), None, NOW).await.unwrap();
    assert_eq!(fields.len(), 1);

    // The next WIT has another key: the token that is bound to the one before is not used with it.
    current.replace(authority.agent("/agents/travel", NOW).holder()).unwrap();
    let second = tokens.token(&need()).await.unwrap();
    assert_ne!(second.binding(), first.binding());
    // CRD-9, AIMS-2: without a credential nothing is asked for, nor with another workload's.
    current.withdraw();
    assert_refused!(tokens.token(&need()).await, "no_credential", "AIMS-18");
    let other = CurrentCredential::new(authority.agent("/agents/other", NOW).holder());
    let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), other.clone());
    let tokens = client(&world, credential, SenderConstraint::signature(other));
    assert_refused!(tokens.token(&need()).await, "other_subject", "AIMS-2");
}

#[tokio::test]
async fn rft_2_what_a_user_granted_outlives_the_keys_of_a_workload() {
    let authority = TestAuthority::new("spiffe://acme.example");
    let world = World::with(|server| {
        server.workloads("spiffe://acme.example/agents/*", authority.trust(), &[REDIRECT])
    });
    let current = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
    let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), current.clone());
    let tokens = client(&world, credential, SenderConstraint::signature(current.clone()));
    let grant = granted(&world, &tokens).await;
    let of_user = need().by(&grant);
    let first = tokens.token(&of_user).await.unwrap();
    current.replace(authority.agent("/agents/travel", NOW).holder()).unwrap();
    // No token of the key before is used, and nobody has to be asked again.
    let second = tokens.token(&of_user).await.unwrap();
    assert_ne!(second.binding(), first.binding());
    assert_eq!(world.verify(&second).subject(), USER);
}

#[tokio::test]
async fn abc_5_the_first_challenge_is_asked_for_before_anything_else() {
    let authority = TestAuthority::new("spiffe://acme.example");
    let world = World::with(|server| server.workloads(AGENT, authority.trust(), &[]));
    let current = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
    let metadata = world.server.metadata().to_json();
    let metadata = metadata.replacen('{', r#"{"challenge_endpoint":"https://as.example/challenge","#, 1);
    // With a new client each: it has no challenge yet.
    let begin = || {
        let between = Between::of(&world.server);
        between.page("https://as.example/.well-known/oauth-authorization-server", &metadata);
        between.answers(Ok(json(200, r#"{"attestation_challenge":"c-1"}"#)));
        let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), current.clone());
        let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
            .server(issuer(), credential, SenderConstraint::signature(current.clone()))
            .build();
        (between, tokens)
    };
    let (between, tokens) = begin();
    tokens.token(&need()).await.unwrap();
    let posted = between.posted();
    assert_eq!((posted.len(), &*posted[0]), (2, ""), "{posted:?}");
    // A user is asked in the same way.
    let (between, tokens) = begin();
    let pushed = r#"{"request_uri":"urn:ietf:params:oauth:request_uri:a","expires_in":60}"#;
    between.answers(Ok(json(201, pushed)));
    let client = tokens.client(&issuer()).await.unwrap();
    let flow = client.authorize(&REDIRECT.parse().unwrap()).unwrap();
    tokens.begin(flow).await.unwrap();
    let posted = between.posted();
    assert_eq!((posted.len(), &*posted[0]), (2, ""), "{posted:?}");
    assert!(posted[1].contains("code_challenge="), "{posted:?}");
    assert!(client.challenge_url().is_none());
}

/// What a Workload API does.
#[derive(Debug)]
struct Svids(JwtSvidIssuer, &'static str);

impl JwtSvidSource for Svids {
    fn jwt_svid<'a>(&'a self, audience: &'a str) -> BoxFuture<'a, Result<JwtSvid, JwtSvidUnavailable>> {
        let subject = self.1.parse().unwrap();
        let token = self.0.issue(&subject, audience, NOW).unwrap();
        Box::pin(std::future::ready(Ok(JwtSvid::from_issuer(&token).unwrap())))
    }
}

#[tokio::test]
async fn osc_1_spc_1_a_jwt_svid_for_the_server_alone_shows_the_client() {
    let key: Arc<SoftwareKey> = Arc::new(key());
    let jwk = Jwk::new(key.public_key().clone()).with_key_id("j").unwrap();
    let bundle = TestAuthority::new("spiffe://acme.example").trust();
    let bundle = bundle.with_jwt_keys(JwkSet::new(vec![jwk]).unwrap());
    let world = World::with(|server| server.workloads(AGENT, bundle, &[]));
    let svids = |subject| {
        Svids(JwtSvidIssuer::new("acme.example".parse().unwrap(), key.clone(), "j").unwrap(), subject)
    };
    let credential = ClientCredential::jwt_svid(AGENT.parse().unwrap(), svids(AGENT));
    let tokens = client(&world, credential, world.constraint());
    assert_eq!(world.verify(&tokens.token(&need()).await.unwrap()).client_id(), AGENT);
    let other = svids("spiffe://acme.example/agents/other");
    let credential = ClientCredential::jwt_svid(AGENT.parse().unwrap(), other);
    let tokens = client(&world, credential, world.constraint());
    assert_refused!(tokens.token(&need()).await, "other_subject", "AIMS-2");
}

/// A Workload API that does not know the workload.
#[derive(Debug)]
struct Nobody;

impl JwtSvidSource for Nobody {
    fn jwt_svid<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<JwtSvid, JwtSvidUnavailable>> {
        Box::pin(std::future::ready(Err(JwtSvidUnavailable::new("permission_denied"))))
    }
}

#[tokio::test]
async fn osc_1_without_a_jwt_svid_nothing_is_sent() {
    let world = World::new();
    let between = Between::of(&world.server);
    let metadata = format!(
        r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","grant_types_supported":["client_credentials"],
        "token_endpoint_auth_methods_supported":["spiffe_jwt"]}}"#
    );
    between.page("https://as.example/.well-known/oauth-authorization-server", &metadata);
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), ClientCredential::jwt_svid(AGENT.parse().unwrap(), Nobody), world.constraint())
        .build();
    assert_refused!(tokens.token(&need()).await, "permission_denied", "OSC-1");
    assert!(between.posted().is_empty());
}
