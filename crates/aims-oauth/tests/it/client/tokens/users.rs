//! Tokens that come by the grant of a user.

use aims_keys::{SealingKey, backend};
use aims_oauth::{TokenNeed, UserGrant};
use aims_testkit::assert_refused;

use super::super::support::*;
use super::{same, secs};
use crate::world::*;

#[tokio::test]
async fn aims_30_rft_1_tokens_come_by_the_grant_of_a_user_and_its_refresh_token_is_used_once_at_a_time() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens).await;
    between.posted();
    // The token that came with it serves at first.
    let of_user = TokenNeed::of(tool()).by(&grant);
    let first = tokens.token(&of_user).await.unwrap();
    assert!(same(&first, &grant.first_token().unwrap()) && between.posted().is_empty());
    assert_eq!(world.verify(&first).subject(), USER);

    // Two that need different tokens at once: a server that rotates would end the grant, if both sent the same refresh token.
    world.clock.advance(secs(300));
    let read = of_user.clone().scope("trips:read".parse().unwrap());
    let book = of_user.clone().scope("trips:book".parse().unwrap());
    let (one, other) = tokio::join!(tokens.token(&read), tokens.token(&book));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.scope().unwrap().as_str(), "trips:read");
    assert_eq!(other.scope().unwrap().as_str(), "trips:book");
    assert_eq!(between.posted().len(), 2);
    // More than was granted is not given.
    let pay = of_user.clone().scope("trips:pay".parse().unwrap());
    assert_eq!(tokens.token(&pay).await.unwrap_err().code(), "refused");
}

#[tokio::test]
async fn rft_1_a_grant_that_ended_is_not_tried_again() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens).await;
    let key = SealingKey::generate(backend::ring()).unwrap();
    let sealed = grant.seal(&key).unwrap();
    world.clock.advance(secs(300));
    tokens.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap();
    // Somebody has a copy of what was used meanwhile: the server ends all of it.
    let copy = UserGrant::open(&sealed, &key).unwrap();
    assert_eq!((copy.issuer(), copy.can_be_refreshed()), (&issuer(), true));
    let elsewhere = world.tokens(between.clone());
    let refused = elsewhere.token(&TokenNeed::of(tool()).by(&copy)).await.unwrap_err();
    assert_eq!(refused.code(), "refused");
    world.clock.advance(secs(300));
    let refused = tokens.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap_err();
    assert_eq!(refused.code(), "refused");
    between.posted();
    world.clock.advance(secs(300));
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AZR-2");
    assert!(between.posted().is_empty());
    assert_refused!(grant.seal(&key), "user_needed", "AZR-2");
}

#[tokio::test]
async fn rft_2_mcp_14_a_grant_is_its_clients_and_its_servers() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let grant = granted(&world, &tokens).await;
    let other = World::new();
    let elsewhere: aims_oauth::Issuer = "https://other.example".parse().unwrap();
    let refused = other
        .tokens(Between::of(&other.server))
        .token(&TokenNeed::of(tool()).by(&grant).from(elsewhere))
        .await;
    assert_refused!(refused, "unknown_server", "XD-19");
    tokens.forget_grant(&grant);
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AZR-2");
}
