//! Enrolments that wait in files (TPM-29).

use std::time::Duration;

use aims_attest::tpm::{PendingEnrolment, PendingEnrolmentError};
use aims_jose::base64url;
use aims_keys::backend;
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::enrolment::World;
use super::support::NOW;
use super::tpm::Curve;

fn read(text: &str) -> Result<PendingEnrolment, PendingEnrolmentError> {
    PendingEnrolment::from_json(text.as_bytes(), backend::ring())
}

#[test]
fn tpm_29_an_enrolment_waits_as_text_for_its_secret() {
    for curve in [Curve::P256, Curve::P384] {
        let world = World::new(curve);
        let (credential, pending) = world.begin().unwrap();
        let secret = world.activate(&credential).unwrap();
        let text = pending.expose_json();
        assert!(text.starts_with("{\"version\":1,\"secret\":\""), "{curve:?}");
        let again = read(&text).unwrap();
        assert_eq!(*again.expose_json(), *text);
        assert_eq!((again.expires(), again.endorsement()), (pending.expires(), pending.endorsement()));
        assert!(!format!("{again:?}").contains(&base64url::encode(&secret)), "{again:?}");
        let enrolled = again.finish(&secret, NOW).unwrap();
        assert_eq!(enrolled, pending.finish(&secret, NOW).unwrap());
    }
}

#[test]
fn tpm_29_the_text_takes_no_other_secret() {
    let world = World::new(Curve::P256);
    let (credential, pending) = world.begin().unwrap();
    let mut secret = world.activate(&credential).unwrap();
    secret[0] ^= 1;
    let text = pending.expose_json();
    assert_refused!(read(&text).unwrap().finish(&secret, NOW), "nonce_mismatch", "TPM-29");
}

#[test]
fn att_21_an_enrolment_lapses_in_its_text_too() {
    let world = World::new(Curve::P256);
    let (credential, pending) = world.begin().unwrap();
    let (secret, expires) = (world.activate(&credential).unwrap(), pending.expires());
    let text = pending.expose_json();
    let late = read(&text).unwrap().finish(&secret, expires + Duration::from_secs(1));
    assert_refused!(late, "expired", "ATT-21");
    let early = read(&text).unwrap().finish(&secret, NOW - Duration::from_secs(1));
    assert_refused!(early, "expired", "ATT-21");
    read(&text).unwrap().finish(&secret, expires).unwrap();

    // Nobody gives it more time by writing so.
    let with = |secs: u64| read(&text.replace(&expires.as_secs().to_string(), &secs.to_string()));
    with(NOW.as_secs() + 600).unwrap();
    assert_refused!(with(NOW.as_secs() + 601), "malformed", "TPM-29");
    assert_refused!(with(NOW.as_secs() - 1), "malformed", "TPM-29");
    assert_refused!(with(u64::MAX), "malformed", "TPM-29");
    assert_refused!(read(&text.replace("1796000000", "18446744073709551615")), "malformed", "TPM-29");
}

#[test]
fn tpm_29_a_text_that_is_not_a_pending_enrolment_to_the_member_is_refused() {
    let (_, pending) = World::new(Curve::P256).begin().unwrap();
    let good = pending.expose_json();
    for (from, to) in [
        ("\"version\":1,", ""),
        ("\"version\":1", "\"version\":\"1\""),
        ("\"version\":1,", "\"version\":1,\"version\":1,"),
        ("\"version\":1,", "\"version\":1,\"more\":1,"),
        ("\"secret\":\"", "\"secret\":\"AAAA"),
        ("\"secret\":\"", "\"secret\":\"="),
        ("\"secret\":\"", "\"secret\":\"\",\"x\":\""),
        ("\"secret\"", "\"Secret\""),
        ("\"begun\":1796000000,", ""),
        ("\"begun\":1796000000", "\"begun\":-1"),
        ("\"begun\":1796000000", "\"begun\":1796000000.5"),
        ("\"expires\":1796000060,", ""),
        ("\"ek\":\"", "\"ek\":\"="),
        ("\"ek\":\"", "\"ak\":\""),
        ("\"ak_public\":\"", "\"ak_public\":\"="),
        ("\"id:41494D53\"", "\"\""),
        ("\"id:41494D53\"", "\"a\\nb\""),
        ("\"makers-2026\"", "\"makers 2026\""),
        ("\"not_after\":1893456000", "\"not_after\":1790000000"),
        (",\"not_after\":1893456000", ""),
        ("}", ""),
    ] {
        assert!(good.contains(from), "{from}");
        assert_refused!(read(&good.replacen(from, to, 1)), "malformed", "TPM-29", "{from} -> {to}");
    }
    // What ends in the second in which it began, of itself or of its certificate, has begun.
    for (from, to) in [("1796000060", "1796000000"), ("1893456000", "1796000000")] {
        read(&good.replacen(from, to, 1)).unwrap();
    }
    let newer = good.replacen("\"version\":1", "\"version\":2", 1);
    assert_refused!(read(&newer), "unsupported_version", "TPM-29");
    let padded = |len: usize| read(&format!("{}{}", " ".repeat(len - good.len()), *good));
    padded(8192).unwrap();
    assert_refused!(padded(8193), "too_large", "ATT-5");
    // What was enrolled is no enrolment that waits, and the other way round.
    let enrolled = World::new(Curve::P256).enrol().to_json();
    assert_refused!(read(&enrolled), "malformed", "TPM-29");
    let waiting = aims_attest::tpm::EnrolledTpm::from_json(good.as_bytes(), backend::ring());
    assert_refused!(waiting, "malformed", "TPM-29");
}

#[test]
fn tpm_23_the_keys_of_the_text_are_checked_as_when_it_began() {
    let world = World::new(Curve::P256);
    let (_, pending) = world.begin().unwrap();
    let text = pending.expose_json();
    let key = pending.endorsement().public_numbers().to_spki();
    let mut ak = super::enrolment::ak();
    let with = |from: &[u8], to: &[u8]| read(&text.replace(&base64url::encode(from), &base64url::encode(to)));
    let original = ak.clone();
    ak[5] = 4;
    assert_refused!(with(&original, &ak), "tpm_ak_attributes", "TPM-23");
    assert_refused!(with(&original, &original[..80]), "malformed", "TPM-20");
    let mut changed = key.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_refused!(with(&key, &changed), "key_not_on_curve", "JO-KEY-03");
    assert_refused!(with(&key, &key[1..]), "key_malformed", "JO-KEY-07");
}

proptest! {
    #[test]
    fn tpm_29_reading_waiting_enrolments_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let _ = PendingEnrolment::from_json(&bytes, backend::ring());
        let (_, pending) = World::new(Curve::P256).begin().unwrap();
        let mut text = pending.expose_json().as_bytes().to_vec();
        let at = at.index(text.len());
        text[at] = value;
        if let Ok(read) = PendingEnrolment::from_json(&text, backend::ring()) {
            let again = PendingEnrolment::from_json(read.expose_json().as_bytes(), backend::ring()).unwrap();
            prop_assert_eq!(again.expose_json(), read.expose_json());
        }
    }
}
