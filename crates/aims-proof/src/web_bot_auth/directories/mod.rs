//! Directories, fetched and remembered.

mod table;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, Flight};
use aims_jose::Thumbprint;
use aims_keys::{Backend, BoxFuture, UnixTime};

use self::table::{Place, Step, Table, place};
use super::{
    BotKey, BotKeys, DIRECTORY_MEDIA_TYPE, Discovery, DiscoveryError, KeyDirectory, KeySource, possession,
};

/// Fetches the directories that requests name, and remembers them (HS-WBA-08).
///
/// Strangers say what is fetched: give it a [`Fetch`] that guards the network, such as `GuardedFetch` of `aims-workload-api`. Beyond that,
/// here is what bounds it:
///
/// - `https`, status 200, no redirect; at most 64 KiB, 64 keys and 5 s;
/// - a directory is asked for when it is first named, when it is stale, and, at most once a minute, for a key that it did not have;
///   requests that need the same one wait for one fetch;
/// - one that fails is left alone for 10 s, then for twice as long each time, up to 5 minutes;
/// - what strangers name takes at most 120 fetches a minute, 16 at once, 4 at once from one host, and 512 places;
///   [known](DirectoriesBuilder::known) sources always have theirs.
///
/// A fetch that fails takes nothing away: the keys that are held count on, for a week at most. One that succeeds takes away each key that it
/// does not bring.
///
/// Nothing runs in the background: whoever asks for a key waits for it.
pub struct Directories {
    fetch: Box<dyn Fetch>,
    backend: Backend,
    settings: Settings,
    table: Mutex<Table>,
}

#[derive(Clone, Debug)]
struct Settings {
    capacity: usize,
    concurrent: usize,
    max_stale: Duration,
    only_known: bool,
    per_minute: u32,
    shown: bool,
    timeout: Duration,
}

impl Directories {
    /// Fetches with `fetch`; keys are verified with by `backend`.
    pub fn builder(fetch: impl Fetch + 'static, backend: Backend) -> DirectoriesBuilder {
        DirectoriesBuilder {
            fetch: Box::new(fetch),
            backend,
            known: Vec::new(),
            settings: Settings {
                capacity: 512,
                concurrent: 16,
                max_stale: Duration::from_secs(7 * 24 * 3600),
                only_known: false,
                per_minute: 120,
                shown: false,
                timeout: Duration::from_secs(5),
            },
        }
    }

    /// How many URLs are remembered, those that failed among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    async fn find(
        &self,
        source: &KeySource,
        thumbprint: &Thumbprint,
        now: UnixTime,
    ) -> Result<BotKey, DiscoveryError> {
        if source.discovery() == Discovery::Cimd {
            return Err(DiscoveryError::Unsupported);
        }
        let mut may_fetch = true;
        loop {
            let step = self.table().step(source, thumbprint, now, may_fetch, &self.settings);
            match step {
                Step::Done(outcome) => return outcome,
                Step::Wait(flight) => flight.over().await,
                Step::Fetch(flight) => {
                    let landing = Landing { directories: self, place: place(source), flight };
                    let outcome = self.fetch(source, now).await;
                    self.table().land(&landing.place, outcome, now);
                    may_fetch = false;
                }
            }
        }
    }

    async fn fetch(
        &self,
        source: &KeySource,
        now: UnixTime,
    ) -> Result<(KeyDirectory, Duration), DiscoveryError> {
        let fields: Vec<&str> = possession::FIELDS.into_iter().chain(Fetched::FRESHNESS_FIELDS).collect();
        let request = FetchRequest::new(source.url())
            .keep(&fields)
            .max_len(KeyDirectory::MAX_LEN)
            .timeout(self.settings.timeout);
        let request = match source.discovery() {
            Discovery::Directory => request.accept(&[DIRECTORY_MEDIA_TYPE]).insist_on_media_type(),
            _ => request.accept(&["application/jwk-set+json", "application/json"]),
        };
        let fetched = self.fetch.fetch(request).await?;
        // What came from elsewhere is not what this URL provides, however it got here.
        if fetched.url() != source.url() {
            return Err(FetchError::Redirects.into());
        }
        let directory = KeyDirectory::of(source, &fetched, now, self.backend)?;
        Ok((directory, fetched.fresh_for()))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot have left half a step: nothing in one can panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BotKeys for Directories {
    fn key<'a>(
        &'a self,
        source: &'a KeySource,
        thumbprint: &'a Thumbprint,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<BotKey, DiscoveryError>> {
        Box::pin(self.find(source, thumbprint, now))
    }
}

/// Shows how much there is.
impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directories")
            .field("fetch", &self.fetch)
            .field("settings", &self.settings)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// However a fetch ends, whoever waits for it looks again: the request that made it may be gone.
struct Landing<'d> {
    directories: &'d Directories,
    place: Place,
    flight: Arc<Flight>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.directories.table().clear(&self.place, &self.flight);
        self.flight.end();
    }
}

/// Options of [`Directories`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DirectoriesBuilder {
    fetch: Box<dyn Fetch>,
    backend: Backend,
    known: Vec<KeySource>,
    settings: Settings,
}

impl DirectoriesBuilder {
    /// A bot that the site knows: its keys are never given up for those of strangers, nor does it wait for them.
    pub fn known(mut self, source: KeySource) -> Self {
        self.known.push(source);
        self
    }

    /// Asks known sources alone: no stranger has the site fetch anything.
    pub fn only_known(mut self) -> Self {
        self.settings.only_known = true;
        self
    }

    /// Takes a key only while a signature by it over its directory counts (HS-WBA-09): from directories alone, since other JWK Sets are not
    /// signed. It shows that who has the key wants it there, and that nobody copied it to an origin of his own.
    pub fn requiring_possession(mut self) -> Self {
        self.settings.shown = true;
        self
    }

    /// How long one fetch may take. Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How long the keys of a directory count that cannot be fetched any more, once it is stale. Default: 7 days.
    pub fn max_stale(mut self, time: Duration) -> Self {
        self.settings.max_stale = time;
        self
    }

    /// How many URLs are remembered. Default: 512.
    pub fn max_directories(mut self, most: usize) -> Self {
        self.settings.capacity = most;
        self
    }

    /// How many fetches strangers cause in a minute. Default: 120.
    pub fn max_fetches_per_minute(mut self, most: u32) -> Self {
        self.settings.per_minute = most;
        self
    }

    /// How many fetches go on at once. Default: 16.
    pub fn max_concurrent(mut self, most: usize) -> Self {
        self.settings.concurrent = most;
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> Directories {
        let table = Mutex::new(Table::of(&self.known));
        Directories { fetch: self.fetch, backend: self.backend, settings: self.settings, table }
    }
}
