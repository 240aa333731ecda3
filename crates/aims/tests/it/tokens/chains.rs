//! Agents that call on behalf of agents, at the tools that they call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aims::credential::{Mark, MarkKey};
use aims::jose::base64url;
use aims::oauth::{Authorized, Derivation, NewActor, VerifiedAccessToken};
use aims::{Decide, Decision, Question};
use aims_testkit::TestAgent;
use http::StatusCode;

use super::world::*;
use crate::support::NOW;

/// What the first agent was granted, as the guard verified it.
async fn granted(world: &World, agent: &TestAgent, line: &str) -> VerifiedAccessToken {
    let (head, _) = world.request(agent, Some(line)).await.into_parts();
    world.guard.admit(&head).await.unwrap().authorization().unwrap().token().clone()
}

/// Admits whoever acts for somebody else with a token that comes from what was granted first, and nobody whose token does not say what it comes from.
#[derive(Debug)]
struct Rests;

impl Decide for Rests {
    fn decide(&self, question: &Question<'_>) -> Decision {
        let token = question.authorization.map(Authorized::token);
        let rests = token.is_some_and(|token| token.actors().is_empty() || !token.lineage().ids().is_empty());
        if rests {
            Decision::Permit { policy: "rests".into() }
        } else {
            Decision::Deny { policy: "rests".into(), reason: "no_lineage".into() }
        }
    }
}

#[tokio::test]
async fn aims_26_aims_27_a_policy_and_its_records_know_what_a_token_rests_on() {
    let world = Setup::new().deciding(Rests).build();
    let (travel, helper) = (world.travel(), world.authority.agent("/agents/helper", NOW));
    let first = world.issue(&for_user(&travel));
    let parent = granted(&world, &travel, &format!("Bearer {first}")).await;
    assert!(world.records.last()["authorization"].get("lineage").is_none(), "it is the first");

    // A token that names the user, and whose scope covers the action, says nothing of what the first grant covered.
    let unfounded = for_user(&travel).bound_to(bound(&helper)).acting(NewActor::new(helper.id().as_str()));
    let unfounded = world.issue(&unfounded);
    let request = world.request(&helper, Some(&format!("Bearer {unfounded}"))).await;
    world.assert_refused(request, 403, "forbidden", "no_lineage", "rests").await;

    // One that was derived does, and is good for no more than what it comes from.
    let derive = |scope: &str| {
        Derivation::of(&parent, helper.id().as_str(), tool()).scope(scope.parse().unwrap()).derive(NOW)
    };
    assert!(derive("trips:book trips:pay").is_err());
    let derived = derive("trips:book").unwrap();
    let line = format!("Bearer {}", world.issue(&derived.request().clone().bound_to(bound(&helper))));
    let (status, _, body) = world.call(world.request(&helper, Some(&line)).await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/helper for user-1"));
    let id = base64url::encode(parent.lineage_id().as_bytes());
    assert_eq!(world.records.last()["authorization"]["lineage"], serde_json::json!([id]));
    // It ends with what it comes from.
    world.marks.add(&MarkKey::Token(parent.lineage_id()), Mark::dead()).unwrap();
    let ended = world.request(&helper, Some(&line)).await;
    world.assert_refused(ended, 401, "invalid_token", "revoked", "AIMS-55").await;
}

#[tokio::test]
async fn arch_8_mcp_3_each_hop_has_a_token_of_its_own_bound_to_itself() {
    let world = World::new();
    let (travel, helper) = (world.travel(), world.authority.agent("/agents/helper", NOW));
    let first = world.issue(&for_user(&travel));
    let parent = granted(&world, &travel, &format!("Bearer {first}")).await;
    // What was passed on as it is: not its own, whoever signs for it.
    let forwarded = world.request(&helper, Some(&format!("Bearer {first}"))).await;
    world.assert_refused(forwarded, 401, "invalid_token", "other_client", "AIMS-25").await;
    let derived = Derivation::of(&parent, helper.id().as_str(), tool()).derive(NOW).unwrap();
    for (binding, sender, expected) in [
        (bound(&helper), &helper, Ok(())),
        // In its name, and still with the key of the hop before.
        (bound(&travel), &helper, Err(("other_key", "DPO-6"))),
        // The hop before is no longer the one that acts.
        (bound(&helper), &travel, Err(("other_client", "AIMS-25"))),
        (bound(&travel), &travel, Err(("other_client", "AIMS-25"))),
    ] {
        let line = format!("Bearer {}", world.issue(&derived.request().clone().bound_to(binding)));
        let request = world.request(sender, Some(&line)).await;
        match expected {
            Ok(()) => assert_eq!(world.call(request).await.0, StatusCode::OK),
            Err((code, rule)) => {
                world.assert_refused(request, 401, "invalid_token", code, rule).await;
            }
        }
    }
    // For one tool, and not for the next.
    let next = "https://inner.example".parse().unwrap();
    let next = Derivation::of(&parent, helper.id().as_str(), next).derive(NOW).unwrap();
    let line = format!("Bearer {}", world.issue(&next.request().clone().bound_to(bound(&helper))));
    let elsewhere = world.request(&helper, Some(&line)).await;
    world.assert_refused(elsewhere, 401, "invalid_token", "audience_mismatch", "ACT-4").await;
}

/// Says yes to everything, as a user in a window does.
#[derive(Debug)]
struct Yes(Arc<AtomicUsize>);

impl Decide for Yes {
    fn decide(&self, _: &Question<'_>) -> Decision {
        self.0.fetch_add(1, Ordering::SeqCst);
        Decision::Permit { policy: "yes".into() }
    }
}

#[tokio::test]
async fn aims_41_aims_39_azr_6_a_yes_is_no_grant() {
    let asked = Arc::new(AtomicUsize::new(0));
    let world = Setup::new().deciding(Yes(Arc::clone(&asked))).build();
    let agent = world.travel();
    let thief = world.authority.agent("/agents/thief", NOW);
    let good = format!("Bearer {}", world.issue(&for_user(&agent)));
    for (sender, line) in
        [(&agent, None), (&agent, Some("Bearer confirmed-by-the-user")), (&thief, Some(&*good))]
    {
        let mut request = world.request(sender, line).await;
        request.headers_mut().insert("x-user-confirmed", "yes".parse().unwrap());
        let (status, _, _) = world.call(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{line:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody is asked who could say yes");
    assert_eq!(world.call(world.request(&agent, Some(&good)).await).await.0, StatusCode::OK);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
