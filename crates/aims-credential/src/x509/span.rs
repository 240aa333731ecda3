//! From when until when something counts.

use aims_keys::UnixTime;

/// Two times, and all between; both are part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: UnixTime,
    pub(super) to: UnixTime,
}

impl Span {
    pub(super) const ALWAYS: Self = Self { from: UnixTime::from_secs(0), to: UnixTime::from_secs(u64::MAX) };

    pub(super) fn new(from: UnixTime, to: UnixTime) -> Self {
        Self { from, to }
    }

    /// What is in both; nothing is in it where they do not touch.
    pub(super) fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    pub(super) fn contains(self, time: UnixTime) -> bool {
        self.from <= time && time <= self.to
    }
}
