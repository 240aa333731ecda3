//! A clock that stands still until it is told otherwise.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aims_keys::UnixTime;

/// A clock that a test sets; clones share it.
///
/// ```
/// use std::time::Duration;
/// use aims_keys::UnixTime;
/// use aims_testkit::TestClock;
///
/// let clock = TestClock::at(UnixTime::from_secs(1_790_000_000));
/// let read = clock.reader(); // for `Guard::builder(..).clock(..)`, or `Agent::with_clock`
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(UnixTime::try_from(read()), Ok(UnixTime::from_secs(1_790_000_060)));
/// ```
#[derive(Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_secs())))
    }

    /// The time it stands at.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Sets it, forwards or backwards.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now.as_secs(), Ordering::SeqCst);
    }

    /// Sets it forwards, by whole seconds.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// What reads it: a closure, which is a clock to everything that takes one.
    pub fn reader(&self) -> impl Fn() -> SystemTime + Clone + Send + Sync + use<> {
        let clock = self.clone();
        move || UNIX_EPOCH + Duration::from_secs(clock.now().as_secs())
    }
}

/// Shows the time.
impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestClock").field(&self.now()).finish()
    }
}
