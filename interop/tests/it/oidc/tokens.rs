//! What is done with a token: the tool that it is for asks about it, and its client ends it.

use aims_keys::{SealingKey, backend};
use aims_oauth::{
    AccessToken, AccessTokenVerifier, BindingPolicy, DpopVerifier, Endpoint, ErrorCode, HeldToken,
    Introspect, IntrospectError, Introspection, IntrospectionAnswer, NewParameters, Possession,
    PresentedToken, ResourceServer, TokenBinding, TokenHint, TokenNeed, TokenQuery, UserGrant,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::{AGENT, OPAQUE, TOOL, TOOL_CLIENT, USER, World, resource};

async fn granted(world: &World, resource: &str) -> UserGrant {
    let pending = world.ask(resource, "trips:read").await;
    let query = world.servers.approve(&pending, USER);
    world.tokens.redeem(pending, &query).await.unwrap()
}

/// The same grant, as whoever else has what was sealed finds it.
fn copy(grant: &UserGrant) -> UserGrant {
    let key = SealingKey::generate(backend::ring()).unwrap();
    UserGrant::open(&grant.seal(&key).unwrap(), &key).unwrap()
}

/// What the tool is told, unsigned.
async fn said(world: &World, token: &AccessToken) -> Vec<u8> {
    let endpoint = world.tool().introspection(world.servers.issuer().clone(), false);
    let IntrospectionAnswer::Json(body) = endpoint.introspect(token).await.unwrap() else { panic!() };
    body
}

async fn is_active(world: &World, token: &HeldToken) -> bool {
    let body = said(world, token.token()).await;
    let verifier = world.verifier(OPAQUE);
    verifier.introspected(token.token(), world.servers.issuer(), &body, world.now()).is_ok()
}

#[tokio::test]
async fn int_2_an_opaque_token_says_at_its_server_what_it_is_worth() {
    let Some(world) = World::new() else { return };
    let grant = granted(&world, OPAQUE).await;
    let token = grant.first_token().unwrap();
    assert!(!world.verifier(OPAQUE).is_jwt(token.token()));
    let body = said(&world, token.token()).await;
    let issuer = world.servers.issuer();
    let verified = world.verifier(OPAQUE).introspected(token.token(), issuer, &body, world.now()).unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, AGENT));
    assert_eq!((verified.resource().as_str(), verified.scope().as_str()), (OPAQUE, "trips:read"));
    assert!(matches!(verified.binding(), Some(TokenBinding::Key(key)) if *key == world.prover.thumbprint()));
    // Nobody is served by a token that there is not.
    let unknown: AccessToken = "no-such-token".parse().unwrap();
    let body = said(&world, &unknown).await;
    let refused = world.verifier(OPAQUE).introspected(&unknown, issuer, &body, world.now());
    assert_refused!(refused, "inactive", "INT-1");
}

#[tokio::test]
async fn int_1_oidc_provider_tells_every_client_what_a_token_is_worth() {
    let Some(world) = World::new() else { return };
    let token = granted(&world, OPAQUE).await.first_token().unwrap();
    // The tool is not whom it is for. What it is told, it does not take.
    let body = said(&world, token.token()).await;
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&said["active"], &said["aud"]), (&json!(true), &json!(OPAQUE)));
    let issuer = world.servers.issuer();
    let refused = world.verifier(TOOL).introspected(token.token(), issuer, &body, world.now());
    assert_refused!(refused, "audience_mismatch", "ACT-4");
}

#[tokio::test]
async fn int_2_act_4_oidc_provider_names_no_subject_of_a_clients_own_opaque_token() {
    let Some(world) = World::new() else { return };
    let token = world.tokens.token(&world.need(OPAQUE)).await.unwrap();
    let body = said(&world, token.token()).await;
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&said["active"], &said["client_id"], said.get("sub")), (&json!(true), &json!(AGENT), None));
    // Nobody can tell it from one of a user who is not named: it is not taken.
    let issuer = world.servers.issuer();
    let refused = world.verifier(OPAQUE).introspected(token.token(), issuer, &body, world.now());
    assert_refused!(refused, "malformed", "ACT-4");
}

#[tokio::test]
async fn int_3_int_4_dpo_7_a_tool_authorizes_by_what_the_server_says_and_the_proof() {
    for signed in [false, true] {
        let Some(world) = World::new() else { return };
        let grant = granted(&world, OPAQUE).await;
        let token = grant.first_token().unwrap();
        let (issuer, now) = (world.servers.issuer(), world.now());
        let fields = fields(&token, &world).await;
        let presented = PresentedToken::read([&*fields[0]]).unwrap().unwrap();
        let proofs = DpopVerifier::builder(ReplayMemory::with_capacity(9), backend::ring()).build();
        let endpoint = world.tool().introspection(issuer.clone(), signed);
        // What is signed is for the client that asks.
        let tokens = AccessTokenVerifier::builder(resource(OPAQUE), world.trusted(), backend::ring());
        let tokens = tokens.asks_as(issuer.clone(), TOOL_CLIENT).build();
        let server = ResourceServer::new(tokens, BindingPolicy::bound())
            .with_dpop(proofs)
            .with_introspection(Introspection::new(issuer.clone(), endpoint));
        let checked = server.verify_any(&presented, now).await.unwrap();
        let target = OPAQUE.parse().unwrap();
        let proof = server.verify_dpop(&presented, &checked, [&*fields[1]], "GET", &target, now);
        let proof = proof.unwrap().unwrap();
        let caller = server.authorize(&presented, &checked, Possession::Dpop(&proof)).unwrap();
        assert_eq!(&*caller.token().subject(), USER);
    }
}

/// `Authorization` and `DPoP` of a request with the token.
async fn fields(token: &HeldToken, world: &World) -> [String; 2] {
    let url = OPAQUE.parse().unwrap();
    let fields = token.fields("GET", &url, None, world.now()).await.unwrap();
    [0, 1].map(|which: usize| fields[which].1.to_string())
}

#[tokio::test]
async fn rev_1_rev_2_what_is_revoked_counts_no_more() {
    let (Some(world), Some(elsewhere)) = (World::new(), World::new()) else { return };
    let grant = granted(&world, OPAQUE).await;
    let first = grant.first_token().unwrap();
    let need = TokenNeed::of(resource(OPAQUE)).by(&grant).scope("trips:read".parse().unwrap());
    world.clock.advance(290);
    let next = world.tokens.token(&need).await.unwrap();
    assert!(is_active(&world, &first).await && is_active(&world, &next).await);
    let copied = copy(&grant);
    // Not by somebody else.
    let refused = world.tool().revoke_grant(&copy(&grant)).await.unwrap_err();
    assert_eq!((refused.code(), refused.error_code()), ("refused", Some(ErrorCode::InvalidRequest)));
    assert!(is_active(&world, &next).await);
    // The refresh token: and with it all that came by the grant.
    world.tokens.revoke_grant(&grant).await.unwrap();
    assert!(!is_active(&world, &first).await && !is_active(&world, &next).await);
    assert_refused!(world.tokens.token(&need).await, "user_needed", "AZR-2");
    // A copy is worth nothing either.
    let refused = elsewhere.tokens.token(&need.by(&copied)).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    // What is revoked already is as good as revoked.
    elsewhere.tokens.revoke_grant(&copied).await.unwrap();
}

#[tokio::test]
async fn rev_2_oidc_provider_ends_the_refresh_token_with_an_access_token() {
    let Some(world) = World::new() else { return };
    let grant = granted(&world, OPAQUE).await;
    let first = grant.first_token().unwrap();
    world.tokens.revoke_token(&first).await.unwrap();
    assert!(!first.is_live(world.now()) && !is_active(&world, &first).await);
    let need = TokenNeed::of(resource(OPAQUE)).by(&grant).scope("trips:read".parse().unwrap());
    let refused = world.tokens.token(&need).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
}

#[tokio::test]
async fn rev_1_a_wrong_hint_misleads_nobody() {
    let Some(world) = World::new() else { return };
    let token = granted(&world, OPAQUE).await.first_token().unwrap();
    // Our client's are right.
    let query = TokenQuery::about(token.token().clone().into()).thought_to_be(TokenHint::RefreshToken);
    let mut form = NewParameters::new();
    query.write(&mut form);
    assert_eq!(world.post(Endpoint::Revocation, form).await.status(), 200);
    assert!(!is_active(&world, &token).await);
}

#[tokio::test]
async fn rev_1_int_1_oidc_provider_does_neither_for_tokens_that_are_jwts() {
    let Some(world) = World::new() else { return };
    let token = granted(&world, TOOL).await.first_token().unwrap();
    let endpoint = world.tool().introspection(world.servers.issuer().clone(), false);
    let refused = endpoint.introspect(token.token()).await;
    assert_eq!(refused.unwrap_err(), IntrospectError::Refused);
    let refused = world.tokens.revoke_token(&token).await.unwrap_err();
    assert_eq!((refused.code(), refused.error_code()), ("refused", Some(ErrorCode::UnsupportedTokenType)));
}
