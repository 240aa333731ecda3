//! Users who are asked elsewhere, and ID Tokens about them.

use std::time::Duration;

use aims_credential::FetchError;
use aims_keys::{SealingKey, backend};
use aims_oauth::{
    Action, AuthorizationDetails, BackchannelRequest, ErrorCode, PendingApproval, RedirectUri, TokenClient,
    TokenNeed, TokenStep, UserHint,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::world::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn question(scope: &str) -> BackchannelRequest {
    BackchannelRequest::new(scope.parse().unwrap(), UserHint::Login(USER.into())).resource(tool())
}

async fn ask(tokens: &TokenClient) -> PendingApproval {
    tokens.ask_user(&issuer(), question("trips:book")).await.unwrap()
}

#[tokio::test]
async fn aims_38_aims_40_hil_6_hil_9_hil_10_a_user_decides_in_their_own_time() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = ask(&tokens).await;
    assert_eq!((pending.next_poll(), pending.expires()), (NOW + secs(5), NOW + secs(120)));
    between.posted();
    // Not before the interval has passed.
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    assert!(between.posted().is_empty());
    world.clock.advance(secs(5));
    assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    assert_eq!(between.posted().len(), 1);
    world.server.decide(pending.id(), true);
    world.clock.advance(secs(5));
    let key = SealingKey::generate(backend::ring()).unwrap();
    let sealed = pending.seal(&key).unwrap();
    let grant = tokens.poll(&mut pending).await.unwrap().unwrap();
    let token = tokens.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap();
    let verified = world.verify(&token);
    assert_eq!((&*verified.subject(), verified.scope().as_str()), (USER, "trips:book"));
    assert_eq!(token.scope().unwrap().as_str(), "trips:book");
    // It is redeemed: nobody asks again, and who has a copy gets nothing.
    world.clock.advance(secs(5));
    between.posted();
    assert_refused!(tokens.poll(&mut pending).await, "expired", "HIL-42");
    assert!(between.posted().is_empty());
    let mut copy = PendingApproval::open(&sealed, &key).unwrap();
    let again = tokens.poll(&mut copy).await.unwrap_err();
    assert_eq!(again.error_code(), Some(ErrorCode::InvalidGrant));
}

#[tokio::test]
async fn hil_41_hil_44_what_the_user_confirmed_is_in_the_token_and_stays_the_same_when_it_is_renewed() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let tool = tool();
    let asked = Action::new("pay", r#"{"to":"hotel"}"#, &tool, USER).unwrap();
    let asked = asked.details("call-1", backend::ring()).unwrap();
    let mut pending =
        tokens.ask_user(&issuer(), question("trips:book").details(asked.clone())).await.unwrap();
    world.server.decide(pending.id(), true);
    world.clock.advance(secs(5));
    let grant = tokens.poll(&mut pending).await.unwrap().unwrap();
    between.posted();
    // The tool asked for it without the confirmation, which is the server's.
    let first = tokens.token(&TokenNeed::of(tool.clone()).details(asked.clone()).by(&grant)).await.unwrap();
    assert!(between.posted().is_empty());
    let confirmed = world.verify(&first).details().unwrap().as_json().to_owned();
    assert_eq!(confirmed.find(asked.as_json().trim_end_matches("}]")), Some(0));
    assert!(confirmed.contains(&format!(r#""confirmed_at":{}}}]"#, world.clock.now())), "{confirmed}");
    let changed = AuthorizationDetails::parse(&asked.as_json().replace("call-1", "call-2")).unwrap();
    world.clock.advance(secs(290));
    for need in [TokenNeed::of(tool.clone()), TokenNeed::of(tool).details(changed)] {
        let renewed = tokens.token(&need.by(&grant)).await.unwrap();
        assert_eq!(between.posted().len(), 1);
        assert_eq!(world.verify(&renewed).details().unwrap().as_json(), confirmed);
    }
}

#[tokio::test]
async fn hil_9_a_server_that_always_says_slow_down_is_asked_ever_less_often_and_at_most_until_the_end() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = ask(&tokens).await;
    between.posted();
    let mut waits = Vec::new();
    loop {
        let before = world.clock.now();
        if pending.next_poll() >= pending.expires() {
            break;
        }
        world.clock.set(pending.next_poll());
        waits.push(world.clock.now().since(before).as_secs());
        between.answers(Ok(json(400, r#"{"error":"slow_down"}"#)));
        assert!(tokens.poll(&mut pending).await.unwrap().is_none());
    }
    assert_eq!(waits, [5, 10, 15, 20, 25, 30]);
    assert_eq!(between.posted().len(), 6);
    world.clock.set(pending.expires());
    assert_refused!(tokens.poll(&mut pending).await, "expired", "HIL-42");
    assert!(between.posted().is_empty());
}

#[tokio::test]
async fn hil_42_what_a_user_refused_is_not_had_by_asking_again() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let mut pending = ask(&tokens).await;
    world.server.decide(pending.id(), false);
    world.clock.advance(secs(5));
    let refused = tokens.poll(&mut pending).await.unwrap_err();
    assert_eq!((refused.code(), refused.error_code()), ("refused", Some(ErrorCode::AccessDenied)));
}

#[tokio::test]
async fn hil_9_without_an_answer_it_is_asked_again_later() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = ask(&tokens).await;
    world.server.decide(pending.id(), true);
    for answer in [Err(FetchError::Timeout), Ok(json(503, ""))] {
        world.clock.set(pending.next_poll());
        between.answers(answer);
        assert!(tokens.poll(&mut pending).await.is_err());
        assert!(pending.next_poll() > world.clock.now());
    }
    world.clock.set(pending.next_poll());
    assert!(tokens.poll(&mut pending).await.unwrap().is_some());
}

#[tokio::test]
async fn hil_43_an_approval_that_waits_survives_a_restart_sealed() {
    let world = World::new();
    let key = SealingKey::generate(backend::ring()).unwrap();
    let pending = ask(&world.tokens(Between::of(&world.server))).await;
    let (sealed, id) = (pending.seal(&key).unwrap(), pending.id().expose().to_owned());
    assert!(!sealed.contains(&id) && !format!("{pending:?}").contains(&id));
    let mut opened = PendingApproval::open(&sealed, &key).unwrap();
    assert_eq!((opened.next_poll(), opened.expires()), (pending.next_poll(), pending.expires()));
    let other = SealingKey::generate(backend::ring()).unwrap();
    assert_refused!(PendingApproval::open(&sealed, &other), "sealed", "HIL-43");

    world.server.decide(opened.id(), true);
    world.clock.advance(secs(5));
    // Another process.
    let tokens = world.tokens(Between::of(&world.server));
    assert!(tokens.poll(&mut opened).await.unwrap().is_some());
}

#[tokio::test]
async fn hil_9_aut_6_step_by_step_it_is_asked_in_time_and_by_whom_it_was_begun() {
    let world = World::new();
    let mut pending = ask(&world.tokens(Between::of(&world.server))).await;
    let client = world.client();
    assert_refused!(pending.poll(&client, NOW), "too_early", "HIL-9");
    let other = aims_oauth::OAuthClient::new(
        world.server.metadata().clone(),
        aims_oauth::ClientCredential::none("another"),
        world.constraint(),
        backend::ring(),
    );
    let later = NOW + secs(5);
    assert_refused!(pending.poll(&other.unwrap(), later), "other_client", "AUT-6");
    world.clock.set(later);
    let sent = pending.poll(&client, later).unwrap().send(later).await.unwrap();
    // Never two at once.
    assert_refused!(pending.poll(&client, later), "too_early", "HIL-9");
    let answer = world.send(sent.request()).await;
    let TokenStep::Pending(not_yet) = sent.answered(&answer, later).unwrap() else { panic!() };
    pending.wait(not_yet);
    assert_eq!(pending.next_poll(), later + secs(5));
    // HIL-11: the server says that there is an answer.
    pending.notified(later + secs(1));
    assert!(pending.poll(&client, later + secs(1)).is_ok());
}

#[tokio::test]
async fn idt_1_idt_4_the_user_is_whom_the_id_token_names() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let begin = async || {
        let client = tokens.client(&issuer()).await.unwrap();
        let flow = client.authorize(&redirect).unwrap().resource(tool());
        tokens.begin(flow.scope("openid trips:read".parse().unwrap())).await.unwrap()
    };
    let pending = begin().await;
    assert!(pending.nonce().is_some());
    let back = world.server.approve(pending.url(), USER);
    let grant = tokens.redeem(pending, &query_of(&back)).await.unwrap();
    assert_eq!(grant.user().unwrap().subject(), USER);
    assert_eq!(grant.subject().as_deref(), Some(USER));

    // The answer to another request, whose nonce is another.
    let (one, other) = (begin().await, begin().await);
    let _ = world.server.approve(one.url(), USER);
    let back = world.server.approve(other.url(), "user-2");
    let stolen = tokens.redeem(other, &query_of(&back)).await.unwrap();
    let id_token = stolen.first_token().unwrap().id_token().unwrap().clone();
    let pending = begin().await;
    let back = world.server.approve(pending.url(), USER);
    let body =
        |id_token: &str| format!(r#"{{"access_token":"a","token_type":"DPoP","expires_in":300{id_token}}}"#);
    between.answers(Ok(json(200, &body(&format!(r#","id_token":"{}""#, id_token.expose())))));
    let refused = tokens.redeem(pending, &query_of(&back)).await;
    assert_refused!(refused, "nonce_mismatch", "IDT-4");
    let pending = begin().await;
    let back = world.server.approve(pending.url(), USER);
    between.answers(Ok(json(200, &body(""))));
    assert_refused!(tokens.redeem(pending, &query_of(&back)).await, "no_id_token", "IDT-1");
}

#[tokio::test]
async fn hil_4_an_approval_with_openid_names_the_user_too() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let mut pending = tokens.ask_user(&issuer(), question("openid trips:book")).await.unwrap();
    world.server.decide(pending.id(), true);
    world.clock.advance(secs(5));
    let grant = tokens.poll(&mut pending).await.unwrap().unwrap();
    assert_eq!(grant.user().unwrap().subject(), USER);
}

#[tokio::test]
async fn hil_1_hil_2_a_server_that_asks_nobody_is_not_asked() {
    let world = World::new();
    let metadata = |members: &str| {
        let text = format!(
            r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","token_endpoint_auth_methods_supported":["private_key_jwt"]{members}}}"#
        );
        world.client_of(aims_oauth::ServerMetadata::parse(text.as_bytes(), &issuer()).unwrap())
    };
    let grant = r#","grant_types_supported":["urn:openid:params:grant-type:ciba"]"#;
    let endpoint = r#","backchannel_authentication_endpoint":"https://as.example/ask""#;
    let refused = metadata(endpoint).ask_user(question("trips:book"));
    assert_refused!(refused, "grant_not_supported", "MCP-30");
    assert_refused!(metadata(grant).ask_user(question("trips:book")), "no_endpoint", "MET-3");
    assert!(metadata(&format!("{grant}{endpoint}")).ask_user(question("trips:book")).is_ok());
}

/// The audience of the assertion in a form.
fn audience(form: &str) -> String {
    let form = aims_oauth::Parameters::parse(form.as_bytes()).unwrap();
    let assertion = form.require("client_assertion").unwrap();
    let claims = aims_jose::base64url::decode(assertion.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["aud"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn hil_8_par_6_cja_3_an_assertion_is_for_the_issuer_whichever_endpoint_gets_it() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    ask(&tokens).await;
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    tokens.begin(flow).await.unwrap();
    tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();
    let sent = between.posted();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|form| audience(form) == ISSUER));
}

#[tokio::test]
async fn hil_34_whom_to_ask_comes_from_what_the_agent_holds_of_its_user() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = tokens.ask_user(&issuer(), question("openid trips:book")).await.unwrap();
    world.server.decide(pending.id(), true);
    world.clock.advance(secs(5));
    let grant = tokens.poll(&mut pending).await.unwrap().unwrap();
    let id_token = grant.first_token().unwrap().id_token().unwrap().clone();
    between.posted();
    let again = BackchannelRequest::new("openid".parse().unwrap(), UserHint::IdToken(id_token.clone()));
    // The test's server knows users by name alone, and says so.
    let refused = tokens.ask_user(&issuer(), again).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::UnknownUserId));
    let form = between.posted().remove(0);
    let form = aims_oauth::Parameters::parse(form.as_bytes()).unwrap();
    assert_eq!(form.get("id_token_hint").unwrap(), Some(id_token.expose()));
    assert!(form.get("login_hint").unwrap().is_none());
}
