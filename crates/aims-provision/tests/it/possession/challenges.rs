//! Challenges, handed out and taken back.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use aims_keys::{UnixTime, backend};
use aims_provision::{ChallengeError, Challenges};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::support::{AUDIENCE, SESSION};
use crate::support::{MINUTE, NOW};

const OTHER: &[u8] = b"connection 8";

fn challenges() -> Challenges {
    Challenges::builder(backend::ring()).build()
}

#[test]
fn att_21_a_challenge_counts_once() {
    let challenges = challenges();
    let challenge = challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
    assert!(!challenges.is_empty());
    let taken = challenges.take(&challenge.nonce(), AUDIENCE, SESSION, NOW).unwrap();
    assert_eq!(taken.challenge().nonce(), challenge.nonce());
    assert_eq!((taken.challenge().audience(), taken.session()), (AUDIENCE, SESSION));
    assert_eq!((taken.issued_at(), taken.not_after()), (NOW, NOW + MINUTE));
    let again = challenges.take(&challenge.nonce(), AUDIENCE, SESSION, NOW);
    assert_refused!(again, "unknown_challenge", "ATT-21");
    assert!(challenges.is_empty());
}

#[test]
fn att_21_challenges_are_never_the_same() {
    let challenges = Challenges::builder(backend::ring()).per_session(1000).build();
    let nonces: HashSet<_> =
        (0..1000).map(|_| challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce()).collect();
    assert_eq!(nonces.len(), 1000);
}

#[test]
fn att_21_of_many_threads_one_gets_it() {
    let challenges = challenges();
    for _ in 0..200 {
        let nonce = challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
        let (got, start) = (AtomicUsize::new(0), Barrier::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    match challenges.take(&nonce, AUDIENCE, SESSION, NOW) {
                        Ok(_) => {
                            got.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => assert_eq!(error, ChallengeError::Unknown),
                    }
                });
            }
        });
        assert_eq!(got.into_inner(), 1);
    }
}

#[test]
fn att_21_another_session_neither_uses_a_challenge_nor_uses_it_up() {
    let challenges = challenges();
    let nonce = challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
    for session in [OTHER, b"", b"connection 7\0", b"connection "] {
        // Nor is one told that there is such a challenge, by another audience or after its time.
        for (audience, now) in [(AUDIENCE, NOW), ("spiffe://bank.example", NOW), (AUDIENCE, NOW + MINUTE)] {
            let foreign = challenges.take(&nonce, audience, session, now);
            assert_refused!(foreign, "unknown_challenge", "ATT-21");
        }
    }
    challenges.take(&nonce, AUDIENCE, SESSION, NOW).unwrap();
}

#[test]
fn att_21_another_audience_uses_it_up() {
    let challenges = challenges();
    let nonce = challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
    for audience in ["spiffe://acme.exampl", "", "spiffe://bank.example"] {
        let nonce = challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
        assert_refused!(challenges.take(&nonce, audience, SESSION, NOW), "audience_mismatch", "ATT-21");
        assert_refused!(challenges.take(&nonce, AUDIENCE, SESSION, NOW), "unknown_challenge", "ATT-21");
    }
    challenges.take(&nonce, AUDIENCE, SESSION, NOW).unwrap();
}

#[test]
fn att_21_a_challenge_lives_for_a_minute() {
    let challenges = challenges();
    assert_eq!(challenges.lifetime(), MINUTE);
    let nonce = || challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
    let (first, second, third) = (nonce(), nonce(), nonce());
    challenges.take(&first, AUDIENCE, SESSION, NOW + Duration::from_secs(59)).unwrap();
    let late = challenges.take(&second, AUDIENCE, SESSION, NOW + MINUTE);
    assert_refused!(late, "challenge_expired", "ATT-21");
    let again = challenges.take(&second, AUDIENCE, SESSION, NOW);
    assert_refused!(again, "unknown_challenge", "ATT-21");
    // A clock that was set back.
    let before = UnixTime::from_secs(NOW.as_secs() - 1);
    assert_refused!(challenges.take(&third, AUDIENCE, SESSION, before), "challenge_expired", "ATT-21");

    let capped = Challenges::builder(backend::ring()).lifetime(Duration::from_secs(301)).build();
    assert_eq!(capped.lifetime(), Duration::from_secs(300));
}

#[test]
fn att_23_when_there_is_no_room_none_is_handed_out() {
    let challenges = Challenges::builder(backend::ring()).capacity(3).build();
    let first = challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
    let later = NOW + Duration::from_secs(30);
    challenges.issue(AUDIENCE, SESSION, later).unwrap();
    challenges.issue(AUDIENCE, OTHER, later).unwrap();
    assert_refused!(challenges.issue(AUDIENCE, OTHER, later), "challenges_full", "ATT-23");
    // None that counts was given up; one that is taken or expires makes room.
    challenges.take(&first, AUDIENCE, SESSION, later).unwrap();
    challenges.issue(AUDIENCE, OTHER, later).unwrap();
    assert_refused!(challenges.issue(AUDIENCE, OTHER, NOW + MINUTE), "challenges_full", "ATT-23");
    let end = later + MINUTE;
    challenges.issue(AUDIENCE, OTHER, end).unwrap();
    assert_eq!(challenges.len(), 1);
}

#[test]
fn att_23_no_session_takes_the_room_of_all() {
    let challenges = Challenges::builder(backend::ring()).per_session(2).build();
    let first = challenges.issue(AUDIENCE, SESSION, NOW).unwrap().nonce();
    challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
    assert_refused!(challenges.issue(AUDIENCE, SESSION, NOW), "session_challenges_full", "ATT-23");
    challenges.issue(AUDIENCE, OTHER, NOW).unwrap();
    challenges.take(&first, AUDIENCE, SESSION, NOW).unwrap();
    challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
    assert_refused!(challenges.issue(AUDIENCE, SESSION, NOW), "session_challenges_full", "ATT-23");
    challenges.issue(AUDIENCE, SESSION, NOW + MINUTE).unwrap();
    let none = Challenges::builder(backend::ring()).per_session(0).build();
    assert_refused!(none.issue(AUDIENCE, SESSION, NOW), "session_challenges_full", "ATT-23");
    assert!(none.is_empty());
}

#[test]
fn att_21_what_cannot_be_a_challenge() {
    let challenges = challenges();
    assert_refused!(challenges.issue("", SESSION, NOW), "bad_audience", "ATT-21");
    assert_refused!(challenges.issue(&"a".repeat(2049), SESSION, NOW), "bad_audience", "ATT-21");
    assert_refused!(challenges.take("AAEC", AUDIENCE, SESSION, NOW), "malformed_challenge", "ATT-21");
    let challenge = challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
    let taken = challenges.take(&challenge.nonce(), AUDIENCE, SESSION, NOW).unwrap();
    for text in [format!("{challenges:?}"), format!("{challenge:?}"), format!("{taken:?}")] {
        assert!(!text.contains(&challenge.nonce()) && !text.contains("99, 111, 110"), "{text}");
    }
}

proptest! {
    /// Whatever is asked for in whatever order: what comes back was handed out to that session, not used, and in time.
    #[test]
    fn att_21_att_23_any_order_of_requests(steps in prop::collection::vec((0_u8..4, 0_usize..40, 0_u64..40), 1..120)) {
        let challenges = Challenges::builder(backend::ring()).capacity(12).per_session(5).build();
        let mut issued: Vec<(String, u8, u64, bool)> = Vec::new();
        let mut secs = 1_000_u64;
        for (kind, which, wait) in steps {
            secs += wait / 8;
            let now = UnixTime::from_secs(secs);
            let alive = |at: u64| secs < at + 60;
            if kind < 2 {
                let of = |session: Option<u8>| issued.iter().filter(|(_, owner, at, used)| {
                    !used && alive(*at) && session.is_none_or(|session| session == *owner)
                }).count();
                let (all, own) = (of(None), of(Some(kind)));
                match challenges.issue(AUDIENCE, &[kind], now) {
                    Ok(challenge) => {
                        prop_assert!(all < 12 && own < 5);
                        issued.push((challenge.nonce(), kind, secs, false));
                    }
                    Err(ChallengeError::Full) => prop_assert_eq!(all, 12),
                    Err(error) => {
                        prop_assert_eq!(error, ChallengeError::SessionFull);
                        prop_assert_eq!(own, 5);
                    }
                }
            } else if !issued.is_empty() {
                let index = which % issued.len();
                let (nonce, owner, at, used) = issued[index].clone();
                let session = kind - 2;
                let taken = challenges.take(&nonce, AUDIENCE, &[session], now).is_ok();
                prop_assert_eq!(taken, session == owner && !used && alive(at));
                issued[index].3 |= session == owner;
            }
        }
    }
}

#[test]
fn att_23_challenges_of_a_time_that_has_not_come_take_up_no_room() {
    let challenges = Challenges::builder(backend::ring()).capacity(2).build();
    let year = NOW + MINUTE * 60 * 24 * 365;
    let ahead = challenges.issue(AUDIENCE, SESSION, year).unwrap();
    challenges.issue(AUDIENCE, OTHER, year).unwrap();
    // The clock was a year ahead, and is right again.
    challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
    challenges.issue(AUDIENCE, SESSION, NOW).unwrap();
    assert_refused!(challenges.issue(AUDIENCE, SESSION, NOW), "challenges_full", "ATT-23");
    assert_refused!(challenges.take(&ahead.nonce(), AUDIENCE, SESSION, NOW), "unknown_challenge", "ATT-21");
}
