//! What was cut off, and is not used though it is kept.

use std::sync::Arc;

use aims_credential::{Mark, MarkKey, MarkTable};
use aims_keys::backend;
use aims_oauth::{TokenClient, TokenNeed};
use aims_testkit::assert_refused;

use super::super::support::*;
use super::{need, same, secs};
use crate::world::*;

#[tokio::test]
async fn azr_10_what_was_cut_off_is_not_used_though_it_is_kept() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .marks(Arc::clone(&marks))
        .build();
    let first = tokens.token(&need()).await.unwrap();
    let client = MarkKey::Client { issuer: ISSUER, client: CLIENT };
    // All before now: what is issued later counts.
    marks.add(&client, Mark::not_before(NOW)).unwrap();
    world.clock.advance(secs(1));
    let second = tokens.token(&need()).await.unwrap();
    assert!(!same(&first, &second) && !first.is_live(world.clock.now()));
    marks.add(&client, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&need()).await, "revoked", "AIMS-55");

    // A resource server says so.
    marks.clear(&client);
    world.clock.advance(secs(60));
    let third = tokens.token(&need()).await.unwrap();
    tokens.forget(&third);
    assert!(!same(&third, &tokens.token(&need()).await.unwrap()));
    let fourth = tokens.token(&need()).await.unwrap();
    tokens.forget_issuer(&issuer());
    let fifth = tokens.token(&need()).await.unwrap();
    tokens.forget_all();
    let sixth = tokens.token(&need()).await.unwrap();
    assert!(!same(&fourth, &fifth) && !same(&fifth, &sixth));
}

#[tokio::test]
async fn azr_10_marks_of_a_user_stop_what_came_by_the_grant() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .marks(Arc::clone(&marks))
        .build();
    let grant = granted(&world, &tokens).await;
    grant.set_subject(USER);
    let of_user = TokenNeed::of(tool()).by(&grant);
    tokens.token(&of_user).await.unwrap();
    marks.add(&MarkKey::Subject { issuer: ISSUER, subject: USER }, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&of_user).await, "revoked", "AIMS-55");
    // The agent's own right is another.
    tokens.token(&need()).await.unwrap();
}
