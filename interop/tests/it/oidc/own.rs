//! The servers' metadata, and tokens in the agent's own right.

use aims_keys::backend;
use aims_oauth::{
    ClientAuthMethod, Endpoint, ErrorCode, GrantType, SenderConstraint, ServerMetadata, TokenBinding,
    TokenClient,
};
use aims_testkit::assert_refused;

use super::{AGENT, OPAQUE, TOOL, World};

#[tokio::test]
async fn met_2_mcp_8_the_metadata_are_found_and_name_their_issuer() {
    let Some(world) = World::new() else { return };
    let metadata = world.client().await.server().clone();
    assert_eq!(metadata.issuer(), world.servers.issuer());
    assert!(metadata.sends_issuer() && metadata.supports_s256() && metadata.requires_pushed_requests());
    assert!(metadata.supports_grant(GrantType::Ciba));
    assert!(metadata.supports_auth_method(ClientAuthMethod::PrivateKeyJwt, Endpoint::Token));
    // Below a path it is where OpenID Connect has it, and not where RFC 8414 has it: the last of the places.
    let below = world.tokens.client(&world.servers.issuers[1]).await.unwrap();
    assert_eq!(below.issuer(), &world.servers.issuers[1]);
    let token = below.server().endpoint(Endpoint::Token).unwrap();
    assert!(token.as_str().starts_with(below.issuer().as_str()), "{token:?}");
    assert_eq!(ServerMetadata::urls(below.issuer()).len(), 3);
}

#[tokio::test]
async fn met_2_metadata_of_another_issuer_are_refused() {
    let Some(world) = World::new() else { return };
    // By another name the same server answers.
    let other: aims_oauth::Issuer = format!("{}/", world.servers.issuer()).parse().unwrap();
    let constraint = SenderConstraint::dpop(world.prover.clone());
    let tokens = TokenClient::builder(world.servers.http(), world.clock.reader(), backend::ring())
        .server(other.clone(), world.servers.credential(), constraint)
        .build();
    assert_refused!(tokens.client(&other).await, "issuer_mismatch", "MET-2");
}

#[tokio::test]
async fn aims_31_cja_1_dpo_12_rsi_1_the_agent_gets_a_token_for_one_resource_bound_to_its_key() {
    let Some(world) = World::new() else { return };
    // The server wants a nonce; the client learns it, and keeps it.
    let held = world.tokens.token(&world.need(TOOL)).await.unwrap();
    assert_eq!(held.scope().unwrap().as_str(), "trips:read");
    let verified = world.verify(TOOL, &held).await;
    assert_eq!((&*verified.client_id(), verified.scope().as_str()), (AGENT, "trips:read"));
    assert_eq!((verified.resource().as_str(), verified.is_autonomous()), (TOOL, true));
    let Some(TokenBinding::Key(key)) = verified.binding() else { panic!("{:?}", verified.binding()) };
    assert_eq!(*key, world.prover.thumbprint());
    // It is kept; for another resource there is another.
    let again = world.tokens.token(&world.need(TOOL)).await.unwrap();
    assert_eq!(again.token().expose(), held.token().expose());
    let other = world.tokens.token(&world.need(OPAQUE)).await.unwrap();
    assert!(!world.verifier(OPAQUE).is_jwt(other.token()));
    // It is for its resource alone.
    let other = world.verifier("https://other.example");
    other.prepare(held.token(), world.now()).await.unwrap();
    assert_refused!(other.verify(held.token(), world.now()), "audience_mismatch", "ACT-4");
}

#[tokio::test]
async fn rsi_1_wir_4_what_the_server_does_not_know_is_refused_in_its_words() {
    let Some(world) = World::new() else { return };
    let refused = world.tokens.token(&world.need("https://nowhere.example")).await.unwrap_err();
    assert_eq!((refused.code(), refused.error_code()), ("refused", Some(ErrorCode::InvalidTarget)));
}

#[tokio::test]
async fn dpo_5_cja_2_oidc_provider_takes_proofs_and_assertions_of_tomorrow() {
    let Some(world) = World::new() else { return };
    // A proof with a nonce is as old as that; an assertion is looked at for its end alone.
    world.clock.advance(24 * 3600);
    assert!(world.tokens.token(&world.need(TOOL)).await.is_ok());
}
