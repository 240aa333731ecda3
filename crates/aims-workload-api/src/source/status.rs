//! How a source stands.

use std::collections::BTreeMap;

use aims_keys::UnixTime;
use aims_provision::RotationState;

use crate::WorkloadApiError;

/// How each stream of a [`WorkloadSource`](super::WorkloadSource) stands, by name: `jwt_bundles`, `wit`, `wit_bundles`, `x509`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SourceStatus {
    /// The streams.
    pub streams: BTreeMap<&'static str, StreamStatus>,
}

/// How one stream stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamStatus {
    /// The state of what it delivers. What is valid at one time is expired later: this is the state at the last event.
    pub state: RotationState,
    /// When the credential ends, where the stream delivers one.
    pub not_after: Option<UnixTime>,
    /// When it is asked again, where it is not connected.
    pub next_attempt: Option<UnixTime>,
    /// Messages that counted.
    pub updates: u64,
    /// What went wrong last, since the last message with something for this workload. [`WorkloadApiError::PermissionDenied`], too, where a message has
    /// identities, and none that this workload has or chose.
    pub last_error: Option<WorkloadApiError>,
}

impl SourceStatus {
    /// Streams that have not delivered anything.
    pub(super) fn of(names: &[&'static str]) -> Self {
        Self { streams: names.iter().map(|&name| (name, StreamStatus::begins())).collect() }
    }

    pub(super) fn is_ready(&self) -> bool {
        let has_come = |stream: &StreamStatus| stream.updates > 0 && stream.state != RotationState::Withdrawn;
        self.streams.values().all(has_come)
    }

    /// What no trying again mends, of a stream that has delivered nothing.
    pub(super) fn hopeless(&self) -> Option<WorkloadApiError> {
        let errors = self.streams.values().filter(|stream| stream.updates == 0);
        errors.filter_map(|stream| stream.last_error.clone()).find(|error| !error.may_pass())
    }

    pub(super) fn last_error(&self) -> Option<&WorkloadApiError> {
        self.streams.values().find_map(|stream| stream.last_error.as_ref())
    }
}

impl StreamStatus {
    /// One that has delivered nothing.
    pub(crate) fn begins() -> Self {
        Self {
            state: RotationState::Initial,
            not_after: None,
            next_attempt: None,
            updates: 0,
            last_error: None,
        }
    }
}
