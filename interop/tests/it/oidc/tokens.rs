//! What is done with a token: the tool that it is for asks about it, and its client ends it.

use std::fmt;

use aims_keys::{BoxFuture, backend};
use aims_oauth::{
    AccessToken, AccessTokenVerifier, BindingPolicy, DpopVerifier, Endpoint, ErrorCode, HeldToken,
    Introspect, IntrospectError, Introspection, IntrospectionAnswer, NewParameters, Possession,
    PresentedToken, ResourceServer, SecurityToken, TokenBinding, TokenHint, TokenNeed, TokenQuery, UserGrant,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::{AGENT, OPAQUE, TOOL, TOOL_CLIENT, USER, World, resource};

const JSON: &str = "application/json";
const SIGNED: &str = "application/token-introspection+jwt";

fn query(token: SecurityToken, hint: TokenHint) -> NewParameters {
    let mut form = NewParameters::new();
    TokenQuery::about(token).thought_to_be(hint).write(&mut form);
    form
}

fn about(token: &AccessToken) -> NewParameters {
    query(token.clone().into(), TokenHint::AccessToken)
}

async fn granted(world: &World, resource: &str) -> UserGrant {
    let pending = world.ask(resource, "trips:read").await;
    let query = world.servers.approve(&pending, USER);
    world.tokens.redeem(pending, &query).await.unwrap()
}

async fn said(world: &World, token: &AccessToken) -> Vec<u8> {
    let answer = world.post(Endpoint::Introspection, &world.servers.tool_key(), about(token)).await;
    assert_eq!((answer.status(), answer.media_type()), (200, Some("application/json")));
    answer.body().to_vec()
}

async fn is_active(world: &World, token: &HeldToken) -> bool {
    let body = said(world, token.token()).await;
    let verifier = world.verifier(OPAQUE);
    verifier.introspected(token.token(), world.servers.issuer(), &body, world.now()).is_ok()
}

/// The tool's own client at the server, and in which form it wants answers.
struct Tool(World, &'static str);

impl Introspect for Tool {
    fn introspect<'a>(
        &'a self,
        token: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        Box::pin(async {
            let Self(world, accept) = self;
            let by = world.servers.tool_key();
            let answer = world.post_accepting(Endpoint::Introspection, &by, about(token), accept).await;
            match (answer.status(), answer.media_type()) {
                (200, Some(JSON)) => Ok(IntrospectionAnswer::Json(answer.body().to_vec())),
                (200, Some(SIGNED)) => {
                    let body = String::from_utf8(answer.body().to_vec());
                    Ok(IntrospectionAnswer::Jwt(body.map_err(|_| IntrospectError::Unavailable)?))
                }
                _ => Err(IntrospectError::Refused),
            }
        })
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tool")
    }
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
    for accept in [JSON, SIGNED] {
        let (Some(world), Some(asking)) = (World::new(), World::new()) else { return };
        let grant = granted(&world, OPAQUE).await;
        let token = grant.first_token().unwrap();
        let (issuer, now) = (world.servers.issuer(), world.now());
        let fields = fields(&token, &world).await;
        let presented = PresentedToken::read([&*fields[0]]).unwrap().unwrap();
        let proofs = DpopVerifier::builder(ReplayMemory::with_capacity(9), backend::ring()).build();
        // What is signed is for the client that asks.
        let tokens = AccessTokenVerifier::builder(resource(OPAQUE), world.trusted(), backend::ring());
        let tokens = tokens.asks_as(issuer.clone(), TOOL_CLIENT).build();
        let server = ResourceServer::new(tokens, BindingPolicy::bound())
            .with_dpop(proofs)
            .with_introspection(Introspection::new(issuer.clone(), Tool(asking, accept)));
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
    let Some(world) = World::new() else { return };
    let grant = granted(&world, OPAQUE).await;
    let first = grant.first_token().unwrap();
    let need = TokenNeed::of(resource(OPAQUE)).by(&grant).scope("trips:read".parse().unwrap());
    world.clock.advance(290);
    let next = world.tokens.token(&need).await.unwrap();
    assert!(is_active(&world, &first).await && is_active(&world, &next).await);
    let refresh = || query(next.refresh_token().unwrap().clone().into(), TokenHint::RefreshToken);
    // Not by somebody else.
    let (agent, tool) = (world.servers.agent_key(), world.servers.tool_key());
    assert_eq!(world.post(Endpoint::Revocation, &tool, refresh()).await.status(), 400);
    assert!(is_active(&world, &next).await);
    // The refresh token: and with it all that came by the grant.
    assert_eq!(world.post(Endpoint::Revocation, &agent, refresh()).await.status(), 200);
    assert!(!is_active(&world, &first).await && !is_active(&world, &next).await);
    next.discard();
    let refused = world.tokens.token(&need).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    // What is revoked already is as good as revoked.
    assert_eq!(world.post(Endpoint::Revocation, &agent, refresh()).await.status(), 200);
}

#[tokio::test]
async fn rev_2_oidc_provider_ends_the_refresh_token_with_an_access_token() {
    let Some(world) = World::new() else { return };
    let grant = granted(&world, OPAQUE).await;
    let first = grant.first_token().unwrap();
    let agent = world.servers.agent_key();
    // By the wrong hint, too: all kinds are searched.
    let form = query(first.token().clone().into(), TokenHint::RefreshToken);
    assert_eq!(world.post(Endpoint::Revocation, &agent, form).await.status(), 200);
    assert!(!is_active(&world, &first).await);
    first.discard();
    let need = TokenNeed::of(resource(OPAQUE)).by(&grant).scope("trips:read".parse().unwrap());
    let refused = world.tokens.token(&need).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
}

#[tokio::test]
async fn rev_1_int_1_oidc_provider_does_neither_for_tokens_that_are_jwts() {
    let Some(world) = World::new() else { return };
    let token = granted(&world, TOOL).await.first_token().unwrap();
    for endpoint in [Endpoint::Introspection, Endpoint::Revocation] {
        let answer = world.post(endpoint, &world.servers.agent_key(), about(token.token())).await;
        assert_eq!(answer.status(), 400, "{endpoint:?}");
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(body.contains("unsupported_token_type") || body.contains("Structured JWT"), "{body}");
    }
}
