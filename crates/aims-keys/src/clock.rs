//! Where the layers that do input and output read the time; all others are told it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::time::{BeforeEpoch, UnixTime};

/// A source of the current time.
///
/// Services use [`SystemClock`]. A simulation, or a test that runs through a day in a millisecond, gives any closure that
/// returns a [`SystemTime`].
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> SystemTime;

    /// The same in whole seconds.
    ///
    /// # Errors
    ///
    /// [`BeforeEpoch`]: the clock was never set.
    fn unix_time(&self) -> Result<UnixTime, BeforeEpoch> {
        UnixTime::try_from(self.now())
    }
}

/// The clock of the operating system. Nothing in this crate asks it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl<F: Fn() -> SystemTime + Send + Sync> Clock for F {
    fn now(&self) -> SystemTime {
        self()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }
}
