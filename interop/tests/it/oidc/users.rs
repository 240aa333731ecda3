//! Grants of users: the code flow with everything that both have, and what comes by such a grant.

use aims_keys::backend;
use aims_oauth::{
    AuthorizationDetails, ErrorCode, ExpectedIdToken, Grant, IdTokenVerifier, TokenNeed, TokenRequest,
};
use aims_testkit::assert_refused;

use super::{AGENT, TOOL, USER, World, redirect, resource};

#[tokio::test]
async fn aut_1_par_1_iss_2_aims_30_a_user_grants_it_and_the_token_names_both() {
    let Some(world) = World::new() else { return };
    let pending = world.ask(TOOL, "openid trips:book").await;
    // Pushed: the browser carries a reference, and nothing else.
    let query = pending.url().split_once('?').unwrap().1;
    let names: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    let query = world.servers.approve(&pending, USER);
    assert_eq!(query.get("iss").unwrap(), Some(world.servers.issuer().as_str()));
    let grant = world.tokens.redeem(pending, &query).await.unwrap();

    let verified = world.verify(TOOL, &grant.first_token().unwrap()).await;
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, AGENT));
    assert_eq!((verified.scope().as_str(), verified.is_autonomous()), ("trips:book", false));
    assert!(verified.binding().is_some());
}

#[tokio::test]
async fn idt_1_idt_4_the_id_token_says_who_the_user_is() {
    let Some(world) = World::new() else { return };
    let pending = world.ask(TOOL, "openid trips:read").await;
    let query = world.servers.approve(&pending, "user-2");
    let grant = world.tokens.redeem(pending, &query).await.unwrap();
    assert_eq!(grant.user().unwrap().subject(), "user-2");
}

#[tokio::test]
async fn idt_5_oidc_provider_does_not_say_which_access_token_an_id_token_came_with() {
    let Some(world) = World::new() else { return };
    let pending = world.ask(TOOL, "openid trips:read").await;
    let nonce = pending.nonce().unwrap().to_owned();
    let query = world.servers.approve(&pending, USER);
    let token = world.tokens.redeem(pending, &query).await.unwrap().first_token().unwrap();
    let id_token = token.id_token().unwrap();
    let verifier = IdTokenVerifier::builder(AGENT, world.trusted(), backend::ring()).build();
    verifier.prepare(id_token, world.now()).await.unwrap();
    let expected = ExpectedIdToken::with_nonce(&nonce).access_token(token.token());
    assert!(verifier.verify(id_token, &expected, world.now()).is_ok());
    // Who demands it gets none.
    let expected = expected.with_hashes();
    assert_refused!(verifier.verify(id_token, &expected, world.now()), "malformed", "IDT-5");
}

#[tokio::test]
async fn aut_3_a_user_who_says_no_is_heard() {
    let Some(world) = World::new() else { return };
    let pending = world.ask(TOOL, "trips:book").await;
    let query = world.servers.browse(pending.url(), USER, "no");
    assert_refused!(world.tokens.redeem(pending, &query).await, "authorization_refused", "AUT-3");
}

#[tokio::test]
async fn rft_1_a_grant_is_renewed_and_the_old_token_ends_it() {
    let Some(world) = World::new() else { return };
    let pending = world.ask(TOOL, "openid trips:read trips:book").await;
    let query = world.servers.approve(&pending, USER);
    let grant = world.tokens.redeem(pending, &query).await.unwrap();
    let old = grant.first_token().unwrap().refresh_token().unwrap().clone();
    // For less than was granted, when the first token is due; and with another refresh token.
    world.clock.advance(290);
    let need = world.need(TOOL).by(&grant);
    let token = world.tokens.token(&need).await.unwrap();
    assert_ne!(token.refresh_token().unwrap().expose(), old.expose());
    assert_eq!(world.verify(TOOL, &token).await.scope().as_str(), "trips:read");
    assert_eq!(&*world.verify(TOOL, &token).await.subject(), USER);

    // A copy of before is used: neither it nor the grant counts any more.
    let request = TokenRequest::new(Grant::Refresh(old)).resource(resource(TOOL));
    let flow = world.client().await.token(request).unwrap();
    let refused = world.tokens.run(flow).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    assert!(grant.can_be_refreshed());
    let more = TokenNeed::of(resource(TOOL)).by(&grant).scope("trips:book".parse().unwrap());
    let refused = world.tokens.token(&more).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    // The client knows that, too, when the first token has ended.
    world.clock.advance(20);
    assert_refused!(world.tokens.token(&more).await, "user_needed", "AZR-2");
}

#[tokio::test]
async fn rft_2_scope_beyond_the_grant_is_refused() {
    let Some(world) = World::new() else { return };
    let pending = world.ask(TOOL, "trips:read").await;
    let query = world.servers.approve(&pending, USER);
    let grant = world.tokens.redeem(pending, &query).await.unwrap();
    let more = TokenNeed::of(resource(TOOL)).by(&grant).scope("trips:book".parse().unwrap());
    let refused = world.tokens.token(&more).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidScope));
}

#[tokio::test]
async fn rar_1_rar_5_details_are_granted_and_stand_in_the_token() {
    let Some(world) = World::new() else { return };
    let details =
        r#"[{"type":"trip","actions":["book"],"locations":["https://tools.example/v1"],"to":"OSL"}]"#;
    let details = AuthorizationDetails::parse(details).unwrap();
    let ask = async |details: &AuthorizationDetails| {
        let flow = world.client().await.authorize(&redirect()).unwrap().resource(resource(TOOL));
        world.tokens.begin(flow.scope("trips:book".parse().unwrap()).details(details.clone())).await
    };
    let pending = ask(&details).await.unwrap();
    let query = world.servers.approve(&pending, USER);
    let grant = world.tokens.redeem(pending, &query).await.unwrap();
    let token = grant.first_token().unwrap();
    assert_eq!(token.details().unwrap().as_json(), details.as_json());
    let verified = world.verify(TOOL, &token).await;
    assert_eq!(verified.details().unwrap().as_json(), details.as_json());
    // The client has it at once for a need like that.
    let need = TokenNeed::of(resource(TOOL)).by(&grant).details(details);
    let again = world.tokens.token(&need).await.unwrap();
    assert_eq!(again.token().expose(), token.token().expose());

    let unknown = AuthorizationDetails::parse(r#"[{"type":"flight"}]"#).unwrap();
    let refused = ask(&unknown).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidAuthorizationDetails));
}
