//! When something may be asked for again.

use std::time::Duration;

use aims_keys::UnixTime;

/// How something is asked for that others publish: not again at once, and the less often the longer it fails.
///
/// After an answer it rests for a minute, after a failure for 10 s, then for twice as long each time, up to 5 minutes. In a minute six attempts are begun at most,
/// whether or not somebody waits for their end. A clock that was set back does not make it rest for longer.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    failures: u32,
    /// Nobody asks before.
    next: Option<UnixTime>,
    begun: PerMinute,
}

impl Attempts {
    /// Whether nobody is to be asked now.
    #[must_use]
    pub fn are_resting(&self, now: UnixTime) -> bool {
        self.next.is_some_and(|next| now < next && next.since(now) <= LONGEST_PAUSE)
    }

    /// Begins one, if one may be begun.
    #[must_use]
    pub fn begin(&mut self, now: UnixTime) -> bool {
        // Who asks and hangs up does not have the same thing fetched again and again.
        self.begun.take(now, BEGUN)
    }

    /// One brought something.
    pub fn succeeded(&mut self, now: UnixTime) {
        self.failures = 0;
        self.next = Some(now + BETWEEN);
    }

    /// One failed.
    pub fn failed(&mut self, now: UnixTime) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(8)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(now + pause);
    }
}

/// Counts what is begun in a minute.
#[derive(Clone, Debug, Default)]
pub struct PerMinute {
    since: Option<UnixTime>,
    spent: u32,
}

impl PerMinute {
    /// Counts one more, unless there were `most` in this minute.
    #[must_use]
    pub fn take(&mut self, now: UnixTime, most: u32) -> bool {
        let is_over = |since: UnixTime| now >= since + MINUTE || now + CLOCK_STEPS < since;
        if self.since.is_none_or(is_over) {
            (self.since, self.spent) = (Some(now), 0);
        }
        let has_left = self.spent < most;
        self.spent += u32::from(has_left);
        has_left
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Between two fetches of a document that is there: for what it does not have, as that may have been added since.
const BETWEEN: Duration = Duration::from_secs(60);

/// After a failure, and then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Requests that are handled at once do not all have the same time.
const CLOCK_STEPS: Duration = Duration::from_secs(60);

/// Attempts that are begun in a minute, most of which nobody waited for then.
const BEGUN: u32 = 6;
