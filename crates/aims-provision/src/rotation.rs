//! When a credential is renewed, and what counts meanwhile.

use std::time::Duration;

use aims_keys::UnixTime;

/// The life of one credential, from its first issuance through its renewals: a state machine that neither waits nor reads a clock.
///
/// Whoever drives it asks [`due`](Self::due) whether to fetch a credential now and [`wait`](Self::wait) how long to sleep, and tells it what
/// came of it. A credential is renewed at half its life, give or take some, so that a thousand workloads that began together do not
/// come back together. While its issuer is away the credential serves until it expires, and not a second longer; then there is none. That
/// permission was withdrawn is a state of its own: the credential ends at once, and asking goes on.
///
/// ```
/// use std::time::Duration;
/// use aims_keys::UnixTime;
/// use aims_provision::{Rotation, RotationState};
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let mut rotation = Rotation::new();
/// assert!(rotation.due(now));
///
/// // The last argument of each report is random.
/// rotation.issued(now, now + Duration::from_secs(3600), 0);
/// assert_eq!(rotation.state(now), RotationState::Valid);
/// assert!(!rotation.due(now + Duration::from_secs(1_400)));
/// assert!(rotation.due(now + Duration::from_secs(2_100)));
///
/// rotation.failed(now + Duration::from_secs(2_100), 0);
/// assert_eq!(rotation.state(now + Duration::from_secs(2_100)), RotationState::Renewing);
/// assert_eq!(rotation.state(now + Duration::from_secs(3_600)), RotationState::Expired);
/// ```
#[derive(Clone, Debug)]
pub struct Rotation {
    held: Option<Held>,
    withdrawn: bool,
    /// Attempts that failed in a row.
    failures: u32,
    /// The last report, and when to try again.
    last: Option<UnixTime>,
    next: UnixTime,
    first_retry: Duration,
    longest_retry: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    since: UnixTime,
    not_after: UnixTime,
    renew_at: UnixTime,
}

/// Where a [`Rotation`] stands (AIMS-18).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever holds a credential decides about every state")]
pub enum RotationState {
    /// The credential has expired, and could not be renewed: there is none.
    Expired,
    /// There was none yet.
    Initial,
    /// It is time to renew it; meanwhile it serves.
    Renewing,
    /// It serves.
    Valid,
    /// Permission was withdrawn: there is none, however long it would have been valid.
    Withdrawn,
}

impl RotationState {
    /// Whether there is a credential to use.
    #[must_use]
    pub fn has_credential(self) -> bool {
        matches!(self, Self::Renewing | Self::Valid)
    }

    /// A stable name for records and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Initial => "initial",
            Self::Renewing => "renewing",
            Self::Valid => "valid",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Rotation {
    /// Nothing was issued yet; a credential is due.
    #[must_use]
    pub fn new() -> Self {
        Self {
            held: None,
            withdrawn: false,
            failures: 0,
            last: None,
            next: UnixTime::EPOCH,
            first_retry: FIRST_RETRY,
            longest_retry: LONGEST_RETRY,
        }
    }

    /// How long to wait after a first failure, and at most after many. Default: 1 s, which doubles up to 30 s. At least 1 s each.
    #[must_use]
    pub fn with_retries(mut self, first: Duration, longest: Duration) -> Self {
        self.first_retry = first.max(Duration::from_secs(1));
        self.longest_retry = longest.max(self.first_retry);
        self
    }

    /// A credential was issued that ends at `not_after`; `random` is anything random.
    pub fn issued(&mut self, now: UnixTime, not_after: UnixTime, random: u64) {
        let renew_at = now + renew_after(not_after.since(now), random);
        self.held = Some(Held { since: now, not_after, renew_at });
        self.withdrawn = false;
        if not_after <= now {
            // It has expired already, for one of the clocks is wrong: so will the next, and to ask for that at once helps nobody.
            self.failed(now, random);
            return;
        }
        self.failures = 0;
        (self.last, self.next) = (Some(now), renew_at.max(now + Duration::from_secs(1)));
    }

    /// The issuer could not be asked, or did not answer. What is held goes on serving.
    pub fn failed(&mut self, now: UnixTime, random: u64) {
        self.failures = self.failures.saturating_add(1);
        (self.last, self.next) = (Some(now), now + self.retry_after(random));
    }

    /// The issuer says that there is nothing for this workload, or not any more. What is held must not be used from now on.
    pub fn withdrawn(&mut self, now: UnixTime, random: u64) {
        (self.held, self.withdrawn) = (None, true);
        self.failed(now, random);
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: UnixTime) -> RotationState {
        match self.held {
            None if self.withdrawn => RotationState::Withdrawn,
            None => RotationState::Initial,
            Some(held) if now >= held.not_after => RotationState::Expired,
            Some(held) if now >= held.renew_at || now < held.since => RotationState::Renewing,
            Some(_) => RotationState::Valid,
        }
    }

    /// Whether to ask the issuer now.
    #[must_use]
    pub fn due(&self, now: UnixTime) -> bool {
        // A clock that was set back: what it was set for says nothing any more.
        now >= self.next || self.last.is_some_and(|last| now < last)
    }

    /// How long to sleep before [`due`](Self::due) is asked again: at most 30 s, since the clock may be set meanwhile, or the machine
    /// sleep.
    #[must_use]
    pub fn wait(&self, now: UnixTime) -> Duration {
        if self.due(now) { Duration::ZERO } else { self.next.since(now).min(LONGEST_WAIT) }
    }

    /// When the issuer is asked next.
    #[must_use]
    pub fn next(&self) -> UnixTime {
        self.next
    }

    /// When the credential ends, if there is one.
    #[must_use]
    pub fn not_after(&self) -> Option<UnixTime> {
        self.held.map(|held| held.not_after)
    }

    /// The failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// From half of it to all of it: the doubled wait of so many failures.
    fn retry_after(&self, random: u64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = self.first_retry.saturating_mul(1 << doublings).min(self.longest_retry);
        let half = longest / 2;
        // A wait below a second would be none: time is counted in whole ones.
        (half + scaled(half, random)).max(Duration::from_secs(1))
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self::new()
    }
}

/// Half of a lifetime, give or take a tenth.
///
/// An issuer that streams credentials to many workloads waits this long before it sends the next.
#[must_use]
pub fn renew_after(lifetime: Duration, random: u64) -> Duration {
    let fifth = lifetime / 5;
    fifth * 2 + scaled(fifth, random)
}

/// A part of `span`, by chance.
fn scaled(span: Duration, random: u64) -> Duration {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % millis.saturating_add(1).max(1))
}

const FIRST_RETRY: Duration = Duration::from_secs(1);

const LONGEST_RETRY: Duration = Duration::from_secs(30);

const LONGEST_WAIT: Duration = Duration::from_secs(30);
