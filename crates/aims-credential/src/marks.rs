//! Marks: what is known to have been cut off.
//!
//! Whoever verified something asks again at every use whether it still counts; the answer comes from here, in front of
//! every cache. This is the reading side, and a table in memory; receiving signals is the subject of a higher crate.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use aims_id::WorkloadId;
use aims_keys::UnixTime;

/// The reading side of revocation.
pub trait Marks: std::fmt::Debug + Send + Sync {
    /// What is marked under `key`; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// [`MarksUnavailable`] when the marks are not loaded, or lost: nothing may be taken for live then.
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable>;
}

impl<M: Marks + ?Sized> Marks for std::sync::Arc<M> {
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        (**self).mark(key)
    }
}

/// A name under which something can be cut off, qualified by who gave it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MarkKey<'a> {
    /// Everything of an agent.
    Agent(&'a WorkloadId),
    /// One credential: its issuer's origin, and its identifier (a WIT's `jti`).
    Credential {
        /// The origin whose issuer signed it.
        origin: &'a str,
        /// The identifier the issuer gave it.
        id: &'a str,
    },
}

impl MarkKey<'_> {
    /// Kind, issuer and name: what the table looks up.
    fn parts(&self) -> (Kind, &str, &str) {
        match self {
            Self::Agent(agent) => (Kind::Agent, agent.origin_str(), agent.path()),
            Self::Credential { origin, id } => (Kind::Credential, origin, id),
        }
    }
}

/// What is marked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mark {
    /// What began at this time or before is cut off.
    pub not_before: Option<UnixTime>,
    /// Cut off until the mark is lifted.
    pub suspended: bool,
    /// Cut off for good.
    pub dead: bool,
}

impl Mark {
    /// Cut off for good.
    #[must_use]
    pub fn dead() -> Self {
        Self { dead: true, ..Self::default() }
    }

    /// Cut off until the mark is lifted.
    #[must_use]
    pub fn suspended() -> Self {
        Self { suspended: true, ..Self::default() }
    }

    /// Cut off if it began at `time` or before.
    #[must_use]
    pub fn not_before(time: UnixTime) -> Self {
        Self { not_before: Some(time), ..Self::default() }
    }

    /// Whether what began at `begun` still counts; `skew` is how far its issuer's clock may be ahead.
    ///
    /// # Errors
    ///
    /// [`Lapsed::Dead`], [`Lapsed::Suspended`] or [`Lapsed::Superseded`].
    pub fn check(&self, begun: UnixTime, skew: Duration) -> Result<(), Lapsed> {
        if self.dead {
            return Err(Lapsed::Dead);
        }
        if self.suspended {
            return Err(Lapsed::Suspended);
        }
        match self.not_before {
            // Strictly later: what began in the same second as the cut was perhaps its cause.
            Some(not_before) if begun <= not_before + skew => Err(Lapsed::Superseded),
            _ => Ok(()),
        }
    }
}

/// Why something that was verified does not count any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Lapsed {
    /// It was cut off for good.
    #[error("it was revoked")]
    Dead,
    /// Its time has passed.
    #[error("it has expired")]
    Expired,
    /// Nobody can say at the moment.
    #[error("the revocation state is not available")]
    MarksUnavailable,
    /// It began before a cut.
    #[error("it began before its subject was cut off")]
    Superseded,
    /// It is suspended.
    #[error("it is suspended")]
    Suspended,
}

impl Lapsed {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dead => "revoked",
            Self::Expired => "expired",
            Self::MarksUnavailable => "marks_unavailable",
            Self::Superseded => "superseded",
            Self::Suspended => "suspended",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Expired => "AIMS-8",
            _ => "AIMS-55",
        }
    }
}

impl From<MarksUnavailable> for Lapsed {
    fn from(_: MarksUnavailable) -> Self {
        Self::MarksUnavailable
    }
}

/// The marks are not loaded, or lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the revocation state is not available")]
#[non_exhaustive]
pub struct MarksUnavailable;

impl MarksUnavailable {
    /// For implementations of [`Marks`].
    #[must_use]
    #[expect(clippy::new_without_default, reason = "an error is not a default")]
    pub fn new() -> Self {
        Self
    }
}

/// Marks in memory, bounded; nothing is ever dropped to make room.
#[derive(Debug)]
pub struct MarkTable {
    marks: RwLock<Table>,
    capacity: usize,
}

/// By kind, then issuer, then name: three look-ups that need no copy of what is asked for.
type Table = HashMap<Kind, HashMap<Box<str>, HashMap<Box<str>, Mark>>>;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Kind {
    Agent,
    Credential,
}

impl MarkTable {
    /// An empty table for at most `capacity` marks.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { marks: RwLock::default(), capacity }
    }

    /// Sets the mark of `key`, in place of the one it had.
    ///
    /// # Errors
    ///
    /// [`MarkTableFull`]; the cut must then be refused or enforced otherwise, never taken for done.
    pub fn set(&self, key: &MarkKey<'_>, mark: Mark) -> Result<(), MarkTableFull> {
        let (kind, issuer, name) = key.parts();
        // A panic elsewhere cannot have left half a mark: a mark is replaced in a single step.
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        let len: usize = marks.values().flat_map(HashMap::values).map(HashMap::len).sum();
        let names = marks.entry(kind).or_default().entry(issuer.into()).or_default();
        if !names.contains_key(name) && len >= self.capacity {
            return Err(MarkTableFull);
        }
        names.insert(name.into(), mark);
        Ok(())
    }

    /// Takes the mark of `key` away; says whether there was one.
    pub fn clear(&self, key: &MarkKey<'_>) -> bool {
        let (kind, issuer, name) = key.parts();
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        marks
            .get_mut(&kind)
            .and_then(|issuers| issuers.get_mut(issuer))
            .is_some_and(|names| names.remove(name).is_some())
    }
}

impl Marks for MarkTable {
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        let (kind, issuer, name) = key.parts();
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        Ok(marks.get(&kind).and_then(|issuers| issuers.get(issuer)?.get(name)).copied())
    }
}

/// The table has no room for another mark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no room for another mark")]
#[non_exhaustive]
pub struct MarkTableFull;

impl MarkTableFull {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "marks_full"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "AIMS-55"
    }
}
