//! Time as a number.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use aims_keys::UnixTime;

#[test]
fn jo_clm_03_arithmetic_saturates() {
    let time = UnixTime::from_secs(100);
    assert_eq!((time + Duration::from_millis(1_999)).as_secs(), 101);
    assert_eq!((time - Duration::from_millis(1_999)).as_secs(), 99);
    assert_eq!(time - Duration::from_secs(101), UnixTime::EPOCH);
    assert_eq!(UnixTime::MAX + Duration::MAX, UnixTime::MAX);
    assert_eq!(UnixTime::from_secs(160).since(time), Duration::from_secs(60));
    assert_eq!(time.since(UnixTime::from_secs(160)), Duration::ZERO);
    assert_eq!(time.to_string(), "100");
    assert!(UnixTime::EPOCH < time && time < UnixTime::MAX);
}

#[test]
fn jo_clm_03_a_clock_before_the_epoch_is_the_epoch() {
    assert_eq!(UnixTime::from(UNIX_EPOCH + Duration::from_secs(7)), UnixTime::from_secs(7));
    assert_eq!(UnixTime::from(UNIX_EPOCH - Duration::from_secs(7)), UnixTime::EPOCH);
    assert!(UnixTime::from(SystemTime::now()) > UnixTime::from_secs(1_700_000_000));
}
