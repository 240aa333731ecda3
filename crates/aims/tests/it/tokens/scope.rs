//! What a handler needs, and what a permit is good for.

use aims::oauth::Scope;
use aims_testkit::assert_refused;
use http::StatusCode;

use super::world::*;
use crate::support::{Tool, head, search};

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

#[tokio::test]
async fn cha_3_a_permit_without_a_token_is_good_for_no_scope() {
    let tool = Tool::new();
    let permit = tool.guard.admit(&head(&search(&tool.travel()))).await.unwrap();
    assert!(permit.authorization().is_none());
    assert_refused!(permit.require_scope(&Scope::none()), "insufficient_scope", "CHA-3");
    let shortfall =
        assert_refused!(permit.require_scope(&scope("trips:book")), "insufficient_scope", "CHA-3");
    // A guard that takes no tokens has nothing to say of them.
    let refusal = tool.guard.step_up(shortfall.clone());
    let response = refusal.to_response();
    assert_eq!((refusal.code(), response.status()), ("insufficient_scope", StatusCode::FORBIDDEN));
    assert!(!response.headers().contains_key("www-authenticate"));
    // One that does says what would do.
    assert_step_up(&World::new(), shortfall, "trips:book");
}

#[tokio::test]
async fn cha_3_a_permit_is_good_for_the_scope_of_its_token() {
    let world = World::new();
    let agent = world.travel();
    let token = world.issue(&for_user(&agent).scope(scope("trips:book trips:read")));
    let (head, _) = world.request(&agent, Some(&format!("Bearer {token}"))).await.into_parts();
    let permit = world.guard.admit(&head).await.unwrap();
    for enough in [Scope::none(), scope("trips:read"), scope("trips:read trips:book")] {
        permit.require_scope(&enough).unwrap();
    }
    let more = permit.require_scope(&scope("trips:book trips:pay"));
    let shortfall = assert_refused!(more, "insufficient_scope", "CHA-3");
    assert_step_up(&world, shortfall, "trips:book trips:pay");
}

/// All of what is needed is in the challenge, and not what is missing alone.
fn assert_step_up(world: &World, shortfall: aims::oauth::Shortfall, needed: &str) {
    let response = world.guard.step_up(shortfall).to_response();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    let wanted = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\", resource_metadata=");
    assert!(challenge.starts_with(&wanted), "{challenge}");
}
