//! What is asked for, and in exchange for what: no more than is needed.

use std::sync::Arc;

use aims_keys::{SoftwareKey, backend};
use aims_oauth::{
    AccessTokenVerifier, AuthorizationDetails, ClientCredential, ClientKey, Parameters, Resource,
    SecurityToken, SenderConstraint, TokenClient, TokenNeed, TokenTypeUrn, TypedToken,
};
use aims_testkit::assert_refused;

use super::super::support::*;
use super::need;
use crate::client_auth::support::key;
use crate::world::*;

#[tokio::test]
async fn aims_34_exc_9_a_tool_exchanges_what_was_sent_to_it() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| {
        server.client("tool", &*tool_key, &[]).serves(TOOL).resource("https://inner.example", "trips:read")
    });
    let agent = world.tokens(Between::of(&world.server));
    let grant = granted(&world, &agent).await;
    let inbound = grant.first_token().unwrap();
    let subject: SecurityToken = inbound.token().clone().into();
    let tool_tokens = |client_id: &str, key: Arc<SoftwareKey>| {
        let credential = ClientKey::new(client_id, key, None).unwrap();
        let constraint = SenderConstraint::dpop(prover());
        TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
            .server(issuer(), ClientCredential::key(credential), constraint)
            .build()
    };
    let inner: Resource = "https://inner.example".parse().unwrap();
    let need = TokenNeed::of(inner.clone())
        .from(issuer())
        .scope("trips:read".parse().unwrap())
        .in_exchange_for(TypedToken::new(subject, TokenTypeUrn::AccessToken));
    let token = tool_tokens("tool", tool_key.clone()).token(&need).await.unwrap();
    let reader = AccessTokenVerifier::builder(inner, world.server.trusted(), backend::ring()).build();
    let verified = reader.verify(token.token(), NOW).unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, "tool"));
    assert_eq!(verified.actors().current().unwrap().subject(), "tool");
    // The same by what a resource server made of the request: the handler sees no token.
    let caller = world.called_with(&inbound).await;
    assert!(!format!("{caller:?}").contains(inbound.token().expose()));
    let handled = TokenNeed::of("https://inner.example".parse().unwrap()).on_behalf_of(&caller);
    let handled = handled.scope("trips:read".parse().unwrap());
    let again = tool_tokens("tool", tool_key.clone()).token(&handled).await.unwrap();
    assert_eq!(again.issuer(), &issuer());
    // Another client that has the token, and not its key, gets nothing for it.
    let thief = Arc::new(key());
    let world_of_thief = tool_tokens("tool", thief);
    assert_eq!(world_of_thief.token(&need).await.unwrap_err().code(), "refused");
}

#[tokio::test]
async fn aims_24_aims_46_act_3_what_is_asked_for_is_what_is_needed_and_no_more() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let details = AuthorizationDetails::parse(r#"[{"type":"trip","actions":["book"]}]"#).unwrap();
    let token = tokens.token(&need().details(details.clone())).await.unwrap();
    let form = between.posted().remove(0);
    let form = Parameters::parse(form.as_bytes()).unwrap();
    let mut names: Vec<_> = form.names().collect();
    names.sort_unstable();
    let asked = [
        "authorization_details",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "grant_type",
        "resource",
        "scope",
    ];
    assert_eq!(names, asked);
    assert_eq!(form.get("scope").unwrap(), Some("trips:read"));
    assert_eq!(form.get("resource").unwrap(), Some(TOOL));
    // The token is for that resource, and for less than the resource has.
    let verified = world.verify(&token);
    assert_eq!((verified.resource(), verified.scope().as_str()), (&tool(), "trips:read"));
    assert_eq!(verified.details(), Some(&details));
    let other = AccessTokenVerifier::builder(
        "https://other.example".parse().unwrap(),
        world.server.trusted(),
        backend::ring(),
    );
    assert_refused!(other.build().verify(token.token(), NOW), "audience_mismatch", "ACT-4");
}
