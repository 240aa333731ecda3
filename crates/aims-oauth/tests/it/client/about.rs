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

#[tokio::test]
async fn rev_1_int_1_mcp_30_a_client_shows_its_one_method_where_a_server_does_not_say() {
    let world = World::new();
    let client = |method: &str, members: &str| {
        let between = Between::of(&world.server);
        between.page(
            "https://as.example/.well-known/oauth-authorization-server",
            &format!(
                r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","introspection_endpoint":"{ISSUER}/introspect",
                "revocation_endpoint":"{ISSUER}/revoke","grant_types_supported":["client_credentials"],
                "token_endpoint_auth_methods_supported":["{method}"]{members}}}"#
            ),
        );
        (world.tokens(between.clone()), between)
    };
    let token = world.tokens(Between::of(&world.server)).token(&TokenNeed::of(tool()).from(issuer())).await;
    let token = token.unwrap();
    let both = r#","revocation_endpoint_auth_methods_supported":["private_key_jwt"],
        "introspection_endpoint_auth_methods_supported":["private_key_jwt"]"#;
    for (method, members) in [("private_key_jwt", ""), ("private_key_jwt", both), ("none", both)] {
        let (tokens, between) = client(method, members);
        tokens.introspection(issuer(), false).introspect(token.token()).await.unwrap();
        tokens.revoke_token(&token).await.unwrap();
        assert_eq!(between.posted().len(), 2, "{method} {members}");
    }
    // What a server says holds, and where it says nothing at all, it takes no keys (RFC 8414 §2).
    let other = both.replace("private_key_jwt", "client_secret_basic");
    let none = both.replace(r#"["private_key_jwt"]"#, "[]");
    for (method, members) in [("private_key_jwt", &*other), ("private_key_jwt", &none), ("none", "")] {
        let (tokens, between) = client(method, members);
        let refused = tokens.introspection(issuer(), false).introspect(token.token()).await;
        assert_eq!(refused.unwrap_err(), IntrospectError::Unavailable);
        assert_refused!(tokens.revoke_token(&token).await, "method_not_supported", "MCP-30", "{members}");
        assert!(between.posted().is_empty());
    }
}
