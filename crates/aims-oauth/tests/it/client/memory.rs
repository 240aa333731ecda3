//! What resources wanted, remembered.

use aims_oauth::{HeldToken, ScopeMemory, TokenNeed};

use super::support::*;
use crate::world::*;

const OTHER: &str = "https://tools.example/v2";

/// The resource has this scope.
fn stocked(scope: &str) -> World {
    World::with(|server| server.resource(OTHER, scope))
}

fn need(scope: &str) -> TokenNeed {
    TokenNeed::of(OTHER.parse().unwrap()).from(issuer()).scope(scope.parse().unwrap())
}

async fn token(world: &World, scope: &str) -> HeldToken {
    world.tokens(world.server.clone()).token(&need(scope)).await.unwrap()
}

fn scope_of(need: Option<TokenNeed>) -> Option<String> {
    need.and_then(|need| need.told_scope().map(ToString::to_string))
}

#[tokio::test]
async fn mcp_12_of_more_needs_than_there_is_room_for_those_that_nobody_asks_about_are_forgotten() {
    let world = stocked("a b c d more");
    let memory = ScopeMemory::with_capacity(2);
    for scope in ["a", "b"] {
        let more = format!("{scope} more");
        memory.learn(&need(scope), &need(&more), &token(&world, &more).await);
    }
    assert_eq!(scope_of(memory.widened(&need("a"))).unwrap(), "a more");
    memory.learn(&need("c"), &need("c more"), &token(&world, "c more").await);
    // `b` was not asked about for the longest time.
    assert!(memory.widened(&need("b")).is_none());
    assert_eq!(scope_of(memory.widened(&need("a"))).unwrap(), "a more");
    assert_eq!(scope_of(memory.widened(&need("c"))).unwrap(), "c more");
    memory.forget(&need("a"));
    assert!(memory.widened(&need("a")).is_none());
    let none = ScopeMemory::with_capacity(0);
    none.learn(&need("d"), &need("d more"), &token(&world, "d more").await);
    assert!(none.widened(&need("d")).is_none());
}

#[tokio::test]
async fn mcp_5_mcp_12_what_was_not_asked_for_and_what_was_not_granted_is_not_learned() {
    let world = stocked("a b c offline_access");
    let memory = ScopeMemory::with_capacity(2);
    // The server gives more than that: by itself, and not for what the resource wanted.
    memory.learn(&need("a"), &need("a"), &token(&world, "a b").await);
    // It gives less.
    memory.learn(&need("a"), &need("a b"), &token(&world, "a").await);
    memory.learn(&need("a"), &need("a offline_access"), &token(&world, "a offline_access").await);
    assert!(memory.widened(&need("a")).is_none());
    memory.learn(&need("a"), &need("a b offline_access"), &token(&world, "a b offline_access").await);
    assert_eq!(scope_of(memory.widened(&need("a"))).unwrap(), "a b");
    // For that need alone: not by another server, nor for more.
    let anywhere = TokenNeed::of(OTHER.parse().unwrap()).scope("a".parse().unwrap());
    assert!(memory.widened(&anywhere).is_none() && memory.widened(&need("a c")).is_none());
    // And not in the right of a user.
    let other = World::new();
    let grant = granted(&other, &other.tokens(other.server.clone())).await;
    memory.learn(&need("a").by(&grant), &need("a b").by(&grant), &token(&world, "a b").await);
    assert!(memory.widened(&need("a").by(&grant)).is_none());
}
