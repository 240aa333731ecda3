//! How long a token is kept, and for what it serves.

use aims_credential::FetchError;
#[cfg(feature = "mtls")]
use aims_keys::backend;
#[cfg(feature = "mtls")]
use aims_oauth::TokenClient;
use aims_oauth::{ClientError, TokenNeed};
use aims_testkit::assert_refused;

use super::super::support::*;
use super::{need, same, secs};
use crate::world::*;

#[tokio::test]
async fn a_token_is_kept_for_what_it_serves_for_and_nothing_else() {
    let world = World::with(|server| server.resource("https://other.example", "x").require_nonces());
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let first = tokens.token(&need()).await.unwrap();
    // A nonce was wanted, once.
    assert_eq!(between.posted().len(), 2);
    assert_eq!(between.fetched(), ["https://as.example/.well-known/oauth-authorization-server"]);
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    // The order of a scope says nothing.
    let both = need().scope("trips:read trips:book".parse().unwrap());
    let turned = need().scope("trips:book trips:read".parse().unwrap());
    let wider = tokens.token(&both).await.unwrap();
    assert!(same(&wider, &tokens.token(&turned).await.unwrap()));
    assert_eq!(between.posted().len(), 1);
    for other in [
        need().scope("trips:book".parse().unwrap()),
        TokenNeed::of(tool()).from(issuer()),
        TokenNeed::of("https://other.example".parse().unwrap()).from(issuer()),
    ] {
        let token = tokens.token(&other).await.unwrap();
        assert!(!same(&token, &first) && !same(&token, &wider));
        assert_eq!(between.posted().len(), 1);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_again_before_it_ends_and_kept_when_that_fails() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let first = tokens.token(&need()).await.unwrap();
    world.clock.advance(secs(239));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    // In the last minute another is asked for: while that fails, the first serves, and nobody asks at once again.
    world.clock.advance(secs(1));
    between.posted();
    between.answers(Err(FetchError::Unreachable));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    assert_eq!(between.posted().len(), 1);
    world.clock.advance(secs(2));
    let second = tokens.token(&need()).await.unwrap();
    assert!(!same(&first, &second));
    // What has ended serves for nothing.
    world.clock.advance(secs(299));
    between.answers(Err(FetchError::Unreachable));
    assert_refused!(tokens.token(&need()).await, "unreachable", "FED-14");
    // The failure is remembered for a while, and not longer.
    between.posted();
    assert_refused!(tokens.token(&need()).await, "unreachable", "FED-14");
    assert!(between.posted().is_empty());
    world.clock.advance(secs(60));
    tokens.token(&need()).await.unwrap();
}

#[tokio::test]
async fn one_request_asks_while_others_wait() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    let all: Vec<_> = (0..8)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { tokens.token(&need()).await })
        })
        .collect();
    let mut got = Vec::new();
    for one in all {
        got.push(one.await.unwrap().unwrap());
    }
    assert_eq!(between.posted().len(), 1);
    assert!(got.iter().all(|token| same(token, &got[0])));
}

#[tokio::test]
async fn who_hangs_up_while_asking_leaves_it_to_the_next() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    tokens.client(&issuer()).await.unwrap();
    {
        let need = need();
        let asking = tokens.token(&need);
        tokio::pin!(asking);
        let first = futures_poll(asking.as_mut());
        assert!(first.is_pending());
        assert_eq!(between.posted().len(), 1);
    }
    tokens.token(&need()).await.unwrap();
    assert_eq!(between.posted().len(), 1);
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn aims_19_what_is_kept_is_not_shown() {
    let world = World::new();
    let shown = format!("{:?} {:?}", world.tokens(Between::of(&world.server)), need());
    assert!(shown.contains("as.example"), "{shown}");
    assert_eq!(ClientError::UserNeeded.rule(), "AZR-2");
}

#[cfg(feature = "mtls")]
#[tokio::test]
async fn mtl_4_a_token_that_is_bound_to_a_certificate_is_not_used_with_the_next_one() {
    let world = World::new();
    let certificates = aims_testkit::TestCertificates::new("spiffe://acme.example", NOW);
    let current = aims_credential::CurrentCredential::new(certificates.holder("/agents/travel", NOW));
    let between = Between::of(&world.server);
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), aims_oauth::SenderConstraint::certificate(current.clone()))
        .build();
    let body = |token: &str| {
        json(200, &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":300}}"#))
    };
    between.answers(Ok(body("a")));
    let first = tokens.token(&need()).await.unwrap();
    assert!(matches!(first.binding(), aims_oauth::HeldBinding::Certificate(_)));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    current.replace(certificates.holder("/agents/travel", NOW)).unwrap();
    between.answers(Ok(body("b")));
    let second = tokens.token(&need()).await.unwrap();
    assert!(!same(&first, &second) && first.binding() != second.binding());
}
