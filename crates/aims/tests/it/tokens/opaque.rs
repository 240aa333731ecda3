//! Opaque tokens, which the guard asks their issuer about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aims::credential::{Mark, MarkKey};
use aims::keys::{Algorithm, BoxFuture, SoftwareKey};
use aims::oauth::{
    AccessToken, AccessTokenRequest, BindingPolicy, DpopProver, DpopVerifier, Introspect, IntrospectError,
    Introspection, IntrospectionAnswer, NewActor, ResourceServer, TokenBinding,
};
use aims::proof::ReplayMemory;
use aims::{Accept, backend};
use aims_testkit::{TestAgent, TestIntrospection, assert_refused};
use axum::body::Body;
use http::{Request, StatusCode};

use super::passed_on::{assert_without, careless};
use super::world::*;
use crate::support::NOW;

/// A tool that asks about opaque tokens, and who is asked.
fn asking() -> (World, TestIntrospection) {
    let asked = TestIntrospection::new();
    let world = world(asked.clone());
    (world, asked)
}

fn world(asked: impl Introspect + 'static) -> World {
    Setup::new()
        .resource(move |tokens| {
            let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
            ResourceServer::new(tokens.build(), BindingPolicy::bound())
                .with_dpop(dpop)
                .with_introspection(Introspection::new(issuer(), asked))
        })
        .guard(|guard| guard.accept(Accept::signature().or(Accept::dpop())))
        .build()
}

/// Both forms of one token.
fn both(world: &World, asked: &TestIntrospection, request: &AccessTokenRequest<'_>) -> [String; 2] {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let jwt = world.issue(request);
    let opaque = format!("opaque-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    asked.say_as(&opaque, &jwt.parse().unwrap());
    [jwt, opaque]
}

#[tokio::test]
async fn aims_28_azr_7_a_guard_treats_both_forms_of_a_token_alike() {
    let (world, asked) = asking();
    let (agent, thief, helper) = (
        world.travel(),
        world.authority.agent("/agents/thief", NOW),
        world.authority.agent("/agents/helper", NOW),
    );
    let new = |agent: &TestAgent| {
        AccessTokenRequest::new("user-1", "spiffe://acme.example/agents/travel", tool())
            .scope("trips:book".parse().unwrap())
            .bound_to(bound(agent))
    };
    let own = AccessTokenRequest::new(agent.id().as_str(), agent.id().as_str(), tool());
    let elsewhere =
        AccessTokenRequest::new("user-1", agent.id().as_str(), "https://other.example".parse().unwrap());
    let loose = AccessTokenRequest::new("user-1", agent.id().as_str(), tool());
    let less = AccessTokenRequest::new("user-1", agent.id().as_str(), tool());
    // Which token, who sends it, and what comes of it: what the handler says, or the code and rule of the record.
    let table: [(&str, AccessTokenRequest<'_>, &TestAgent, u16, &str); 8] = [
        ("for a user", new(&agent), &agent, 200, "spiffe://acme.example/agents/travel for user-1"),
        (
            "for itself",
            own.scope("trips:book".parse().unwrap()).bound_to(bound(&agent)),
            &agent,
            200,
            "spiffe://acme.example/agents/travel for itself",
        ),
        (
            "passed on",
            new(&helper).acting(NewActor::new(helper.id().as_str())),
            &helper,
            200,
            "spiffe://acme.example/agents/helper for user-1",
        ),
        ("stolen", new(&agent), &thief, 401, "other_client AIMS-25"),
        ("of another key", new(&thief), &agent, 401, "other_key DPO-6"),
        ("for another tool", elsewhere.bound_to(bound(&agent)), &agent, 401, "audience_mismatch ACT-4"),
        ("bound to nothing", loose, &agent, 401, "bearer_not_accepted SEC-4"),
        ("good for less", less.bound_to(bound(&agent)), &agent, 403, "insufficient_scope"),
    ];
    for (name, token, sender, status, expected) in table {
        let mut answers = Vec::new();
        for token in both(&world, &asked, &token) {
            let request = world.request(sender, Some(&format!("Bearer {token}"))).await;
            let (got, headers, body) = world.call(request).await;
            assert_eq!(got.as_u16(), status, "{name}: {body}");
            let decision = &world.records.last()["decision"];
            let why = format!(
                "{} {}",
                decision["reasons"][0].as_str().unwrap_or_default(),
                decision["policy_id"][0].as_str().unwrap_or_default()
            );
            assert!(body.contains(expected) || why == expected, "{name}: {body}, {why}");
            assert!(!world.records.text().contains(&token), "{name}: a token is in a record");
            answers.push((got, headers.get("www-authenticate").cloned(), body));
        }
        assert_eq!(answers[0], answers[1], "{name}");
    }
}

#[tokio::test]
async fn int_1_int_4_an_issuer_is_asked_for_those_who_proved_who_they_are() {
    let (world, asked) = asking();
    let agent = world.travel();
    let [_, opaque] = both(&world, &asked, &for_user(&agent));
    let line = format!("Bearer {opaque}");
    // Nobody, and somebody whose signature is of another request.
    let bare = Request::post("/v1/book").header("authorization", &line).body(Body::empty()).unwrap();
    world.assert_refused(bare, 401, "invalid_token", "binding_not_shown", "SEC-4").await;
    let mut forged = world.request(&agent, Some(&line)).await;
    *forged.uri_mut() = "/v1/read".parse().unwrap();
    assert_eq!(world.call(forged).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(asked.asked(), 0);
    for _ in 0..3 {
        assert_eq!(world.call(world.request(&agent, Some(&line)).await).await.0, StatusCode::OK);
    }
    assert_eq!(asked.asked(), 1);
    // Revoked at its issuer.
    asked.revoke(&opaque);
    world.clock.advance(Duration::from_secs(30));
    let revoked = world.request(&agent, Some(&line)).await;
    world.assert_refused(revoked, 401, "invalid_token", "inactive", "INT-1").await;
    // The issuer is gone: nobody is at fault, and nobody gets in.
    asked.fail(Some(IntrospectError::Unavailable));
    let gone = world.request(&agent, Some(&line)).await;
    let wanted = world
        .assert_refused(gone, 503, "temporarily_unavailable", "introspection_unavailable", "INT-1")
        .await;
    assert!(wanted.is_empty());
}

#[tokio::test]
async fn azr_10_aims_55_who_is_cut_off_while_the_issuer_is_asked_is_cut_off() {
    let (world, asked) = asking();
    let agent = world.travel();
    let permit = async |line: &str| {
        let (head, _) = world.request(&agent, Some(line)).await.into_parts();
        world.guard.admit(&head).await
    };
    for (cut, code, rule) in [("agent", "suspended", "AIMS-55"), ("time", "expired", "AIMS-8")] {
        let [_, opaque] = both(&world, &asked, &for_user(&agent));
        let line = format!("Bearer {opaque}");
        asked.hold();
        let (refused, ()) = tokio::join!(permit(&line), async {
            tokio::task::yield_now().await;
            match cut {
                "agent" => world.marks.add(&MarkKey::Agent(agent.id()), Mark::suspended()).unwrap(),
                _ => world.clock.advance(Duration::from_secs(40)),
            }
            asked.release();
        });
        assert_refused!(refused, code, rule, "{cut}");
        world.marks.clear(&MarkKey::Agent(agent.id()));
    }
    // A permit counts as long as what its issuer said.
    world.clock.set(NOW);
    let [_, opaque] = both(&world, &asked, &for_user(&agent));
    let permit = permit(&format!("Bearer {opaque}")).await.unwrap();
    world.clock.set(NOW + Duration::from_secs(29));
    permit.still_valid().unwrap();
    let id = *permit.authorization().unwrap().token().lineage_id();
    world.marks.add(&MarkKey::Token(&id), Mark::dead()).unwrap();
    assert_refused!(permit.still_valid(), "revoked", "AIMS-55");
    world.marks.clear(&MarkKey::Token(&id));
    world.clock.set(NOW + Duration::from_secs(30));
    assert_refused!(permit.still_valid(), "expired", "AIMS-8");
}

#[tokio::test]
async fn dpo_13_azr_7_opaque_tokens_are_shown_by_dpop_and_passed_on_to_nobody() {
    let (world, asked) = asking();
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let prover = DpopProver::new(Arc::new(key)).unwrap();
    let token = AccessTokenRequest::new("user-1", "spiffe://acme.example/agents/travel", tool())
        .bound_to(TokenBinding::Key(prover.thumbprint()));
    let (app, seen) = careless(&world.guard);
    for token in both(&world, &asked, &token) {
        let (target, access) = (URI.parse().unwrap(), token.parse().unwrap());
        let proof = prover.proof("POST", &target).with_token(&access).sign(NOW).await.unwrap();
        let request = || {
            let request = Request::post("/v1/book").header("authorization", format!("DPoP {token}"));
            request.header("dpop", &proof).body(Body::empty()).unwrap()
        };
        let response = tower::ServiceExt::oneshot(app.clone(), request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let seen = seen.lock().unwrap().clone();
        assert!(seen.contains("user-1"));
        assert_without(&seen, &token);
        assert_without(&world.records.text(), &token);
        world.assert_refused(request(), 401, "invalid_dpop_proof", "replay", "DPO-7").await;
    }
}

/// Fails in the way in which a guard must not.
#[derive(Debug)]
struct Panics;

impl Introspect for Panics {
    fn introspect<'a>(
        &'a self,
        _: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        Box::pin(async { panic!("as it was told") })
    }
}

#[tokio::test]
async fn arch_3_whoever_is_asked_and_panics_refuses() {
    let world = world(Panics);
    let agent = world.travel();
    for _ in 0..2 {
        let request = world.request(&agent, Some("Bearer opaque")).await;
        world.assert_refused(request, 503, "unavailable", "verifier_failed", "ARCH-3").await;
    }
    assert_eq!(world.records.last()["agent"]["id"], agent.id().as_str());
}
