//! How connections are begun and kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_keys::{BeforeEpoch, Clock, SystemClock, UnixTime};
use tokio::sync::Semaphore;

/// What an [`Acceptor`](super::Acceptor) and a [`Connector`](super::Connector) have in common.
#[derive(Clone)]
pub(super) struct Upkeep {
    pub(super) handshake_timeout: Duration,
    pub(super) every: Duration,
    pub(super) grace: Duration,
    pub(super) clock: Arc<dyn Clock>,
    /// Threads that may wait for keys in devices, of all clones together.
    pub(super) waiting: Arc<Semaphore>,
}

impl Upkeep {
    pub(super) fn now(&self) -> Result<UnixTime, BeforeEpoch> {
        UnixTime::try_from(self.clock.now())
    }
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            every: Duration::from_secs(1),
            grace: Duration::ZERO,
            clock: Arc::new(SystemClock::default()),
            waiting: Arc::new(Semaphore::new(16)),
        }
    }
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep")
            .field("handshake_timeout", &self.handshake_timeout)
            .field("every", &self.every)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// The options that both ends have, with their documentation.
macro_rules! options {
    () => {
        /// How long the handshake may take. Default: 10 s.
        #[must_use]
        pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
            self.upkeep.handshake_timeout = timeout;
            self
        }

        /// How often the other end of a live connection is looked at, whether or not anything is sent: from every
        /// 10 ms to every hour. Default: every second.
        #[must_use]
        pub fn check_every(mut self, interval: Duration) -> Self {
            self.upkeep.every = interval.clamp(Duration::from_millis(10), Duration::from_secs(3600));
            self
        }

        /// How long a connection may go on once the other end's certificate has expired, its bundle was withdrawn, or nobody can
        /// say whether it was cut off: for what is under way to be finished. Whoever was revoked or marked has no such time, and a
        /// [`Guard`](crate::Guard) admits no request on such a connection. Each end has a grace of its own, and the shorter one counts. At
        /// most a day. Default: none.
        #[must_use]
        pub fn grace(mut self, grace: Duration) -> Self {
            self.upkeep.grace = grace.min(Duration::from_secs(86_400));
            self
        }

        /// How many handshakes may wait for a key in a device or a key service at the same time, each on a thread of the
        /// runtime's pool for what blocks; further ones wait for their turn, as long as a handshake may take. A device that does not
        /// answer keeps its thread: give its queue a timeout. Handshakes with software keys are not counted, and take no threads.
        /// Clones made before keep their own limit. Default: 16, at least 1.
        #[must_use]
        pub fn max_waiting_for_keys(mut self, max: usize) -> Self {
            let max = max.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
            self.upkeep.waiting = Arc::new(tokio::sync::Semaphore::new(max));
            self
        }

        /// The source of the time by which certificates end. Default: [`SystemClock`](crate::SystemClock).
        #[must_use]
        pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
            self.upkeep.clock = Arc::new(clock);
            self
        }
    };
}
pub(super) use options;
