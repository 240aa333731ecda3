//! What was used is not used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aims_credential::{ReplayError, ReplayStore};
use aims_jose::Thumbprint;
use aims_keys::{Algorithm, Signer, UnixTime};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{NOW, Parts, World, new_key, secs, verifier};

fn sender() -> Thumbprint {
    Thumbprint::of(Signer::public_key(&new_key(Algorithm::Ed25519)))
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

#[test]
fn aims_22_wpt_11_a_captured_proof_is_refused_as_long_as_it_would_count() {
    let world = World::new();
    let (verifier, memory) = verifier();
    let verifier = verifier.build();
    let mut received = Parts::new(&world.agent()).send();
    received.verify(&world, &verifier).unwrap();
    assert_eq!(memory.len(), 1);
    // Until `exp` and the leeway; from then on for its age.
    for later in [0, 1, 59, 60, 89] {
        received.now = NOW + secs(later);
        assert_refused!(received.verify(&world, &verifier), "replay", "WPT-11", "after {later} s");
    }
    received.now = NOW + secs(90);
    assert_refused!(received.verify(&world, &verifier), "expired", "WPT-8");
}

#[test]
fn aims_22_wpt_11_another_signature_over_the_same_identifier_is_the_same_proof() {
    let world = World::new();
    let agent = world.agent();
    let verifier = verifier().0.build();
    let mut parts = Parts::plain(&agent);
    parts.send().verify(&world, &verifier).unwrap();
    // ES256 signs with a fresh number each time.
    assert_refused!(parts.send().verify(&world, &verifier), "replay", "WPT-11");
    parts.claims["exp"] = json!(NOW.as_secs() + 61);
    assert_refused!(parts.send().verify(&world, &verifier), "replay", "WPT-11");
    parts.claims["jti"] = json!("another");
    parts.send().verify(&world, &verifier).unwrap();
}

#[test]
fn wpt_11_identifiers_belong_to_their_sender() {
    let world = World::new();
    let verifier = verifier().0.build();
    Parts::plain(&world.agent()).send().verify(&world, &verifier).unwrap();
    Parts::plain(&world.agent())
        .send()
        .verify(&world, &verifier)
        .expect("another sender, the same identifier");
}

#[test]
fn wpt_11_a_full_memory_refuses_and_counts_and_forgets_nothing_that_counts() {
    let memory = ReplayMemory::with_capacity(3);
    let sender = sender();
    assert!(memory.is_empty());
    for id in ["a", "b", "c"] {
        memory.remember(&sender, id, at(100), at(10)).unwrap();
    }
    assert_refused!(memory.remember(&sender, "d", at(100), at(10)), "replay_store_full", "WPT-11");
    assert_refused!(memory.remember(&sender, "a", at(100), at(99)), "replay", "WPT-11");
    assert_eq!((memory.len(), memory.is_empty(), memory.refused_for_room()), (3, false, 1));
    // Time makes room.
    memory.remember(&sender, "d", at(200), at(100)).unwrap();
    assert_eq!((memory.len(), memory.refused_for_room()), (1, 1));

    let none = ReplayMemory::with_capacity(0);
    assert_refused!(none.remember(&sender, "a", at(100), at(10)), "replay_store_full", "WPT-11");
}

#[test]
fn wpt_11_a_large_memory_holds_nearly_what_it_was_made_for_and_never_more() {
    let memory = ReplayMemory::with_capacity(100_000);
    let senders: Vec<Thumbprint> = (0..200).map(|_| sender()).collect();
    let proofs = || (0..200_000_usize).map(|n| (senders.get(n % 200).unwrap(), n.to_string()));
    let held = proofs().filter(|(sender, id)| memory.remember(sender, id, at(100), at(10)).is_ok()).count();
    assert!((94_000..=100_000).contains(&held), "{held}");
    assert_eq!((memory.len(), memory.refused_for_room()), (held, 200_000 - held as u64));
    // All of them were remembered in truth.
    let replayed = proofs()
        .filter(|(sender, id)| memory.remember(sender, id, at(100), at(10)) == Err(ReplayError::Replayed))
        .count();
    assert_eq!(replayed, held);
}

#[test]
fn wpt_11_one_sender_cannot_take_the_room_of_the_others() {
    for capacity in [100, 50_000] {
        let memory = ReplayMemory::with_capacity(capacity);
        let (greedy, other, third) = (sender(), sender(), sender());
        let take = |sender: &Thumbprint, count: usize, until, now| {
            (0..count)
                .filter(|id| memory.remember(sender, &id.to_string(), at(until), at(now)).is_ok())
                .count()
        };
        let held = take(&greedy, 2 * capacity, 100, 10);
        assert!((capacity * 78 / 100..=capacity * 81 / 100).contains(&held), "{held} of {capacity}");
        assert_refused!(memory.remember(&greedy, "one more", at(100), at(10)), "replay_store_full", "WPT-11");
        assert_refused!(memory.remember(&greedy, "0", at(100), at(10)), "replay", "WPT-11");
        // Four fifths of what is left, and of what is left then.
        assert!(take(&other, capacity / 10, 200, 10) == capacity / 10);
        assert!(take(&third, capacity / 25, 200, 10) == capacity / 25);
        // What expired counts against nobody.
        let again = take(&greedy, 2 * capacity, 300, 100);
        assert!((capacity * 65 / 100..=capacity * 70 / 100).contains(&again), "{again} of {capacity}");
        assert_eq!(take(&greedy, 2 * capacity, 400, 300), held, "nothing is left of the others");
    }
}

#[test]
fn wpt_11_what_is_forgotten_does_not_come_to_life_when_the_clock_is_set_back() {
    let memory = ReplayMemory::with_capacity(10);
    let sender = sender();
    memory.remember(&sender, "a", at(100), at(10)).unwrap();
    memory.remember(&sender, "b", at(300), at(150)).unwrap();
    assert_eq!(memory.len(), 1);
    let again = memory.remember(&sender, "a", at(100), at(50));
    assert_refused!(again, "replay_store_unavailable", "WPT-11");
    // What cannot have been forgotten is judged as ever.
    memory.remember(&sender, "c", at(101), at(50)).unwrap();
    assert_refused!(memory.remember(&sender, "c", at(101), at(50)), "replay", "WPT-11");
    assert_refused!(memory.remember(&sender, "b", at(300), at(50)), "replay", "WPT-11");
}

#[test]
fn wpt_11_of_many_threads_with_one_proof_one_succeeds() {
    let world = World::new();
    let agent = world.agent();
    let memory = Arc::new(ReplayMemory::with_capacity(100_000));
    let own = aims_proof::Audiences::http("https://tools.example").unwrap();
    let verifier = aims_proof::WptVerifier::builder(own, memory.clone()).build();
    for round in 0..20 {
        let mut parts = Parts::plain(&agent);
        parts.claims["jti"] = json!(format!("round {round}"));
        let received = parts.send();
        let (accepted, replayed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let start = std::sync::Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    start.wait();
                    match received.verify(&world, &verifier) {
                        Ok(_) => accepted.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            assert_eq!(error.code(), "replay");
                            replayed.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                });
            }
        });
        assert_eq!((accepted.into_inner(), replayed.into_inner()), (1, 15));
        assert_eq!(memory.len(), round + 1);
    }
}

#[test]
fn wpt_11_many_threads_remember_every_proof_once() {
    let memory = ReplayMemory::with_capacity(1_000_000);
    let sender = sender();
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for offset in 0..8 {
            let (memory, sender, accepted) = (&memory, &sender, &accepted);
            scope.spawn(move || {
                for id in 0..20_000 {
                    let id = (id + offset * 2_500) % 20_000;
                    if memory.remember(sender, &id.to_string(), at(100 + id), at(10)).is_ok() {
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!((accepted.into_inner(), memory.len()), (20_000, 20_000));
}

proptest! {
    /// The memory agrees with a list that forgets nothing, for a clock that only advances.
    #[test]
    fn wpt_11_nothing_is_accepted_twice_while_it_counts(
        steps in proptest::collection::vec((0_u64..4, 0_u8..20, 1_u64..30), 1..200)
    ) {
        let memory = ReplayMemory::with_capacity(1000);
        let sender = Thumbprint::of(Signer::public_key(&new_key(Algorithm::Ed25519)));
        let mut seen: Vec<(u8, u64)> = Vec::new();
        let mut now = 1000;
        for (pause, id, lifetime) in steps {
            now += pause;
            let known = seen.iter().any(|&(other, until)| other == id && until > now);
            let outcome = memory.remember(&sender, &id.to_string(), at(now + lifetime), at(now));
            if known {
                prop_assert_eq!(outcome, Err(ReplayError::Replayed));
            } else {
                prop_assert_eq!(outcome, Ok(()));
                seen.push((id, now + lifetime));
            }
            prop_assert_eq!(memory.len(), seen.iter().filter(|(_, until)| *until > now).count());
        }
    }
}

#[test]
fn hsig_11_what_counts_once_whoever_sends_it_takes_the_room_of_its_sender() {
    let memory = ReplayMemory::with_capacity(100);
    let [one, other] = [sender(), sender()];
    let (now, until) = (at(0), at(60));
    memory.remember_from_anyone(&one, "a", until, now).unwrap();
    assert_eq!(memory.remember_from_anyone(&one, "a", until, now), Err(ReplayError::Replayed));
    assert_eq!(memory.remember_from_anyone(&other, "a", until, now), Err(ReplayError::Replayed));
    // Identifiers of proofs are others.
    memory.remember(&one, "a", until, now).unwrap();
    memory.remember(&other, "a", until, now).unwrap();
    assert_eq!(memory.len(), 3);
    // One sender does not fill it.
    let mut kept = 0;
    for id in 0..200 {
        kept += usize::from(memory.remember_from_anyone(&one, &format!("n{id}"), until, now).is_ok());
    }
    assert!((70..90).contains(&kept), "{kept}");
    memory.remember_from_anyone(&other, "b", until, now).unwrap();
    // And forgets what has expired.
    memory.remember_from_anyone(&other, "a", at(120), at(60)).unwrap();
    assert_eq!(memory.len(), 1);
}
