//! Hostile servers, resources and hosts: what they try against the client.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_credential::{
    Fetch, FetchError, FetchRequest, Fetched, Mark, MarkKey, MarkTable, Post, PostRequest, Posted,
};
use aims_keys::{BoxFuture, SealingKey, UnixTime, backend};
use aims_oauth::{
    AuthorizationDetails, AuthorizationRequest, AuthorizationStart, BackchannelRequest, ClientAttestation,
    ClientCredential, ClientError, ErrorCode, Grant, HeldToken, Parameters, PendingApproval,
    PendingAuthorization, RedirectUri, SecurityToken, SenderConstraint, ServerMetadata, TokenClient,
    TokenNeed, TokenRequest, TokenStep, TokenTypeUrn, TypedToken, UserGrant, UserHint,
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

async fn granted(world: &World, tokens: &TokenClient, scope: &str, user: &str) -> UserGrant {
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let client = tokens.client(&issuer()).await.unwrap();
    let flow = client.authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope(scope.parse().unwrap())).await.unwrap();
    let back = world.server.approve(pending.url(), user);
    tokens.redeem(pending, &query_of(&back)).await.unwrap()
}

fn question() -> BackchannelRequest {
    BackchannelRequest::new("trips:book".parse().unwrap(), UserHint::Login(USER.into())).resource(tool())
}

/// Something happens while a request is on its way, each once.
#[derive(Clone)]
struct During(Between, Arc<Mutex<Vec<Event>>>, Way);

/// On which way.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Keys,
    Post,
}

type Event = Box<dyn FnOnce() + Send>;

impl During {
    fn of(between: &Between) -> Self {
        Self(between.clone(), Arc::default(), Way::Post)
    }

    fn happen(&self) {
        let events = std::mem::take(&mut *self.1.lock().unwrap());
        for event in events {
            event();
        }
    }

    fn then(&self, event: impl FnOnce() + Send + 'static) {
        self.1.lock().unwrap().push(Box::new(event));
    }
}

impl std::fmt::Debug for During {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("During")
    }
}

impl Fetch for During {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            let is_of_keys = request.url().path().contains("keys") || request.url().path().contains("jwks");
            let fetched = self.0.fetch(request).await;
            if is_of_keys && self.2 == Way::Keys {
                self.happen();
            }
            fetched
        })
    }
}

impl Post for During {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        Box::pin(async move {
            let answer = self.0.post(request).await;
            if self.2 == Way::Post {
                self.happen();
            }
            answer
        })
    }
}

#[tokio::test]
async fn hil_9_what_the_server_says_of_the_interval_is_kept_to_however_long() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    between.answers(Ok(json(200, r#"{"auth_req_id":"a-request","expires_in":7200,"interval":600}"#)));
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    assert_eq!(pending.next_poll(), NOW + secs(600));
    world.clock.advance(secs(600));
    between.answers(Ok(json(400, r#"{"error":"slow_down"}"#)));
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    assert_eq!(pending.next_poll(), NOW + secs(600 + 605));
    world.clock.advance(secs(605));
    between.answers(Ok(json(400, r#"{"error":"authorization_pending"}"#)));
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    assert_eq!(pending.next_poll(), NOW + secs(600 + 605 + 605));
}

#[tokio::test]
async fn hil_9_hil_42_what_the_server_has_decided_is_not_asked_for_again() {
    for code in ["access_denied", "expired_token", "invalid_grant", "invalid_request", "unauthorized_client"]
    {
        let world = World::new();
        let between = Between::of(&world.server);
        let tokens = world.tokens(between.clone());
        let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
        world.clock.advance(secs(5));
        between.answers(Ok(json(400, &format!(r#"{{"error":"{code}"}}"#))));
        assert_eq!(tokens.poll(&mut pending).await.unwrap_err().code(), "refused", "{code}");
        between.posted();
        world.clock.advance(secs(5));
        assert_refused!(tokens.poll(&mut pending).await, "expired", "HIL-42");
        assert!(between.posted().is_empty(), "{code}");
        // Nor by whoever opens it after a restart.
        let key = SealingKey::generate(backend::ring()).unwrap();
        let mut opened = PendingApproval::open(&pending.seal(&key).unwrap(), &key).unwrap();
        assert_refused!(tokens.poll(&mut opened).await, "expired", "HIL-42");
    }
    // What is no decision of theirs ends nothing.
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    world.server.decide(pending.id(), true);
    for answer in [
        json(400, r#"{"error":"temporarily_unavailable"}"#),
        json(401, r#"{"error":"invalid_client"}"#),
        json(502, "<html>"),
    ] {
        world.clock.set(pending.next_poll());
        between.answers(Ok(answer));
        assert!(tokens.poll(&mut pending).await.is_err());
    }
    world.clock.set(pending.next_poll());
    assert!(tokens.poll(&mut pending).await.unwrap().is_some());
}

#[tokio::test]
async fn azr_10_a_grant_that_is_forgotten_while_its_refresh_token_is_on_its_way_stays_forgotten() {
    let world = World::new();
    let during = During::of(&Between::of(&world.server));
    let tokens = world.tokens(during.clone());
    let grant = granted(&world, &tokens, "trips:read trips:book", USER).await;
    let first = grant.first_token().unwrap();
    let of_user = TokenNeed::of(tool()).by(&grant).scope("trips:read".parse().unwrap());
    world.clock.advance(secs(250));
    let (forgetful, forgotten) = (tokens.clone(), grant.clone());
    during.then(move || forgetful.forget_grant(&forgotten));
    assert_refused!(tokens.token(&of_user).await, "user_needed", "AIMS-30");
    assert!(!grant.can_be_refreshed() && grant.first_token().is_none());
    // Whoever has what came by it, has nothing.
    assert!(!first.is_live(world.clock.now()));
    world.clock.advance(secs(60));
    during.0.posted();
    assert_refused!(tokens.token(&of_user).await, "user_needed", "AIMS-30");
    assert!(during.0.posted().is_empty());
    let mut shown = 0;
    tokens.visit_secrets(&mut |_| shown += 1);
    assert_eq!(shown, 0);
}

#[tokio::test]
async fn azr_10_a_grant_that_is_forgotten_while_its_user_is_looked_at_brings_nothing() {
    let world = World::new();
    let during = During(Between::of(&world.server), Arc::default(), Way::Keys);
    let tokens = world.tokens(during.clone());
    let grant = granted(&world, &tokens, "openid trips:read", USER).await;
    world.clock.advance(secs(7200));
    let (forgetful, forgotten) = (tokens.clone(), grant.clone());
    during.then(move || forgetful.forget_grant(&forgotten));
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AIMS-30");
    assert!(during.1.lock().unwrap().is_empty());
}

#[tokio::test]
async fn azr_10_what_is_on_its_way_when_all_is_forgotten_is_not_kept() {
    let world = World::new();
    let between = Between::of(&world.server);
    let during = During::of(&between);
    let tokens = world.tokens(during.clone());
    let kept = tokens.token(&need()).await.unwrap();
    tokens.forget_issuer(&"https://other.example".parse().unwrap());
    assert!(same(&kept, &tokens.token(&need()).await.unwrap()));
    tokens.forget_issuer(&issuer());
    // A clone of it is no way around.
    assert!(!kept.is_live(NOW));
    for by_issuer in [true, false] {
        let other = need().scope(if by_issuer { "trips:book" } else { "trips:read" }.parse().unwrap());
        let forgetful = tokens.clone();
        during.then(
            move || if by_issuer { forgetful.forget_issuer(&issuer()) } else { forgetful.forget_all() },
        );
        let asked = tokens.token(&other).await.unwrap();
        between.posted();
        let next = tokens.token(&other).await.unwrap();
        assert_eq!(between.posted().len(), 1);
        assert!(!same(&asked, &next) && same(&next, &tokens.token(&other).await.unwrap()));
    }
}

#[tokio::test]
async fn azr_10_who_asks_again_after_forgetting_does_not_wait_for_what_was_forgotten() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    tokens.client(&issuer()).await.unwrap();
    let need = need();
    let mut old = pin!(tokens.token(&need));
    assert!(poll(old.as_mut()).is_pending());
    tokens.forget_all();
    let mut new = pin!(tokens.token(&need));
    assert!(poll(new.as_mut()).is_pending());
    assert_eq!(between.posted().len(), 2);
    // The old one lands first, and takes nothing from the new one.
    let old = old.await.unwrap();
    let mut waits = pin!(tokens.token(&need));
    assert!(poll(waits.as_mut()).is_pending());
    let (new, waits) = (new.await.unwrap(), waits.await.unwrap());
    assert!(same(&new, &waits) && !same(&old, &new));
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn mcp_15_xd_19_no_resource_chooses_which_server_sees_a_token_that_is_exchanged() {
    let world = World::new();
    let between = Between::of(&world.server);
    // A hostile resource names the hostile one of two servers.
    between.page(
        "https://tools.example/.well-known/oauth-protected-resource/v1",
        r#"{"resource":"https://tools.example/v1","authorization_servers":["https://evil.example"]}"#,
    );
    between.page(
        "https://evil.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token",
            "grant_types_supported":["urn:ietf:params:oauth:grant-type:token-exchange"],
            "token_endpoint_auth_methods_supported":["private_key_jwt"]}"#,
    );
    let builder = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .server("https://evil.example".parse().unwrap(), world.credential(), world.constraint());
    let tokens = builder.build();
    let subject: SecurityToken = "of-the-user".parse().unwrap();
    let exchange = TokenNeed::of(tool()).in_exchange_for(TypedToken::new(subject, TokenTypeUrn::AccessToken));
    assert_refused!(tokens.token(&exchange).await, "which_server", "MCP-15");
    assert!(between.posted().is_empty() && between.fetched().is_empty());
    // Who says where it goes, is heard.
    assert_eq!(tokens.token(&exchange.from(issuer())).await.unwrap_err().code(), "refused");
    assert!(between.posted()[0].contains("of-the-user"));
}

#[tokio::test]
async fn rft_2_mcp_14_a_refresh_token_goes_to_no_other_server_that_is_trusted() {
    let world = World::new();
    let between = Between::of(&world.server);
    between.page(
        "https://evil.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token",
            "grant_types_supported":["refresh_token"],"token_endpoint_auth_methods_supported":["private_key_jwt"]}"#,
    );
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .server("https://evil.example".parse().unwrap(), world.credential(), world.constraint())
        .build();
    let grant = granted(&world, &tokens, "trips:read", USER).await;
    between.posted();
    let elsewhere = TokenNeed::of(tool()).by(&grant).from("https://evil.example".parse().unwrap());
    for _ in 0..2 {
        assert_refused!(tokens.token(&elsewhere).await, "other_client", "AUT-6");
        world.clock.advance(secs(300));
    }
    assert!(between.posted().is_empty());
    // Nor is it another client's at the same server.
    let client = aims_oauth::ClientKey::new("other-agent", world.key.clone(), None).unwrap();
    let other = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), ClientCredential::key(client), world.constraint())
        .build();
    assert_refused!(other.token(&TokenNeed::of(tool()).by(&grant)).await, "other_client", "AUT-6");
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn abc_5_a_challenge_is_asked_for_before_a_request_is_pushed_too() {
    let world = World::new();
    let between = Between::of(&world.server);
    between.page(
        "https://as.example/.well-known/oauth-authorization-server",
        r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
            "authorization_endpoint":"https://as.example/authorize","challenge_endpoint":"https://as.example/challenge",
            "pushed_authorization_request_endpoint":"https://as.example/par","code_challenge_methods_supported":["S256"],
            "token_endpoint_auth_methods_supported":["attest_jwt_client_auth"]}"#,
    );
    let instance = Arc::new(key());
    let jwk = aims_jose::Jwk::new(aims_keys::Signer::public_key(&*instance).clone()).to_json();
    let attestation = sign(
        r#"{"alg":"ES256","typ":"oauth-client-attestation+jwt"}"#,
        &format!(r#"{{"sub":"{CLIENT}","exp":1790003600,"cnf":{{"jwk":{jwk}}}}}"#),
        &key(),
    );
    let attestation =
        ClientAttestation::from_attester(&attestation, aims_keys::Signer::public_key(&*instance)).unwrap();
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), ClientCredential::attestation(attestation, instance), world.constraint())
        .build();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap();
    between.answers(Ok(json(200, r#"{"attestation_challenge":"c-1"}"#)));
    // It does not count any more, and another is where the first was.
    between.answers(Ok(json(400, r#"{"error":"use_attestation_challenge"}"#)));
    between.answers(Ok(json(200, r#"{"attestation_challenge":"c-2"}"#)));
    between.answers(Ok(json(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#)));
    tokens.begin(flow).await.unwrap();
    let posted = between.posted();
    assert_eq!((posted.len(), &*posted[0], &*posted[2]), (4, "", ""));
    assert_eq!(posted[1], posted[3]);
}

#[tokio::test]
async fn hil_43_what_could_not_be_opened_again_is_not_sealed() {
    let world = World::new();
    let client = world.client();
    let key = SealingKey::generate(backend::ring()).unwrap();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let begin = async |flow: aims_oauth::AuthorizationFlow| match flow.begin(NOW).await.unwrap() {
        AuthorizationStart::Push(sent) => {
            match sent.answered(&json(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#)).unwrap() {
                aims_oauth::PushStep::Ready(pending) => pending,
                _ => panic!(),
            }
        }
        _ => panic!(),
    };
    let large = format!(r#"{{"type":"t","identifier":"{}"}}"#, "ä".repeat(1_500));
    let large = format!("[{large},{large},{large},{large}]");
    let scope = ":".repeat(10_000).parse().unwrap();
    let details = AuthorizationDetails::parse(&large).unwrap();
    let flow = client.authorize(&redirect).unwrap().details(details).scope(scope);
    assert_refused!(begin(flow).await.seal(&key), "form_too_long", "WIR-9");
    let mut flow = client.authorize(&redirect).unwrap();
    for _ in 0..17 {
        flow = flow.resource(tool());
    }
    assert_eq!(begin(flow).await.seal(&key).unwrap_err().rule(), "WIR-9");
    let mut flow = client.authorize(&redirect).unwrap();
    for _ in 0..16 {
        flow = flow.resource(tool());
    }
    PendingAuthorization::open(&begin(flow).await.seal(&key).unwrap(), &key).unwrap();
}

#[tokio::test]
async fn hil_43_what_is_sealed_is_taken_for_nothing_else_and_not_changed() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let key = SealingKey::generate(backend::ring()).unwrap();
    let grant = granted(&world, &tokens, "trips:read", USER).await.seal(&key).unwrap();
    let approval = tokens.ask_user(&issuer(), question()).await.unwrap().seal(&key).unwrap();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    let authorization = tokens.begin(flow).await.unwrap().seal(&key).unwrap();
    for other in [&approval, &authorization] {
        assert_refused!(UserGrant::open(other, &key), "sealed", "HIL-43");
    }
    for other in [&grant, &authorization] {
        assert_refused!(PendingApproval::open(other, &key), "sealed", "HIL-43");
    }
    for other in [&grant, &approval] {
        assert_refused!(PendingAuthorization::open(other, &key), "sealed", "HIL-43");
    }
    for at in [0, 1, 50, grant.len() - 1] {
        let mut changed = grant.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_refused!(UserGrant::open(&changed, &key), "sealed", "HIL-43");
    }
    let half = grant.split_at(60).0;
    for text in ["", "A", "AQ", half, &"A".repeat(200_000)] {
        assert_refused!(UserGrant::open(text, &key), "sealed", "HIL-43");
    }
}

#[tokio::test]
async fn aims_19_all_that_is_kept_for_use_is_kept_from_models() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let own = tokens.token(&need()).await.unwrap();
    let grant = granted(&world, &tokens, "trips:read trips:book", USER).await;
    let first = grant.first_token().unwrap();
    let secrets = |tokens: &TokenClient| {
        let mut secrets = Vec::new();
        tokens.visit_secrets(&mut |secret| secrets.push(secret.to_owned()));
        secrets
    };
    let seen = secrets(&tokens);
    let refresh = first.refresh_token().unwrap().expose().to_owned();
    for secret in [own.token().expose(), first.token().expose(), &refresh] {
        assert!(seen.iter().any(|seen| seen == secret));
    }
    // One that was opened is known as soon as it is used; one that is gone, is.
    let key = SealingKey::generate(backend::ring()).unwrap();
    let opened = UserGrant::open(&grant.seal(&key).unwrap(), &key).unwrap();
    drop((grant, first));
    tokens.forget_all();
    assert!(secrets(&tokens).is_empty());
    let of_user = TokenNeed::of(tool()).by(&opened);
    let token = tokens.token(&of_user).await.unwrap();
    let next = token.refresh_token().unwrap().expose().to_owned();
    tokens.forget_all();
    assert_eq!(secrets(&tokens), [next]);
}

#[tokio::test]
async fn sec_14_azr_8_a_request_that_is_shown_shows_neither_state_nor_nonce_nor_user() {
    let world = World::new();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = world.client().authorize(&redirect).unwrap().scope("openid".parse().unwrap());
    let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
    let form = Parameters::parse(sent.request().body().as_bytes()).unwrap();
    let read = AuthorizationRequest::read(&form).unwrap();
    let origin = aims_oauth::RequestOrigin::read(&form).unwrap();
    let shown = format!("{sent:?} {read:?} {origin:?}");
    for name in ["state", "nonce"] {
        let secret = form.get(name).unwrap().unwrap();
        assert!(!shown.contains(secret), "{name}: {shown}");
    }
    assert!(shown.contains(CLIENT));
}

#[tokio::test]
async fn exc_10_what_says_that_it_is_no_access_token_is_none_whatever_was_asked_for() {
    let client = World::new().client();
    for kind in [TokenTypeUrn::IdJag, TokenTypeUrn::RefreshToken, TokenTypeUrn::IdToken, TokenTypeUrn::Jwt] {
        let sent =
            client.token(TokenRequest::new(Grant::ClientCredentials)).unwrap().send(NOW).await.unwrap();
        let body =
            format!(r#"{{"access_token":"a","token_type":"DPoP","issued_token_type":"{}"}}"#, kind.as_str());
        assert_refused!(sent.answered(&json(200, &body), NOW), "issued_token_type", "EXC-10");
    }
}

#[tokio::test]
async fn idt_4_a_refresh_token_brings_no_other_user() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens, "openid trips:read", USER).await;
    let other = granted(&world, &tokens, "openid trips:read", "user-2").await;
    let id_token = other.first_token().unwrap().id_token().unwrap().expose().to_owned();
    world.clock.advance(secs(250));
    let body = format!(
        r#"{{"access_token":"a","token_type":"DPoP","expires_in":300,"refresh_token":"next","id_token":"{id_token}"}}"#
    );
    between.answers(Ok(json(200, &body)));
    let of_user = TokenNeed::of(tool()).by(&grant);
    let refused = tokens.token(&of_user).await.unwrap_err();
    assert_eq!(refused.rule(), "IDT-4");
    // What came in place of the refresh token is kept all the same.
    world.clock.advance(secs(60));
    between.posted();
    assert!(tokens.token(&of_user).await.is_err());
    assert!(between.posted()[0].contains("refresh_token=next"));
    // An honest one says the same user.
    let of_other = TokenNeed::of(tool()).by(&other);
    assert_eq!(world.verify(&tokens.token(&of_other).await.unwrap()).subject(), "user-2");
}

#[tokio::test]
async fn wir_8_the_largest_numbers_break_nothing() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let huge = u64::MAX;
    between.answers(Ok(json(
        200,
        &format!(r#"{{"access_token":"a","token_type":"DPoP","expires_in":{huge}}}"#),
    )));
    let token = tokens.token(&need()).await.unwrap();
    // Nobody's token lives longer than a month.
    assert_eq!(token.expires(), Some(NOW + secs(30 * 24 * 3600)));
    assert!(token.is_live(NOW) && !token.is_due(NOW));
    assert!(!token.is_live(UnixTime::from_secs(huge)) && token.is_due(UnixTime::from_secs(huge)));
    assert!(!token.is_live(UnixTime::from_secs(0)));
    between
        .answers(Ok(json(200, &format!(r#"{{"auth_req_id":"a","expires_in":{huge},"interval":{huge}}}"#))));
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    pending.wait(not_yet(&world).await);
    assert_eq!(pending.next_poll(), UnixTime::from_secs(huge));
    assert_eq!(pending.expires(), NOW + secs(30 * 24 * 3600));
    between.posted();
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    world.clock.advance(secs(30 * 24 * 3600));
    assert_refused!(tokens.poll(&mut pending).await, "expired", "HIL-42");
    assert!(between.posted().is_empty());
    // And none at all: it is not kept, and not used.
    between.answers(Ok(json(200, r#"{"access_token":"a","token_type":"DPoP","expires_in":0}"#)));
    let token = tokens.token(&need()).await.unwrap();
    let refused = token.fields("GET", &https(TOOL), None, world.clock.now()).await;
    assert_refused!(refused, "expired", "HIL-42");
}

/// A server says: slow down.
async fn not_yet(world: &World) -> aims_oauth::NotYet {
    let grant = Grant::Backchannel("a".parse().unwrap());
    let sent = world.client().token(TokenRequest::new(grant)).unwrap().send(NOW).await.unwrap();
    match sent.answered(&json(400, r#"{"error":"slow_down"}"#), NOW).unwrap() {
        TokenStep::Pending(not_yet) => not_yet,
        _ => panic!(),
    }
}

#[tokio::test]
async fn hil_9_no_other_grant_is_asked_for_slowly() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    for code in ["slow_down", "authorization_pending"] {
        between.answers(Ok(json(400, &format!(r#"{{"error":"{code}"}}"#))));
        assert_eq!(tokens.token(&need()).await.unwrap_err().code(), "refused");
        assert_eq!(between.posted().len(), 1);
        world.clock.advance(secs(60));
    }
}

#[tokio::test]
async fn sec_17_those_who_waited_long_for_a_failure_do_not_ask_one_after_the_other() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let during = During::of(&between);
    let tokens = world.tokens(during.clone());
    tokens.client(&issuer()).await.unwrap();
    for answer in [
        Err(FetchError::Timeout),
        Ok(json(200, r#"{"access_token":"a","token_type":"DPoP","expires_in":900}"#)),
    ] {
        let is_ok = answer.is_ok();
        between.answers(answer);
        let clock = world.clock.clone();
        during.then(move || clock.advance(secs(120)));
        let need = need();
        let (one, two, three) = tokio::join!(tokens.token(&need), tokens.token(&need), tokens.token(&need));
        assert_eq!(between.posted().len(), 1);
        for outcome in [one, two, three] {
            assert_eq!(outcome.is_ok(), is_ok);
        }
        world.clock.advance(secs(60));
    }
}

#[tokio::test]
async fn azr_10_a_user_who_is_cut_off_is_so_in_what_was_exchanged_for_them() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| {
        server.client("tool", &*tool_key, &[]).serves(TOOL).resource("https://inner.example", "trips:read")
    });
    let agent = world.tokens(Between::of(&world.server));
    let inbound = granted(&world, &agent, "trips:read", USER).await.first_token().unwrap();
    let verifier = aims_oauth::AccessTokenVerifier::builder(tool(), world.server.trusted(), backend::ring());
    let dpop = aims_oauth::DpopVerifier::builder(aims_proof::ReplayMemory::with_capacity(9), backend::ring());
    let resource = aims_oauth::ResourceServer::new(verifier.build(), aims_oauth::BindingPolicy::bound());
    let resource = resource.with_dpop(dpop.build());
    let fields = inbound.fields("POST", &https(TOOL), None, NOW).await.unwrap();
    let presented = aims_oauth::PresentedToken::read([&**fields[0].1]).unwrap().unwrap();
    let checked = resource.verify(&presented, NOW).unwrap();
    let target = TOOL.parse().unwrap();
    let proof =
        resource.verify_dpop(&presented, &checked, [&**fields[1].1], "POST", &target, NOW).unwrap().unwrap();
    let caller = resource.authorize(&presented, &checked, aims_oauth::Possession::Dpop(&proof)).unwrap();

    let marks = Arc::new(MarkTable::with_capacity(9));
    let credential = aims_oauth::ClientKey::new("tool", tool_key.clone(), None).unwrap();
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), ClientCredential::key(credential), SenderConstraint::dpop(prover()))
        .marks(Arc::clone(&marks))
        .build();
    let handled = TokenNeed::of("https://inner.example".parse().unwrap()).on_behalf_of(&caller);
    let handled = handled.scope("trips:read".parse().unwrap());
    assert!(!format!("{handled:?}").contains(USER));
    let kept = tokens.token(&handled).await.unwrap();
    marks.add(&MarkKey::Subject { issuer: ISSUER, subject: USER }, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&handled).await, "revoked", "AIMS-55");
    assert!(!kept.is_live(NOW));
}

#[tokio::test]
async fn iss_2_sec_15_a_mixed_up_or_doubled_answer_sends_the_code_nowhere() {
    let world = World::new();
    let client = world.client();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let begin = async || {
        let flow = client.authorize(&redirect).unwrap().resource(tool());
        let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
        let answer = json(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#);
        let aims_oauth::PushStep::Ready(pending) = sent.answered(&answer).unwrap() else { panic!() };
        pending
    };
    for (extra, code, rule) in [
        ("&iss=https%3A%2F%2Fas.example&code=2", "parameter_repeated", "WIR-2"),
        ("&iss=https%3A%2F%2Fas.example&iss=https%3A%2F%2Fas.example", "parameter_repeated", "WIR-2"),
        ("&iss=https%3A%2F%2Fevil.example&error=access_denied", "issuer_mismatch", "ISS-2"),
        ("&iss=https%3A%2F%2FAS.example", "issuer_mismatch", "ISS-2"),
        ("&iss=https%3A%2F%2Fas.example%2F", "issuer_mismatch", "ISS-2"),
        ("&iss=", "issuer_missing", "ISS-2"),
        ("&iss=https%3A%2F%2Fas.example&state=x", "parameter_repeated", "WIR-2"),
        ("&iss=https%3A%2F%2Fas.example&error=access_denied", "authorization_refused", "AUT-3"),
    ] {
        let pending = begin().await;
        let query = format!("code=1&state={}{extra}", pending.state());
        let query = Parameters::parse(query.as_bytes()).unwrap();
        assert_refused!(pending.redeem(&client, &query, NOW), code, rule);
    }
    // With the answer in time, to the second.
    for (later, is_ok) in [(599, true), (600, false)] {
        let pending = begin().await;
        let query = format!("code=1&state={}&iss=https%3A%2F%2Fas.example", pending.state());
        let query = Parameters::parse(query.as_bytes()).unwrap();
        assert_eq!(pending.redeem(&client, &query, NOW + secs(later)).is_ok(), is_ok);
    }
    // By a clock that was wrong meanwhile, it does not count for longer.
    for (earlier, is_ok) in [(60, true), (61, false)] {
        let pending = begin().await;
        let query = format!("code=1&state={}&iss=https%3A%2F%2Fas.example", pending.state());
        let query = Parameters::parse(query.as_bytes()).unwrap();
        assert_eq!(pending.redeem(&client, &query, NOW - secs(earlier)).is_ok(), is_ok);
    }
}

#[tokio::test]
async fn dpo_12_a_nonce_is_not_asked_for_twice_however_it_is_interleaved() {
    let metadata = r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
        "grant_types_supported":["client_credentials"],"token_endpoint_auth_methods_supported":["private_key_jwt"]}"#;
    let client = World::new().client_of(ServerMetadata::parse(metadata.as_bytes(), &issuer()).unwrap());
    let mut flow = client.token(TokenRequest::new(Grant::ClientCredentials)).unwrap();
    let answers = ["use_dpop_nonce", "use_attestation_challenge", "use_dpop_nonce"];
    for (tried, code) in answers.into_iter().enumerate() {
        let answer = json(400, &format!(r#"{{"error":"{code}"}}"#))
            .with_field("dpop-nonce", format!("n-{tried}").as_bytes())
            .with_field("oauth-client-attestation-challenge", b"c");
        match flow.send(NOW).await.unwrap().answered(&answer, NOW) {
            Ok(TokenStep::Again(again)) if tried < 2 => flow = again,
            Err(error) if tried == 2 => {
                assert_eq!(error, ClientError::Looping(ErrorCode::UseDpopNonce));
                return;
            }
            other => panic!("{tried}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn sec_17_rft_1_whoever_hangs_up_at_whatever_point_nobody_waits_for_ever_or_asks_twice_at_once() {
    for points in 0..24 {
        let world = World::with(aims_testkit::TestAuthorizationServerBuilder::require_nonces);
        let between = Between::of(&world.server).slow();
        let tokens = world.tokens(between.clone());
        let grant = granted(&world, &tokens, "trips:read trips:book", USER).await;
        world.clock.advance(secs(7200));
        between.posted();
        let of_user = TokenNeed::of(tool()).by(&grant).scope("trips:read".parse().unwrap());
        let of_agent = need();
        for need in [&of_agent, &of_user] {
            let mut waits = Some(Box::pin(tokens.token(need)));
            let mut wait = || {
                if waits.as_mut().is_some_and(|waits| poll(waits.as_mut()).is_ready()) {
                    waits = None;
                }
            };
            {
                let mut dropped = pin!(tokens.token(need));
                for _ in 0..points {
                    if poll(dropped.as_mut()).is_ready() {
                        break;
                    }
                    wait();
                }
            }
            // Who waited goes on, and the next with them.
            let mut next = pin!(tokens.token(need));
            let mut turns = 0;
            while poll(next.as_mut()).is_pending() {
                wait();
                turns += 1;
                assert!(turns < 100, "{points}: {need:?}");
            }
        }
        // Of each: one that hung up, one that went on, each with a nonce in between at most.
        assert!(between.posted().len() <= 8, "{points}");
    }
}
