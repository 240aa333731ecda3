//! The one notion of time of these crates.

use core::fmt;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted: the unit of every token.
///
/// Verifiers take it as an argument and never read a clock, so a test is a call with another number. Arithmetic
/// saturates: a hostile date cannot wrap around.
///
/// ```
/// use core::time::Duration;
/// use aims_keys::UnixTime;
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// assert_eq!(now + Duration::from_secs(60), UnixTime::from_secs(1_790_000_060));
/// assert!(UnixTime::MAX + Duration::from_secs(1) == UnixTime::MAX);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The epoch itself.
    pub const EPOCH: Self = Self(0);

    /// The latest time that is representable; later than every date a token can carry.
    pub const MAX: Self = Self(u64::MAX);

    /// This many seconds after the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// How much later `self` is than `earlier`; zero if it is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// Adds whole seconds (fractions are cut off), saturating.
impl core::ops::Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// Subtracts whole seconds (fractions are cut off), saturating at the epoch.
impl core::ops::Sub<Duration> for UnixTime {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_secs()))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whole seconds: fractions are cut off.
impl TryFrom<SystemTime> for UnixTime {
    type Error = BeforeEpoch;

    fn try_from(time: SystemTime) -> Result<Self, BeforeEpoch> {
        time.duration_since(UNIX_EPOCH).map(|since| Self(since.as_secs())).map_err(|_| BeforeEpoch)
    }
}

/// A clock stands before 1970-01-01T00:00:00Z.
///
/// It was never set, or is broken. No time can stand in for it: at the epoch every expiry would lie ahead, so nothing may be
/// accepted or issued by such a clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the clock stands before 1970")]
#[non_exhaustive]
pub struct BeforeEpoch;

impl BeforeEpoch {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "clock_before_epoch"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "AIMS-8"
    }
}
