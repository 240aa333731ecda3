//! What is known about a relationship.

use aims_credential::Freshness;
use aims_keys::UnixTime;

use super::FederationError;

/// How a relationship stands, for those who watch over it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FederationState {
    pub(super) last_attempt: Option<UnixTime>,
    pub(super) last_success: Option<UnixTime>,
    pub(super) last_error: Option<FederationError>,
    pub(super) next_attempt: Option<UnixTime>,
    pub(super) sequence: Option<u64>,
    pub(super) freshness: Option<Freshness>,
    pub(super) skipped: usize,
}

impl FederationState {
    /// When the endpoint was last asked.
    #[must_use]
    pub fn last_attempt(&self) -> Option<UnixTime> {
        self.last_attempt
    }

    /// When it last answered with a bundle that counts, new or not.
    #[must_use]
    pub fn last_success(&self) -> Option<UnixTime> {
        self.last_success
    }

    /// Why the last attempt failed; `None` once one succeeds.
    #[must_use]
    pub fn last_error(&self) -> Option<&FederationError> {
        self.last_error.as_ref()
    }

    /// About when the endpoint is asked next.
    #[must_use]
    pub fn next_attempt(&self) -> Option<UnixTime> {
        self.next_attempt
    }

    /// The sequence number of the bundle in force.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// What the document fetched last was to the one before; [`Freshness::is_to_be_reported`] says whether somebody should know.
    #[must_use]
    pub fn freshness(&self) -> Option<Freshness> {
        self.freshness
    }

    /// How many elements of the bundle in force count for nothing.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}
