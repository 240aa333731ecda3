//! Codes, at a server and with clients that are not what they should be.

use std::sync::Arc;
use std::time::Duration;

use aims_keys::{SealingKey, backend};
use aims_oauth::{
    AccessToken, AuthorizationDetails, AuthorizationRequest, ClientCredential, ClientKey, CodeGrant,
    CodeVerifier, ErrorCode, ErrorResponse, Grant, Introspect, IntrospectionAnswer, NewParameters,
    OAuthClient, PendingAuthorization, SenderConstraint, TokenClient, TokenNeed, TokenRequest, TokenResponse,
};

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

const SECOND: &str = "https://agent.example/second";

/// A code of the user that the agent asked, bound to all that a code can be bound to.
struct Asked {
    code: String,
    verifier: CodeVerifier,
}

impl Asked {
    fn of(world: &World) -> Self {
        let verifier = CodeVerifier::generate(backend::ring()).unwrap();
        let request = AuthorizationRequest::new(CLIENT, REDIRECT, verifier.challenge(backend::ring()))
            .state("a-state")
            .resource(tool())
            .scope("trips:read".parse().unwrap())
            .details(AuthorizationDetails::parse(r#"[{"type":"trip"}]"#).unwrap())
            .bound_to(world.prover.thumbprint());
        let mut query = NewParameters::new();
        request.write(&mut query);
        let back = world.server.approve(&format!("{ISSUER}/authorize?{}", query.as_str()), USER);
        Self { code: query_of(&back).require("code").unwrap().to_owned(), verifier }
    }

    fn grant(&self) -> CodeGrant {
        CodeGrant::new(self.code.parse().unwrap(), self.verifier.clone()).with_redirect_uri(REDIRECT)
    }
}

/// What the server answers this client: a token, or why there is none.
async fn redeemed(
    world: &World,
    client: &OAuthClient,
    request: TokenRequest,
) -> Result<TokenResponse, ErrorCode> {
    let sent = client.token(request).unwrap().send(world.clock.now()).await.unwrap();
    let answer = world.send(sent.request()).await;
    match answer.status() {
        200 => Ok(TokenResponse::parse(answer.body()).unwrap()),
        _ => Err(ErrorResponse::parse(answer.body()).unwrap().error_code().unwrap()),
    }
}

fn request(grant: CodeGrant) -> TokenRequest {
    TokenRequest::new(Grant::AuthorizationCode(grant)).resource(tool())
}

#[tokio::test]
async fn aut_4_a_code_is_of_its_client_its_redirect_uri_its_challenge_and_its_key_and_lives_a_minute() {
    let other_key = Arc::new(key());
    let world = World::with(|server| {
        server.client("other", &*other_key, &[REDIRECT]).resource("https://other.example", "trips:read")
    });
    let own = world.client();
    let client_of = |credential, constraint| {
        OAuthClient::new(world.server.metadata().clone(), credential, constraint, backend::ring()).unwrap()
    };
    let other = ClientCredential::key(ClientKey::new("other", other_key, None).unwrap());
    let other = client_of(other, world.constraint());
    let with_other_key = client_of(world.credential(), SenderConstraint::dpop(prover()));
    let without_key = client_of(world.credential(), SenderConstraint::dangerous_bearer());

    // As it was given out: for what the user granted.
    let asked = Asked::of(&world);
    world.clock.advance(Duration::from_secs(59));
    let token = redeemed(&world, &own, request(asked.grant())).await.unwrap();
    assert_eq!(token.granted_scope().unwrap().as_str(), "trips:read");

    for (what, client) in [("client", &other), ("key", &with_other_key), ("no key", &without_key)] {
        let refused = redeemed(&world, client, request(Asked::of(&world).grant())).await;
        assert_eq!(refused.unwrap_err(), ErrorCode::InvalidGrant, "{what}");
    }
    let asked = Asked::of(&world);
    let redirected = redeemed(&world, &own, request(asked.grant().with_redirect_uri(SECOND))).await;
    assert_eq!(redirected.unwrap_err(), ErrorCode::InvalidGrant);
    let asked = Asked::of(&world);
    let verifier = CodeVerifier::generate(backend::ring()).unwrap();
    let guessed = CodeGrant::new(asked.code.parse().unwrap(), verifier).with_redirect_uri(REDIRECT);
    assert_eq!(redeemed(&world, &own, request(guessed)).await.unwrap_err(), ErrorCode::InvalidGrant);
    // A guess was the only one that the code had.
    assert_eq!(redeemed(&world, &own, request(asked.grant())).await.unwrap_err(), ErrorCode::InvalidGrant);

    let elsewhere = TokenRequest::new(Grant::AuthorizationCode(Asked::of(&world).grant()));
    let elsewhere = elsewhere.resource("https://other.example".parse().unwrap());
    assert_eq!(redeemed(&world, &own, elsewhere).await.unwrap_err(), ErrorCode::InvalidTarget);
    let wider = request(Asked::of(&world).grant()).scope("trips:book".parse().unwrap());
    assert_eq!(redeemed(&world, &own, wider).await.unwrap_err(), ErrorCode::InvalidScope);

    let asked = Asked::of(&world);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(redeemed(&world, &own, request(asked.grant())).await.unwrap_err(), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn aut_4_a_code_counts_once_and_a_second_use_ends_all_that_came_of_it() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| server.client("tool", &*tool_key, &[]).serves(TOOL));
    let sealing = SealingKey::generate(backend::ring()).unwrap();
    let tokens = world.tokens(Between::of(&world.server));
    let redirect = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope("trips:read".parse().unwrap())).await.unwrap();
    let copy = PendingAuthorization::open(&pending.seal(&sealing).unwrap(), &sealing).unwrap();
    let answer = query_of(&world.server.approve(pending.url(), USER));
    let grant = tokens.redeem(pending, &answer).await.unwrap();

    let credential = ClientCredential::key(ClientKey::new("tool", tool_key, None).unwrap());
    let asking = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), credential, SenderConstraint::dangerous_bearer())
        .build()
        .introspection(issuer(), false);
    let is_active = async |token: &AccessToken| {
        let IntrospectionAnswer::Json(said) = asking.introspect(token).await.unwrap() else { panic!() };
        said != br#"{"active":false}"#
    };
    let first = grant.first_token().unwrap();
    let unrelated = tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();
    assert!(is_active(first.token()).await && is_active(unrelated.token()).await);

    let refused = tokens.redeem(copy, &answer).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    assert!(!is_active(first.token()).await && is_active(unrelated.token()).await);
    world.clock.advance(Duration::from_secs(290));
    let refused = tokens.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
}
