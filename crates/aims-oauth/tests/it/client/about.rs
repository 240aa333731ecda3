//! Asking about tokens, and having them end.

use std::sync::Arc;

use aims_keys::backend;
use aims_oauth::{
    AccessTokenVerifier, ClientCredential, ClientKey, Introspect, IntrospectError, IntrospectionAnswer,
    Parameters, RedirectUri, SenderConstraint, TokenClient, TokenNeed, UserGrant,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

async fn granted(world: &World, tokens: &TokenClient) -> UserGrant {
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let client = tokens.client(&issuer()).await.unwrap();
    let flow = client.authorize(&redirect).unwrap().resource(tool()).scope("trips:read".parse().unwrap());
    let pending = tokens.begin(flow).await.unwrap();
    let back = world.server.approve(pending.url(), USER);
    tokens.redeem(pending, &query_of(&back)).await.unwrap()
}

#[tokio::test]
async fn rev_1_rev_2_a_grant_is_ended_at_the_server_and_here() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens).await;
    let key = aims_keys::SealingKey::generate(backend::ring()).unwrap();
    let copy = UserGrant::open(&grant.seal(&key).unwrap(), &key).unwrap();
    between.posted();
    tokens.revoke_grant(&grant).await.unwrap();
    let [sent] = &*between.posted() else { panic!("one request") };
    let form = Parameters::parse(sent.as_bytes()).unwrap();
    assert_eq!(form.get("token_type_hint").unwrap(), Some("refresh_token"));
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AZR-2");
    // Whoever has a copy gets nothing either.
    let refused = world.tokens(between.clone()).token(&TokenNeed::of(tool()).by(&copy)).await.unwrap_err();
    assert_eq!(refused.code(), "refused");
    // What is ended already is ended well (REV-1).
    tokens.revoke_grant(&copy).await.unwrap();
}

#[tokio::test]
async fn rev_1_a_token_is_discarded_though_the_server_fails() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let need = TokenNeed::of(tool()).from(issuer());
    let first = tokens.token(&need).await.unwrap();
    between.answers(Ok(json(503, "")));
    assert_refused!(tokens.revoke_token(&first).await, "http_status", "WIR-4");
    assert!(!first.is_live(NOW));
    let second = tokens.token(&need).await.unwrap();
    tokens.revoke_token(&second).await.unwrap();
    assert_ne!(second.fingerprint(), tokens.token(&need).await.unwrap().fingerprint());
}

#[tokio::test]
async fn int_1_int_2_int_3_a_resource_server_asks_about_tokens_that_are_for_it() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| server.client("tool", &*tool_key, &[]).serves(TOOL));
    let between = Between::of(&world.server);
    let own = ClientCredential::key(ClientKey::new("tool", tool_key, None).unwrap());
    let asking = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), own, SenderConstraint::dangerous_bearer())
        .build();
    let endpoint = asking.introspection(issuer(), false);
    let token = world.tokens(Between::of(&world.server));
    let token = token.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();

    let verifier = AccessTokenVerifier::builder(tool(), world.server.trusted(), backend::ring()).build();
    let IntrospectionAnswer::Json(answer) = endpoint.introspect(token.token()).await.unwrap() else {
        panic!()
    };
    let read = verifier.introspected(token.token(), &issuer(), &answer, NOW).unwrap();
    assert_eq!(read.client_id(), CLIENT);

    // A server that refuses or fails says nothing of a token.
    for (answer, expected) in [
        (json(401, r#"{"error":"invalid_client"}"#), IntrospectError::Refused),
        (json(500, ""), IntrospectError::Unavailable),
    ] {
        between.answers(Ok(answer));
        assert_eq!(endpoint.introspect(token.token()).await.unwrap_err(), expected);
    }
    // What was to be signed is not taken unsigned.
    let signed = asking.introspection(issuer(), true);
    between.answers(Ok(json(200, r#"{"active":false}"#)));
    assert_eq!(signed.introspect(token.token()).await.unwrap_err(), IntrospectError::Unavailable);
    // Signed, it says the same, to this resource server.
    let IntrospectionAnswer::Jwt(answer) = signed.introspect(token.token()).await.unwrap() else { panic!() };
    let read = verifier.introspected_jwt(token.token(), &issuer(), &answer, NOW).unwrap();
    assert_eq!((&*read.client_id(), read.scope()), (CLIENT, token.scope().unwrap()));

    let stranger = world.tokens(Between::of(&world.server)).introspection(issuer(), false);
    let IntrospectionAnswer::Json(answer) = stranger.introspect(token.token()).await.unwrap() else {
        panic!()
    };
    assert_eq!(answer, br#"{"active":false}"#);
}
