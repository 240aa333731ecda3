//! Marks: what is known to have been cut off.
//!
//! Whoever verified something asks again at every use whether it still counts; the answer comes from here, in front of
//! every cache. This is the reading side, and a table in memory; receiving signals is the subject of a higher crate.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use aims_id::WorkloadId;
use aims_jose::{Thumbprint, base64url};
use aims_keys::backend::HashAlgorithm;
use aims_keys::{Backend, UnixTime};

/// The reading side of revocation.
pub trait Marks: fmt::Debug + Send + Sync {
    /// What is marked under `key`; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// [`MarksUnavailable`] when the marks are not loaded, or lost: nothing may be taken for live then.
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable>;

    /// Shows `check` what is marked under each of `keys`, in their order, until it refuses.
    ///
    /// What has several names is asked about with this: an implementation may look all of them up in one go.
    ///
    /// # Errors
    ///
    /// [`Lapsed::MarksUnavailable`] as for [`mark`](Self::mark); what `check` refuses with.
    fn check_each(
        &self,
        keys: &mut dyn Iterator<Item = MarkKey<'_>>,
        check: &dyn Fn(Mark) -> Result<(), Lapsed>,
    ) -> Result<(), Lapsed> {
        for key in keys {
            if let Some(mark) = self.mark(&key)? {
                check(mark)?;
            }
        }
        Ok(())
    }
}

impl<M: Marks + ?Sized> Marks for Arc<M> {
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        (**self).mark(key)
    }

    fn check_each(
        &self,
        keys: &mut dyn Iterator<Item = MarkKey<'_>>,
        check: &dyn Fn(Mark) -> Result<(), Lapsed>,
    ) -> Result<(), Lapsed> {
        (**self).check_each(keys, check)
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
    /// Everything of a client of an authorization server.
    Client {
        /// The server's identifier.
        issuer: &'a str,
        /// The client's, at that server.
        client: &'a str,
    },
    /// Everything by one key, whoever holds it.
    Key(&'a Thumbprint),
    /// Everything for a subject of an authorization server: a user, most often.
    Subject {
        /// The server's identifier.
        issuer: &'a str,
        /// The subject's, at that server.
        subject: &'a str,
    },
    /// A token or a grant, and everything that was derived from it.
    Token(&'a LineageId),
    /// Everything of a transaction.
    Transaction {
        /// The identifier of who gave the transaction its own.
        issuer: &'a str,
        /// The transaction's.
        id: &'a str,
    },
    /// Everything of who is known by the URL of its keys, and by no identifier: a bot of the web.
    Url(&'a str),
}

/// What names a token, or the grant it comes from, in what was derived from it (design D10): the first 16 bytes of the SHA-256 of issuer, a zero byte, and
/// `jti` or the grant's own identifier.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LineageId([u8; 16]);

impl LineageId {
    /// Of what this issuer calls `id`.
    ///
    /// ```
    /// use aims_credential::LineageId;
    /// use aims_keys::backend;
    ///
    /// let id = LineageId::of("https://as.example", "at-1", backend::ring());
    /// assert_ne!(id, LineageId::of("https://as.example", "at-2", backend::ring()));
    /// ```
    #[must_use]
    pub fn of(issuer: &str, id: &str, backend: Backend) -> Self {
        let mut hasher = backend.hasher(HashAlgorithm::Sha256);
        for part in [issuer.as_bytes(), &[0], id.as_bytes()] {
            hasher.update(part);
        }
        let mut first = [0; 16];
        first.iter_mut().zip(hasher.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(first)
    }

    /// The same, as the domain of another issuer is told of it: nobody who knows one of the names knows the other, so that two domains cannot find out that they were
    /// told of the same.
    ///
    /// ```
    /// use aims_credential::LineageId;
    /// use aims_keys::backend;
    ///
    /// let own = LineageId::of("https://as.example", "grant-1", backend::ring());
    /// let (b, c) = (own.across("https://as.b.example", backend::ring()), own.across("https://as.c.example", backend::ring()));
    /// assert!(own != b && own != c && b != c);
    /// ```
    #[must_use]
    pub fn across(&self, issuer: &str, backend: Backend) -> Self {
        Self::of(issuer, &self.to_string(), backend)
    }

    /// As it stands in a token.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As it stands in a token.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// In base64url, as it stands in a token.
impl fmt::Display for LineageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for LineageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineageId({self})")
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

    /// Both marks at once: whatever either cuts off is cut off.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            // `None` is less than any time.
            not_before: self.not_before.max(other.not_before),
            suspended: self.suspended || other.suspended,
            dead: self.dead || other.dead,
        }
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
    /// By the clock its time has not come: the clock was set back.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It began before a cut.
    #[error("it began before its subject was cut off")]
    Superseded,
    /// It is suspended.
    #[error("it is suspended")]
    Suspended,
    /// What vouched for it is not trusted any more.
    #[error("what vouched for it is not trusted any more")]
    Untrusted,
}

impl Lapsed {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dead => "revoked",
            Self::Expired => "expired",
            Self::MarksUnavailable => "marks_unavailable",
            Self::NotYetValid => "not_yet_valid",
            Self::Superseded => "superseded",
            Self::Suspended => "suspended",
            Self::Untrusted => "untrusted",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Expired => "AIMS-8",
            Self::NotYetValid => "X5V-3",
            Self::Untrusted => "CRD-1",
            Self::Dead | Self::MarksUnavailable | Self::Superseded | Self::Suspended => "AIMS-55",
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
///
/// ```
/// use aims_credential::{Mark, MarkKey, MarkTable, Marks};
///
/// let marks = MarkTable::loading(100_000);
/// let agent = "spiffe://acme.example/agents/travel".parse()?;
/// assert!(marks.mark(&MarkKey::Agent(&agent)).is_err()); // nobody knows yet, so nothing is live
///
/// marks.add(&MarkKey::Agent(&agent), Mark::suspended()).unwrap(); // from durable storage
/// marks.loaded();
/// assert_eq!(marks.mark(&MarkKey::Agent(&agent)), Ok(Some(Mark::suspended())));
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
pub struct MarkTable {
    state: RwLock<State>,
    capacity: usize,
}

#[derive(Default)]
struct State {
    loaded: bool,
    /// INVARIANT: how many marks the maps hold.
    len: usize,
    agents: HashMap<WorkloadId, Mark>,
    clients: Named,
    credentials: Named,
    keys: HashMap<Thumbprint, Mark>,
    subjects: Named,
    tokens: HashMap<LineageId, Mark>,
    transactions: Named,
    urls: HashMap<Box<str>, Mark>,
}

/// By who gave the name, then by name: two look-ups that need no copy of what is asked for. Few give names: to compare costs less than to hash.
#[derive(Default)]
struct Named(BTreeMap<Box<str>, HashMap<Box<str>, Mark>>);

impl Named {
    fn get(&self, by: &str, name: &str) -> Option<&Mark> {
        self.0.get(by)?.get(name)
    }

    fn get_mut(&mut self, by: &str, name: &str) -> Option<&mut Mark> {
        self.0.get_mut(by)?.get_mut(name)
    }

    fn insert(&mut self, by: &str, name: &str, mark: Mark) {
        self.0.entry(by.into()).or_default().insert(name.into(), mark);
    }

    /// Whether there was one.
    fn remove(&mut self, by: &str, name: &str) -> bool {
        let Some(names) = self.0.get_mut(by) else { return false };
        let found = names.remove(name).is_some();
        if names.is_empty() {
            self.0.remove(by);
        }
        found
    }
}

impl MarkTable {
    /// A table for at most `capacity` marks, empty, and complete as it is.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let table = Self::loading(capacity);
        table.loaded();
        table
    }

    /// A table for at most `capacity` marks that are still being loaded: it answers nothing until it is told that they
    /// are [`loaded`](Self::loaded).
    #[must_use]
    pub fn loading(capacity: usize) -> Self {
        Self { state: RwLock::default(), capacity }
    }

    /// All marks are there: the table answers from now on.
    pub fn loaded(&self) {
        self.write().loaded = true;
    }

    /// The marks may no longer be complete (their source is lost): the table answers nothing until they are
    /// [`loaded`](Self::loaded) again.
    pub fn lost(&self) {
        self.write().loaded = false;
    }

    /// Adds `mark` to what `key` is marked with: what was cut off stays cut off, in whatever order signals arrive.
    ///
    /// # Errors
    ///
    /// [`MarkTableFull`]; the cut must then be refused or enforced otherwise, never taken for done.
    pub fn add(&self, key: &MarkKey<'_>, mark: Mark) -> Result<(), MarkTableFull> {
        self.update(key, |held| held.and(mark))
    }

    /// Sets the mark of `key`, in place of the one it had: this can give back what was cut off.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn set(&self, key: &MarkKey<'_>, mark: Mark) -> Result<(), MarkTableFull> {
        self.update(key, |_| mark)
    }

    /// Takes the mark of `key` away; says whether there was one.
    pub fn clear(&self, key: &MarkKey<'_>) -> bool {
        let mut state = self.write();
        let found = match key {
            MarkKey::Agent(agent) => state.agents.remove(agent.as_str()).is_some(),
            MarkKey::Client { issuer, client } => state.clients.remove(issuer, client),
            MarkKey::Credential { origin, id } => state.credentials.remove(origin, id),
            MarkKey::Key(key) => state.keys.remove(*key).is_some(),
            MarkKey::Subject { issuer, subject } => state.subjects.remove(issuer, subject),
            MarkKey::Token(id) => state.tokens.remove(*id).is_some(),
            MarkKey::Transaction { issuer, id } => state.transactions.remove(issuer, id),
            MarkKey::Url(url) => state.urls.remove(*url).is_some(),
        };
        state.len -= usize::from(found);
        found
    }

    /// How many marks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len
    }

    /// Whether nothing is marked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn update(&self, key: &MarkKey<'_>, change: impl FnOnce(Mark) -> Mark) -> Result<(), MarkTableFull> {
        let mut state = self.write();
        let state = &mut *state;
        if let Some(mark) = state.get_mut(key) {
            *mark = change(*mark);
            return Ok(());
        }
        if state.len >= self.capacity {
            return Err(MarkTableFull);
        }
        state.insert(key, change(Mark::default()));
        state.len += 1;
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic elsewhere cannot have left half a mark: nothing between the steps of a change can panic.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        if !self.loaded {
            return Err(MarksUnavailable);
        }
        let mark = match key {
            MarkKey::Agent(agent) => self.agents.get(agent.as_str()),
            MarkKey::Client { issuer, client } => self.clients.get(issuer, client),
            MarkKey::Credential { origin, id } => self.credentials.get(origin, id),
            MarkKey::Key(key) => self.keys.get(*key),
            MarkKey::Subject { issuer, subject } => self.subjects.get(issuer, subject),
            MarkKey::Token(id) => self.tokens.get(*id),
            MarkKey::Transaction { issuer, id } => self.transactions.get(issuer, id),
            MarkKey::Url(url) => self.urls.get(*url),
        };
        Ok(mark.copied())
    }

    fn get_mut(&mut self, key: &MarkKey<'_>) -> Option<&mut Mark> {
        match key {
            MarkKey::Agent(agent) => self.agents.get_mut(agent.as_str()),
            MarkKey::Client { issuer, client } => self.clients.get_mut(issuer, client),
            MarkKey::Credential { origin, id } => self.credentials.get_mut(origin, id),
            MarkKey::Key(key) => self.keys.get_mut(*key),
            MarkKey::Subject { issuer, subject } => self.subjects.get_mut(issuer, subject),
            MarkKey::Token(id) => self.tokens.get_mut(*id),
            MarkKey::Transaction { issuer, id } => self.transactions.get_mut(issuer, id),
            MarkKey::Url(url) => self.urls.get_mut(*url),
        }
    }

    fn insert(&mut self, key: &MarkKey<'_>, mark: Mark) {
        match key {
            MarkKey::Agent(agent) => {
                self.agents.insert((*agent).clone(), mark);
            }
            MarkKey::Client { issuer, client } => self.clients.insert(issuer, client, mark),
            MarkKey::Credential { origin, id } => self.credentials.insert(origin, id, mark),
            MarkKey::Key(key) => {
                self.keys.insert(**key, mark);
            }
            MarkKey::Subject { issuer, subject } => self.subjects.insert(issuer, subject, mark),
            MarkKey::Token(id) => {
                self.tokens.insert(**id, mark);
            }
            MarkKey::Transaction { issuer, id } => self.transactions.insert(issuer, id, mark),
            MarkKey::Url(url) => {
                self.urls.insert((*url).into(), mark);
            }
        }
    }
}

impl Marks for MarkTable {
    fn mark(&self, key: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        self.read().get(key)
    }

    /// Under one lock.
    fn check_each(
        &self,
        keys: &mut dyn Iterator<Item = MarkKey<'_>>,
        check: &dyn Fn(Mark) -> Result<(), Lapsed>,
    ) -> Result<(), Lapsed> {
        let state = self.read();
        for key in keys {
            if let Some(mark) = state.get(&key)? {
                check(mark)?;
            }
        }
        Ok(())
    }
}

/// Shows how many marks there are, not whose.
impl fmt::Debug for MarkTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.read();
        f.debug_struct("MarkTable")
            .field("loaded", &state.loaded)
            .field("len", &state.len)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
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
