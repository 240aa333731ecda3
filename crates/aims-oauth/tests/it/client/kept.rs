//! What is kept serves for one thing alone.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_credential::{
    Fetch, FetchError, FetchRequest, Fetched, Mark, MarkKey, MarkTable, Post, PostRequest, Posted,
};
use aims_jose::JwkSet;
use aims_keys::{BoxFuture, backend};
use aims_oauth::{
    AccessToken, AuthorizationDetails, BackchannelRequest, HeldToken, IdTokenIssuer, IdTokenRequest,
    RedirectUri, Resource, SenderConstraint, TokenClient, TokenNeed, TokenTypeUrn, TypedToken, UserGrant,
    UserHint,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::{key, sign};
use crate::world::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn need() -> TokenNeed {
    TokenNeed::of(tool()).from(issuer()).scope("trips:read".parse().unwrap())
}

fn same(one: &HeldToken, other: &HeldToken) -> bool {
    one.fingerprint() == other.fingerprint()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn details(kind: &str) -> AuthorizationDetails {
    AuthorizationDetails::parse(&format!(r#"[{{"type":"{kind}"}}]"#)).unwrap()
}

fn access_token(token: &str) -> Posted {
    let kind = TokenTypeUrn::AccessToken;
    let kind = kind.as_str();
    json(
        200,
        &format!(
            r#"{{"access_token":"{token}","token_type":"DPoP","expires_in":300,"issued_token_type":"{kind}"}}"#
        ),
    )
}

fn grant(token: &str) -> Posted {
    let kind = TokenTypeUrn::Jwt;
    let kind = kind.as_str();
    json(200, &format!(r#"{{"access_token":"{token}","token_type":"N_A","issued_token_type":"{kind}"}}"#))
}

async fn granted(world: &World, tokens: &TokenClient) -> UserGrant {
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope("trips:read trips:book".parse().unwrap())).await.unwrap();
    let back = world.server.approve(pending.url(), USER);
    tokens.redeem(pending, &query_of(&back)).await.unwrap()
}

#[tokio::test]
async fn mcp_15_a_token_serves_in_one_right_and_for_one_thing() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let subject = |token: &str| TypedToken::new(token.parse().unwrap(), TokenTypeUrn::AccessToken);
    let own = [need(), need().details(details("a")), need().details(details("b"))];
    let exchanged = [need().in_exchange_for(subject("s-1")), need().in_exchange_for(subject("s-2"))];
    let across = [need().across_from(issuer(), subject("s-1")), need().across_from(issuer(), subject("s-2"))];
    let mut seen: Vec<(TokenNeed, HeldToken)> = Vec::new();
    for (at, need) in own.into_iter().chain(exchanged).chain(across).enumerate() {
        if at >= 5 {
            let claims = format!(r#"{{"sub":"user-{at}","aud":"{ISSUER}"}}"#);
            between.answers(Ok(grant(&sign(r#"{"alg":"ES256","typ":"JWT"}"#, &claims, &key()))));
        }
        between.answers(Ok(access_token(&format!("t-{at}"))));
        let token = tokens.token(&need).await.unwrap();
        assert_eq!(token.token().expose(), format!("t-{at}"));
        seen.push((need, token));
    }
    // XD-1: the grant is for the server, which is named once.
    let posted = between.posted();
    let grants: Vec<_> = posted.iter().filter(|body| body.contains("audience=")).collect();
    assert_eq!(grants.len(), 2);
    assert!(grants.iter().all(|body| !body.contains("resource=")));
    for (need, token) in &seen {
        assert!(same(token, &tokens.token(need).await.unwrap()));
    }
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn mcp_15_sec_10_of_more_than_there_is_room_for_nothing_is_mixed_up() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .capacity(1)
        .build();
    let other = need().scope("trips:book".parse().unwrap());
    for need in [&need(), &other, &need()] {
        tokens.token(need).await.unwrap();
        assert_eq!(between.posted().len(), 1);
    }
    // What is being asked for keeps its place: who finds no room asks alone.
    tokens.forget_all();
    let need = need();
    let mut first = pin!(tokens.token(&need));
    assert!(poll(first.as_mut()).is_pending());
    let alone = tokens.token(&other).await.unwrap();
    assert_eq!(alone.scope().unwrap().as_str(), "trips:book");
    let first = first.await.unwrap();
    between.posted();
    assert!(same(&first, &tokens.token(&need).await.unwrap()));
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn mcp_15_rft_2_what_came_with_a_grant_serves_for_what_it_is_and_for_its_key_alone() {
    let world = World::with(|server| server.resource("https://other.example", "trips:read"));
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let user = granted(&world, &tokens).await;
    let first = user.first_token().unwrap();
    let of_user = TokenNeed::of(tool()).by(&user);
    between.posted();
    assert!(same(&first, &tokens.token(&of_user).await.unwrap()) && between.posted().is_empty());
    let elsewhere: Resource = "https://other.example".parse().unwrap();
    for (at, more) in [
        TokenNeed::of(elsewhere).by(&user),
        of_user.clone().scope("trips:read trips:pay".parse().unwrap()),
        of_user.clone().details(details("a")),
    ]
    .into_iter()
    .enumerate()
    {
        between.answers(Ok(access_token(&format!("t-{at}"))));
        assert!(!same(&first, &tokens.token(&more).await.unwrap()));
        assert_eq!(between.posted().len(), 1);
    }
    // Of details that were granted, others are not.
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.details(details("a"))).await.unwrap();
    let back = world.server.approve(pending.url(), USER);
    let detailed = tokens.redeem(pending, &query_of(&back)).await.unwrap();
    between.posted();
    let of_detailed = TokenNeed::of(tool()).by(&detailed);
    let first_detailed = tokens.token(&of_detailed.clone().details(details("a"))).await.unwrap();
    assert!(between.posted().is_empty());
    between.answers(Ok(access_token("t-8")));
    let others = tokens.token(&of_detailed.details(details("b"))).await.unwrap();
    assert!(!same(&first_detailed, &others));
    // A client of the same name with another key.
    let other = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), SenderConstraint::dpop(prover()))
        .build();
    between.answers(Ok(access_token("t-9")));
    assert!(!same(&first, &other.token(&of_user).await.unwrap()));
}

#[tokio::test]
async fn azr_10_a_key_that_is_cut_off_is_so_with_all_that_is_bound_to_it() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .marks(Arc::clone(&marks))
        .build();
    tokens.token(&need()).await.unwrap();
    marks.add(&MarkKey::Key(&world.prover.thumbprint()), Mark::dead()).unwrap();
    assert_refused!(tokens.token(&need()).await, "revoked", "AIMS-55");
}

#[tokio::test]
async fn prm_2_mcp_9_nobody_is_asked_for_a_parent_that_was_not_taken() {
    let world = World::new();
    let between = Between::of(&world.server);
    let root = r#"{"resource":"https://tools.example","authorization_servers":["https://as.example"]}"#;
    between.page("https://tools.example/.well-known/oauth-protected-resource", root);
    let tokens = world.tokens(between.clone());
    assert_refused!(tokens.discover(&tool(), None).await, "http_status", "FED-6");
    assert_eq!(between.fetched(), ["https://tools.example/.well-known/oauth-protected-resource/v1"]);
    let takes = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .take_parent_resources()
        .build();
    assert_eq!(takes.discover(&tool(), None).await.unwrap().resource().as_str(), "https://tools.example");
}

#[tokio::test]
async fn sec_10_what_resources_say_of_themselves_is_not_kept_without_bound() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .capacity(2)
        .build();
    let resource = |name: &str| -> Resource { format!("https://{name}.example/r").parse().unwrap() };
    for name in ["a", "b", "c", "a"] {
        let body =
            format!(r#"{{"resource":"{}","authorization_servers":["{ISSUER}"]}}"#, resource(name).as_str());
        between.page(&format!("https://{name}.example/.well-known/oauth-protected-resource/r"), &body);
        tokens.discover(&resource(name), None).await.unwrap();
        assert_eq!(between.fetched().len(), 1, "{name}");
    }
    tokens.discover(&resource("a"), None).await.unwrap();
    assert!(between.fetched().is_empty());
}

/// Follows a redirect, though it was told not to.
#[derive(Clone, Debug)]
struct Led(Between);

impl Fetch for Led {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            let fetched = self.0.fetch(request).await?;
            let elsewhere =
                Fetched::new(https("https://evil.example/m"), Some("application/json"), Vec::new());
            Ok(elsewhere.with_body(fetched.body().to_vec()))
        })
    }
}

impl Post for Led {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        self.0.post(request)
    }
}

#[tokio::test]
async fn sec_17_a_document_from_elsewhere_is_not_what_was_asked_for() {
    let world = World::new();
    let between = Between::of(&world.server);
    let body = format!(r#"{{"resource":"{TOOL}","authorization_servers":["{ISSUER}"]}}"#);
    between.page("https://tools.example/.well-known/oauth-protected-resource/v1", &body);
    let tokens = world.tokens(Led(between.clone()));
    assert_refused!(tokens.token(&need()).await, "too_many_redirects", "FED-7");
    assert_refused!(tokens.discover(&tool(), None).await, "too_many_redirects", "FED-7");
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn idt_5_an_id_token_is_of_the_access_token_that_it_came_with() {
    let world = World::new();
    // A server that can be made to lie.
    let lying = Server::new();
    let between = Between::of(&world.server);
    between.page(
        "https://as.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token","jwks_uri":"https://as.example/keys",
            "authorization_endpoint":"https://as.example/authorize","code_challenge_methods_supported":["S256"],
            "grant_types_supported":["authorization_code","urn:openid:params:grant-type:ciba"],
            "backchannel_authentication_endpoint":"https://as.example/ask",
            "token_endpoint_auth_methods_supported":["private_key_jwt"]}"#,
    );
    let keys = JwkSet::new(vec![lying.jwk.clone()]).unwrap();
    between.page("https://as.example/keys", &keys.to_json());
    let tokens = world.tokens(between.clone());
    let issuer_of_tokens = IdTokenIssuer::new(issuer(), lying.key.clone(), "as-1").unwrap();
    let answer = |nonce: Option<&str>, of: &str| {
        let of: AccessToken = of.parse().unwrap();
        let request = IdTokenRequest::new(USER, CLIENT).with_access_token(&of);
        let request = match nonce {
            Some(nonce) => request.nonce(nonce),
            None => request,
        };
        let id_token = issuer_of_tokens.issue(&request, world.clock.now()).unwrap().into_token();
        Ok(json(
            200,
            &format!(r#"{{"access_token":"a","token_type":"DPoP","id_token":"{}"}}"#, id_token.expose()),
        ))
    };
    for (of, is_ok) in [("a", true), ("other", false)] {
        let redirect: RedirectUri = REDIRECT.parse().unwrap();
        let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap();
        let pending = tokens.begin(flow.scope("openid".parse().unwrap())).await.unwrap();
        let query = format!("code=1&state={}&iss=https%3A%2F%2Fas.example", pending.state());
        let query = aims_oauth::Parameters::parse(query.as_bytes()).unwrap();
        between.answers(answer(pending.nonce(), of));
        let redeemed = tokens.redeem(pending, &query).await;

        between.answers(Ok(json(200, r#"{"auth_req_id":"a","expires_in":120}"#)));
        let request = BackchannelRequest::new("openid".parse().unwrap(), UserHint::Login(USER.into()));
        let mut pending = tokens.ask_user(&issuer(), request).await.unwrap();
        world.clock.advance(secs(5));
        between.answers(answer(None, of));
        let polled = tokens.poll(&mut pending).await;
        if is_ok {
            redeemed.unwrap();
            polled.unwrap().unwrap();
        } else {
            assert_refused!(redeemed, "at_hash_mismatch", "IDT-5");
            assert_refused!(polled, "at_hash_mismatch", "IDT-5");
        }
    }
}
