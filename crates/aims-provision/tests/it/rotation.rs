//! The life of a credential (AIMS-13, AIMS-17, AIMS-18).

use std::time::Duration;

use aims_keys::UnixTime;
use aims_provision::{Rotation, RotationState, renew_after};
use proptest::prelude::*;

use crate::support::*;

fn held() -> Rotation {
    let mut rotation = Rotation::new();
    rotation.issued(NOW, NOW + HOUR, 0);
    rotation
}

#[test]
fn aims_18_a_credential_goes_from_initial_to_valid_to_renewing_to_expired() {
    let mut rotation = Rotation::new();
    assert_eq!(rotation.state(NOW), RotationState::Initial);
    assert!(rotation.due(NOW) && rotation.wait(NOW).is_zero() && rotation.not_after().is_none());

    rotation.issued(NOW, NOW + HOUR, 0);
    assert_eq!(rotation.state(NOW), RotationState::Valid);
    let renew_at = rotation.next();
    assert_eq!(renew_at, NOW + HOUR * 2 / 5);
    assert!(!rotation.due(renew_at - Duration::from_secs(1)) && rotation.due(renew_at));
    assert_eq!(rotation.state(renew_at), RotationState::Renewing);

    // An expired state has no credential, to the second.
    let last = NOW + HOUR - Duration::from_secs(1);
    assert_eq!(
        (rotation.state(last), rotation.state(last).has_credential()),
        (RotationState::Renewing, true)
    );
    assert_eq!(rotation.state(NOW + HOUR), RotationState::Expired);
    assert!(!rotation.state(NOW + HOUR).has_credential());
    assert_eq!(rotation.not_after(), Some(NOW + HOUR));

    rotation.issued(NOW + HOUR, NOW + HOUR * 2, u64::MAX);
    assert_eq!(rotation.state(NOW + HOUR), RotationState::Valid);
}

#[test]
fn aims_18_each_state_has_a_name_and_two_have_a_credential() {
    use RotationState as S;

    let all = [S::Expired, S::Initial, S::Renewing, S::Valid, S::Withdrawn];
    assert_eq!(all.map(RotationState::name), ["expired", "initial", "renewing", "valid", "withdrawn"]);
    assert_eq!(all.map(RotationState::has_credential), [false, false, true, true, false]);
}

#[test]
fn aims_18_an_issuer_that_is_away_costs_nothing_until_the_credential_expires() {
    let mut rotation = held();
    let mut now = rotation.next();
    while now < NOW + HOUR {
        assert_eq!(rotation.state(now), RotationState::Renewing);
        rotation.failed(now, 7);
        assert!(rotation.next() > now);
        now = rotation.next();
    }
    assert_eq!(rotation.state(now), RotationState::Expired);
    assert!(rotation.failures() > 10);
    rotation.issued(now, now + HOUR, 7);
    assert_eq!((rotation.state(now), rotation.failures()), (RotationState::Valid, 0));
}

#[test]
fn aims_18_withdrawn_permission_is_a_state_and_ends_the_credential_at_once() {
    let mut rotation = held();
    rotation.withdrawn(NOW + MINUTE, 0);
    let now = NOW + MINUTE;
    assert_eq!(
        (rotation.state(now), rotation.state(now).has_credential()),
        (RotationState::Withdrawn, false)
    );
    assert!(!rotation.due(now), "asking goes on, and not at once");
    rotation.failed(NOW + MINUTE * 2, 0);
    assert_eq!(
        rotation.state(NOW + HOUR * 9),
        RotationState::Withdrawn,
        "an outage does not make it another"
    );
    rotation.issued(NOW + MINUTE * 3, NOW + HOUR, 0);
    assert_eq!(rotation.state(NOW + MINUTE * 3), RotationState::Valid);
}

#[test]
fn aims_17_attempts_back_off_with_jitter_to_a_bound() {
    let mut rotation = Rotation::new().with_retries(Duration::from_secs(2), Duration::from_secs(20));
    let mut waits = Vec::new();
    for random in [0, u64::MAX, 3, 5, 7, 11, 13] {
        rotation.failed(NOW, random);
        waits.push(rotation.wait(NOW).as_secs());
    }
    // From half of 2, 4, 8, 16, 20, 20, 20 seconds to all of it.
    for (wait, longest) in waits.iter().zip([2, 4, 8, 16, 20, 20, 20]) {
        assert!((longest / 2..=longest).contains(wait), "{waits:?}");
    }
    let after = |random| {
        let mut rotation = Rotation::new().with_retries(Duration::from_secs(60), Duration::from_secs(60));
        rotation.failed(NOW, random);
        rotation.next()
    };
    assert!(after(0) < after(29_999), "chance decides");
}

#[test]
fn aims_18_a_clock_that_jumps_makes_a_credential_due() {
    let rotation = held();
    // Forwards, past the end.
    assert_eq!(rotation.state(NOW + DAY), RotationState::Expired);
    assert!(rotation.due(NOW + DAY));
    // Backwards, to before it was issued: the time it was to be renewed at says nothing any more.
    let before = NOW - DAY;
    assert!(rotation.due(before));
    assert_eq!(rotation.state(before), RotationState::Renewing);
    // Whoever sleeps looks at the clock now and then.
    assert!(rotation.wait(NOW) <= Duration::from_secs(30));
    let mut rotation = rotation;
    rotation.failed(before, 0);
    assert!(!rotation.due(before), "asked once");
}

proptest! {
    #[test]
    fn aims_17_renewal_is_at_half_life_give_or_take_a_tenth(secs in prop_oneof![1_u64..1_000_000, any::<u64>()], random: u64) {
        let after = renew_after(Duration::from_secs(secs), random).as_millis();
        let lifetime = u128::from(secs) * 1000;
        prop_assert!(after >= lifetime / 5 * 2 && after <= lifetime / 5 * 3 + 1);
    }

    #[test]
    fn aims_18_whatever_happens_nothing_serves_beyond_its_end(steps in proptest::collection::vec((0_u8..3, 0_u64..5000, any::<u64>()), 1..40)) {
        let mut rotation = Rotation::new();
        let mut now = NOW;
        let mut end = None;
        for (step, later, random) in steps {
            now = UnixTime::from_secs(now.as_secs() + later);
            match step {
                0 => {
                    rotation.issued(now, now + HOUR, random);
                    end = Some(now + HOUR);
                }
                1 => rotation.failed(now, random),
                _ => {
                    rotation.withdrawn(now, random);
                    end = None;
                }
            }
            let serves = rotation.state(now).has_credential();
            prop_assert_eq!(serves, end.is_some_and(|end| now < end));
            prop_assert!(!rotation.state(now + HOUR).has_credential());
        }
    }
}

#[test]
fn aims_17_a_credential_that_has_expired_already_is_not_asked_for_again_at_once() {
    // The clocks of workload and issuer disagree, or the issuer does not behave.
    for end in [NOW, NOW - HOUR, UnixTime::EPOCH] {
        let mut rotation = Rotation::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            rotation.issued(NOW, end, u64::MAX);
            assert!(!rotation.due(NOW) && !rotation.state(NOW).has_credential());
            pauses.push(rotation.wait(NOW).as_secs());
        }
        assert!(pauses.is_sorted() && pauses[7] >= 15, "{pauses:?}");
    }
    let mut rotation = Rotation::new();
    rotation.issued(NOW, NOW + Duration::from_secs(1), 0);
    assert!(!rotation.due(NOW), "however short it is");
}
