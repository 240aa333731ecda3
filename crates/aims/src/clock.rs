//! Where this layer reads the time; the layers below are told it.

use std::time::SystemTime;

/// A source of the current time.
///
/// Services use [`SystemClock`]; a simulation, or a test that runs through a day in a millisecond, brings its own.
pub trait Clock: std::fmt::Debug + Send + Sync {
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
