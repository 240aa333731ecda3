//! What happens while a request is on its way: somebody forgets, is cut off, waits, or hangs up.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_credential::{
    Fetch, FetchError, FetchRequest, Fetched, Mark, MarkKey, MarkTable, Post, PostRequest, Posted,
};
use aims_keys::{BoxFuture, SealingKey, backend};
use aims_oauth::{
    ClientCredential, HeldToken, RedirectUri, SenderConstraint, TokenClient, TokenNeed, UserGrant,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::key;
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
    assert_refused!(tokens.token(&of_user).await, "user_needed", "AZR-2");
    assert!(!grant.can_be_refreshed() && grant.first_token().is_none());
    // Whoever has what came by it, has nothing.
    assert!(!first.is_live(world.clock.now()));
    world.clock.advance(secs(60));
    during.0.posted();
    assert_refused!(tokens.token(&of_user).await, "user_needed", "AZR-2");
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
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AZR-2");
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
    let caller = world.called_with(&inbound).await;

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
