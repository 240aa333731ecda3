//! Where this layer reads the time; the layers below are told it.

use std::sync::Arc;
use std::time::SystemTime;

/// A source of the current time.
///
/// Services use [`SystemClock`]. A simulation, or a test that runs through a day in a millisecond, gives any closure that
/// returns a [`SystemTime`].
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
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
