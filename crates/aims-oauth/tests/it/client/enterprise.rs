//! Identity assertions, at the server of the enterprise and at that of the resource.

use std::sync::Arc;

use aims_credential::{Post, PostRequest};
use aims_keys::backend;
use aims_oauth::{
    AccessTokenVerifier, ClientCredential, ClientKey, ErrorCode, ErrorResponse, Grant, GrantProfile,
    NewParameters, OAuthClient, SecurityToken, TokenExchange, TokenRequest, TokenResponse, TokenTypeUrn,
    TypedToken,
};
use aims_testkit::{TestAuthorizationServer, assert_refused};

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

const BANK: &str = "https://as.bank.example";
const PAY: &str = "https://pay.bank.example";

/// What a server answers this client: a token, or why there is none.
async fn asked(
    server: &TestAuthorizationServer,
    client: &OAuthClient,
    request: TokenRequest,
) -> Result<TokenResponse, ErrorCode> {
    let sent = client.token(request).unwrap().send(NOW).await.unwrap();
    answered(server, sent.request().as_post()).await
}

/// The same of a client that does not look for whom its assertion is: it shows `token` in the place of `assertion`.
async fn asked_blindly(
    server: &TestAuthorizationServer,
    client: &OAuthClient,
    assertion: &SecurityToken,
    token: &SecurityToken,
) -> Result<TokenResponse, ErrorCode> {
    let sent = client.token(redeem(assertion)).unwrap().send(NOW).await.unwrap();
    let post = sent.request().as_post();
    let body = post.body().replace(assertion.expose(), token.expose());
    assert_ne!(body, post.body());
    answered(server, PostRequest::form(post.url(), &body).with_fields(post.fields())).await
}

async fn answered(
    server: &TestAuthorizationServer,
    post: PostRequest<'_>,
) -> Result<TokenResponse, ErrorCode> {
    let answer = Post::post(server, post).await.unwrap();
    match answer.status() {
        200 => Ok(TokenResponse::parse(answer.body()).unwrap()),
        _ => Err(ErrorResponse::parse(answer.body()).unwrap().error_code().unwrap()),
    }
}

/// Of the server of the enterprise, for the server with this identifier.
fn exchange(subject: &SecurityToken, audience: &str) -> TokenRequest {
    let subject = TypedToken::new(subject.clone(), TokenTypeUrn::AccessToken);
    let exchange = TokenExchange::of(subject).requesting(TokenTypeUrn::IdJag).audience(audience);
    TokenRequest::new(Grant::TokenExchange(exchange)).scope("trips:book".parse().unwrap())
}

fn redeem(assertion: &SecurityToken) -> TokenRequest {
    TokenRequest::new(Grant::JwtBearer(assertion.clone()))
}

#[tokio::test]
async fn mcp_31_both_servers_refuse_what_is_not_the_assertion_of_this_client_for_one_resource() {
    let (world, keys) = (World::new(), [Arc::new(key()), Arc::new(key())]);
    let bank = TestAuthorizationServer::builder(BANK, world.clock.reader())
        .client(CLIENT, &*keys[0], &[])
        .client("other", &*keys[1], &[])
        .resource(PAY, "trips:read trips:book")
        .resource("https://loans.bank.example", "trips:book")
        .trust(world.server.trusted(), &[GrantProfile::IdJag])
        .build();
    let at_bank = |id: &str, key: &Arc<aims_keys::SoftwareKey>| {
        let credential = ClientCredential::key(ClientKey::new(id, key.clone(), None).unwrap());
        OAuthClient::new(bank.metadata().clone(), credential, world.constraint(), backend::ring()).unwrap()
    };
    let (home, own, other) = (world.client(), at_bank(CLIENT, &keys[0]), at_bank("other", &keys[1]));
    let user = granted(&world, &world.tokens(Between::of(&world.server))).await.first_token().unwrap();
    let user: SecurityToken = user.token().clone().into();
    let pay = || PAY.parse().unwrap();

    // At home: for one server, for a resource, and to nobody who does not show who it is.
    let without_resource = asked(&world.server, &home, exchange(&user, BANK)).await.unwrap_err();
    assert_eq!(without_resource, ErrorCode::InvalidTarget);
    let mut form = NewParameters::new();
    exchange(&user, BANK).resource(pay()).write(&mut form);
    form.add("client_id", CLIENT);
    let answer = world.server.answer("POST", "/token", &[], form.as_str().as_bytes());
    assert_eq!((answer.status(), answer.body().starts_with(br#"{"error":"invalid_client""#)), (401, true));
    let assertion = async |audience: &str| {
        let answer = asked(&world.server, &home, exchange(&user, audience).resource(pay())).await.unwrap();
        assert_eq!(answer.issued_type(), Some(&TokenTypeUrn::IdJag));
        answer.token().clone()
    };

    // At the other server: an assertion, for it, of this client, for what it names.
    let (good, elsewhere) = (assertion(BANK).await, assertion("https://as.other.example").await);
    for (what, token) in [("another type", &user), ("another audience", &elsewhere)] {
        assert_refused!(own.token(redeem(token)), "other_server", "AIMS-36", "{what}");
        let refused = asked_blindly(&bank, &own, &good, token).await.unwrap_err();
        assert_eq!(refused, ErrorCode::InvalidGrant, "{what}");
    }
    // Of another client.
    assert_eq!(asked(&bank, &other, redeem(&good)).await.unwrap_err(), ErrorCode::InvalidGrant);
    let loans = redeem(&assertion(BANK).await).resource("https://loans.bank.example".parse().unwrap());
    assert_eq!(asked(&bank, &own, loans).await.unwrap_err(), ErrorCode::InvalidTarget);
    let token = asked(&bank, &own, redeem(&assertion(BANK).await)).await.unwrap();
    let reader = AccessTokenVerifier::builder(pay(), bank.trusted(), backend::ring()).build();
    let verified = reader.verify(&token.token().expose().parse().unwrap(), NOW).unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, CLIENT));
}
