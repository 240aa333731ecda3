//! The register of a trust domain.

use std::collections::HashMap;

use aims_attest::Selector;
use aims_id::Origin;

use crate::Entry;

/// The registration entries of a trust domain: checked as a whole, and not changed afterwards. Another set takes its place.
#[derive(Clone, Debug)]
pub struct Entries {
    origin: Origin,
    all: Vec<Entry>,
    /// The entries that demand a selector, by that one of theirs which the fewest demand.
    by_selector: HashMap<Selector, Vec<usize>>,
}

impl Entries {
    /// Takes the entries of `origin`.
    ///
    /// # Errors
    ///
    /// [`EntriesError`], with the position of the entry.
    pub fn new(origin: Origin, entries: impl IntoIterator<Item = Entry>) -> Result<Self, EntriesError> {
        let mut all: Vec<Entry> = Vec::new();
        for entry in entries {
            let at = all.len();
            if at >= MAX_ENTRIES {
                return Err(EntriesError::TooMany);
            }
            if !entry.spiffe_id().is_in(&origin) {
                return Err(EntriesError::ForeignTrustDomain { at });
            }
            all.push(entry);
        }
        let duplicate = duplicate(&all);
        if let Some(at) = duplicate {
            return Err(EntriesError::Duplicate { at });
        }
        let by_selector = index(&all);
        Ok(Self { origin, all, by_selector })
    }

    /// No entries: nobody gets anything.
    #[must_use]
    pub fn none(origin: Origin) -> Self {
        Self { origin, all: Vec::new(), by_selector: HashMap::new() }
    }

    /// The trust domain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Every entry, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.all.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The entries that might match whoever shows these selectors, in the order of registration: each has one of them at least.
    pub(crate) fn candidates<'s>(&self, shown: impl Iterator<Item = &'s Selector>) -> Vec<&Entry> {
        let mut found: Vec<usize> =
            shown.filter_map(|selector| self.by_selector.get(selector)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.all.get(at)).collect()
    }
}

/// Why a set of entries was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntriesError {
    /// Another entry has the same identity and the same selectors.
    #[error("entry {} is a duplicate", .at + 1)]
    Duplicate {
        /// Its position, from 0.
        at: usize,
    },
    /// The identity is not in the trust domain.
    #[error("entry {} is for another trust domain", .at + 1)]
    ForeignTrustDomain {
        /// Its position, from 0.
        at: usize,
    },
    /// There are more than 100 000.
    #[error("there are too many entries")]
    TooMany,
}

impl EntriesError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } => "duplicate_entry",
            Self::ForeignTrustDomain { .. } => "foreign_trust_domain",
            Self::TooMany => "too_many_entries",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } | Self::TooMany => "ATT-102",
            Self::ForeignTrustDomain { .. } => "WID-19",
        }
    }

    /// The position of the entry, from 0.
    #[must_use]
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::Duplicate { at } | Self::ForeignTrustDomain { at } => Some(*at),
            Self::TooMany => None,
        }
    }
}

/// The first entry that one before it makes superfluous: which of two counts nobody could say.
fn duplicate(all: &[Entry]) -> Option<usize> {
    let mut seen = std::collections::HashSet::new();
    all.iter().position(|entry| !seen.insert((entry.spiffe_id(), entry.selectors())))
}

fn index(all: &[Entry]) -> HashMap<Selector, Vec<usize>> {
    let mut uses: HashMap<&Selector, usize> = HashMap::new();
    for selector in all.iter().flat_map(Entry::selectors) {
        *uses.entry(selector).or_default() += 1;
    }
    let mut by_selector: HashMap<Selector, Vec<usize>> = HashMap::new();
    for (at, entry) in all.iter().enumerate() {
        let rarest = entry.selectors().iter().min_by_key(|selector| uses.get(selector));
        if let Some(rarest) = rarest {
            by_selector.entry(rarest.clone()).or_default().push(at);
        }
    }
    by_selector
}

const MAX_ENTRIES: usize = 100_000;
