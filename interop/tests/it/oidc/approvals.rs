//! Users who are asked elsewhere (CIBA, poll mode).

use std::time::Duration;

use aims_keys::{SealingKey, backend};
use aims_oauth::{AuthorizationDetails, BackchannelRequest, ErrorCode, PendingApproval, UserHint};
use aims_testkit::assert_refused;

use super::{AGENT, TOOL, USER, World, resource};

fn question(user: &str) -> BackchannelRequest {
    question_by(UserHint::Login(user.to_owned()))
}

fn question_by(hint: UserHint) -> BackchannelRequest {
    let question = BackchannelRequest::new("openid trips:book".parse().unwrap(), hint);
    question.resource(resource(TOOL)).binding_message("W4SCT".parse().unwrap())
}

async fn ask(world: &World) -> PendingApproval {
    world.tokens.ask_user(world.servers.issuer(), question(USER)).await.unwrap()
}

/// Waits as long as the client says, and asks.
fn wait(world: &World, pending: &PendingApproval) {
    world.clock.advance(pending.next_poll().since(world.now()).as_secs());
}

#[tokio::test]
async fn hil_9_hil_4_idt_1_a_user_agrees_in_their_own_time() {
    let Some(world) = World::new() else { return };
    let mut pending = ask(&world).await;
    // Not before its time: nothing is sent.
    assert!(world.tokens.poll(&mut pending).await.unwrap().is_none());
    wait(&world, &pending);
    assert!(world.tokens.poll(&mut pending).await.unwrap().is_none());
    // By the server it was too soon the second time. It says `slow_down`: five seconds more, from then on.
    wait(&world, &pending);
    let began = world.now();
    assert!(world.tokens.poll(&mut pending).await.unwrap().is_none());
    assert!(pending.next_poll() >= began + Duration::from_secs(10));

    world.servers.decide(pending.id().expose(), "yes");
    wait(&world, &pending);
    let key = SealingKey::generate(backend::ring()).unwrap();
    let sealed = pending.seal(&key).unwrap();
    let grant = world.tokens.poll(&mut pending).await.unwrap().unwrap();
    assert_eq!(grant.user().unwrap().subject(), USER);
    let verified = world.verify(TOOL, &grant.first_token().unwrap()).await;
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, AGENT));
    assert_eq!(verified.scope().as_str(), "trips:book");
    assert!(grant.can_be_refreshed());
    // Once: by us, who ask no more, and by the server, whom a copy asks.
    assert_refused!(world.tokens.poll(&mut pending).await, "expired", "HIL-42");
    let mut copy = PendingApproval::open(&sealed, &key).unwrap();
    let refused = world.tokens.poll(&mut copy).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
}

#[tokio::test]
async fn hil_15_rar_3_a_user_is_named_by_an_id_token_and_agrees_to_details() {
    let Some(world) = World::new() else { return };
    let asked = world.ask(TOOL, "openid trips:read").await;
    let query = world.servers.approve(&asked, "user-2");
    let grant = world.tokens.redeem(asked, &query).await.unwrap();
    let id_token = grant.first_token().unwrap().id_token().unwrap().clone();

    let details = AuthorizationDetails::parse(r#"[{"type":"trip","actions":["pay"]}]"#).unwrap();
    let question = question_by(UserHint::IdToken(id_token)).details(details.clone());
    let mut pending = world.tokens.ask_user(world.servers.issuer(), question).await.unwrap();
    world.servers.decide(pending.id().expose(), "yes");
    wait(&world, &pending);
    let grant = world.tokens.poll(&mut pending).await.unwrap().unwrap();
    assert_eq!(grant.user().unwrap().subject(), "user-2");
    let token = grant.first_token().unwrap();
    assert_eq!(token.details().unwrap().as_json(), details.as_json());
    assert_eq!(world.verify(TOOL, &token).await.details().unwrap().as_json(), details.as_json());
}

#[tokio::test]
async fn hil_9_hil_42_a_user_who_says_no_is_heard() {
    let Some(world) = World::new() else { return };
    let mut pending = ask(&world).await;
    world.servers.decide(pending.id().expose(), "no");
    wait(&world, &pending);
    let refused = world.tokens.poll(&mut pending).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::AccessDenied));
}

#[tokio::test]
async fn hil_9_a_user_whom_nobody_knows_is_not_asked() {
    let Some(world) = World::new() else { return };
    let refused = world.tokens.ask_user(world.servers.issuer(), question("nobody")).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::UnknownUserId));
}

#[tokio::test]
async fn hil_42_a_request_ends_with_its_time() {
    let Some(world) = World::new() else { return };
    let mut pending = ask(&world).await;
    world.clock.advance(601);
    assert_refused!(world.tokens.poll(&mut pending).await, "expired", "HIL-42");
}
