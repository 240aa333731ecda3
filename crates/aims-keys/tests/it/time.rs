//! Time as a number.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use aims_keys::UnixTime;
use aims_testkit::assert_refused;

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
fn aims_8_jo_clm_03_a_clock_before_the_epoch_tells_no_time() {
    assert_eq!(UnixTime::try_from(UNIX_EPOCH), Ok(UnixTime::EPOCH));
    assert_eq!(UnixTime::try_from(UNIX_EPOCH + Duration::from_millis(7_999)), Ok(UnixTime::from_secs(7)));
    assert!(UnixTime::try_from(SystemTime::now()).unwrap() > UnixTime::from_secs(1_700_000_000));
    for before in [Duration::from_nanos(1), Duration::from_secs(7), Duration::from_secs(1 << 40)] {
        let refused = UnixTime::try_from(UNIX_EPOCH - before);
        assert_refused!(refused, "clock_before_epoch", "AIMS-8", "{before:?}");
    }
}
