//! A list of identifiers and patterns.

use alloc::vec::Vec;

use crate::{IdPattern, WorkloadId};

/// The workloads that somebody named: by identifier, or by pattern. Empty, it holds nobody.
///
/// Whole identifiers are compared, scheme and trust domain included (WID-6).
///
/// ```
/// use aims_id::IdSet;
///
/// let set = IdSet::new()
///     .id("spiffe://acme.example/tools/search".parse()?)
///     .pattern("spiffe://acme.example/agents/*".parse().unwrap());
/// assert!(set.contains(&"spiffe://acme.example/agents/travel".parse()?));
/// assert!(!set.contains(&"spiffe://bank.example/agents/travel".parse()?));
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct IdSet {
    ids: Vec<WorkloadId>,
    patterns: Vec<IdPattern>,
}

impl IdSet {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one workload.
    #[must_use]
    pub fn id(mut self, id: WorkloadId) -> Self {
        self.ids.push(id);
        self
    }

    /// Adds every workload that the pattern matches, segment by segment.
    #[must_use]
    pub fn pattern(mut self, pattern: IdPattern) -> Self {
        self.patterns.push(pattern);
        self
    }

    /// Whether the workload is one of them.
    #[must_use]
    pub fn contains(&self, id: &WorkloadId) -> bool {
        self.ids.contains(id) || self.patterns.iter().any(|pattern| pattern.matches(id))
    }
}

impl From<WorkloadId> for IdSet {
    fn from(id: WorkloadId) -> Self {
        Self::new().id(id)
    }
}

impl From<IdPattern> for IdSet {
    fn from(pattern: IdPattern) -> Self {
        Self::new().pattern(pattern)
    }
}
