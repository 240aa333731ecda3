//! A document of somebody else that is asked for again and again, and never too often.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_keys::UnixTime;

use crate::{Attempts, Flight};

/// A document that somebody else publishes, and changes: the keys of an issuer, the metadata of a server.
///
/// It is asked for when it is first needed, when it is stale, and when what is held is not enough, which is at most once a minute. Requests that need it at once
/// wait for one fetch. One that fails takes nothing away: what is held counts on, for a day at most, and nobody asks again before [`Attempts`] says so. Nothing runs
/// in the background.
///
/// ```
/// use std::time::Duration;
/// use aims_credential::Refreshed;
/// use aims_keys::UnixTime;
///
/// # let future = async {
/// let (rates, now) = (Refreshed::<u32, &str>::default(), UnixTime::from_secs(1_790_000_000));
/// let fetch = async || Ok((7, Duration::from_secs(3600)));
/// assert_eq!(*rates.get(now, |_| true, fetch).await?, 7);
/// // It is fresh: nobody is asked.
/// assert_eq!(*rates.get(now, |_| true, async || Err("is not asked")).await?, 7);
/// # Ok::<(), aims_credential::RefreshError<&str>>(())
/// # };
/// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// # let std::task::Poll::Ready(done) = std::pin::pin!(future).poll(&mut context) else { panic!() };
/// # done.unwrap();
/// ```
pub struct Refreshed<T, E> {
    max_stale: Duration,
    state: Mutex<State<T, E>>,
}

/// Why there is no document.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefreshError<E> {
    /// It was asked for too often, for nothing.
    Busy,
    /// The last fetch failed.
    Failed(E),
    /// Nobody has asked for it yet, or not for a long time.
    NotFetched,
}

struct State<T, E> {
    held: Option<Held<T>>,
    error: Option<E>,
    attempts: Attempts,
    flight: Option<Arc<Flight>>,
}

struct Held<T> {
    document: Arc<T>,
    fetched: UnixTime,
    fresh_until: UnixTime,
}

/// What to do next.
enum Step<T, E> {
    Done(Result<Arc<T>, RefreshError<E>>),
    Wait(Arc<Flight>),
    Fetch(Arc<Flight>),
}

impl<T, E: Clone> Refreshed<T, E> {
    /// Lets a document count that cannot be fetched any more, for this long after it was fresh. Default: a day.
    #[must_use]
    pub fn with_max_stale(mut self, time: Duration) -> Self {
        self.max_stale = time;
        self
    }

    /// The document at time `now`: what is held, if it is fresh and `suffices`; otherwise, `fetch` is asked for another, and says how long that is fresh.
    ///
    /// What comes may suffice as little as what was there: nobody has anything better.
    ///
    /// # Errors
    ///
    /// [`RefreshError`], where nothing is held that still counts.
    pub async fn get<F>(
        &self,
        now: UnixTime,
        suffices: impl Fn(&T) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, RefreshError<E>>
    where
        F: Future<Output = Result<(T, Duration), E>>,
    {
        let mut fetch = Some(fetch);
        loop {
            let step = self.lock().step(now, &suffices, fetch.is_some(), self.max_stale);
            match step {
                Step::Done(outcome) => return outcome,
                Step::Wait(flight) => flight.over().await,
                Step::Fetch(flight) => {
                    let landing = Landing { refreshed: self, flight };
                    if let Some(fetch) = fetch.take() {
                        let outcome = fetch().await;
                        self.lock().land(outcome, now);
                    }
                    drop(landing);
                }
            }
        }
    }

    /// What is held, and counts at time `now`, without asking anybody.
    ///
    /// # Errors
    ///
    /// [`RefreshError`].
    pub fn held(&self, now: UnixTime) -> Result<Arc<T>, RefreshError<E>> {
        let state = self.lock();
        let missing = || state.error.clone().map_or(RefreshError::NotFetched, RefreshError::Failed);
        state.counting(now, self.max_stale).ok_or_else(missing)
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        // A panic elsewhere cannot have left half a step: nothing in one can panic but `suffices`, before anything is changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E> Default for Refreshed<T, E> {
    fn default() -> Self {
        let state = State { held: None, error: None, attempts: Attempts::default(), flight: None };
        Self { max_stale: MAX_STALE, state: Mutex::new(state) }
    }
}

/// Shows nothing of the document.
impl<T, E> fmt::Debug for Refreshed<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshed").field("max_stale", &self.max_stale).finish_non_exhaustive()
    }
}

impl<T, E: Clone> State<T, E> {
    fn step(
        &mut self,
        now: UnixTime,
        suffices: impl Fn(&T) -> bool,
        may_fetch: bool,
        max_stale: Duration,
    ) -> Step<T, E> {
        let held = self.counting(now, max_stale);
        let is_enough = held.as_deref().is_some_and(suffices);
        if is_enough && self.is_fresh(now) {
            return Step::Done(held.ok_or(RefreshError::Busy));
        }
        if let Some(flight) = &self.flight {
            return Step::Wait(Arc::clone(flight));
        }
        if !may_fetch || self.attempts.are_resting(now) || !self.attempts.begin(now) {
            let error = || self.error.clone().map_or(RefreshError::Busy, RefreshError::Failed);
            return Step::Done(held.ok_or_else(error));
        }
        let flight = Arc::<Flight>::default();
        self.flight = Some(Arc::clone(&flight));
        Step::Fetch(flight)
    }

    fn land(&mut self, outcome: Result<(T, Duration), E>, now: UnixTime) {
        match outcome {
            Ok((document, fresh)) => {
                let document = Arc::new(document);
                self.held = Some(Held { document, fetched: now, fresh_until: now + fresh });
                self.error = None;
                self.attempts.succeeded(now);
            }
            Err(error) => {
                self.error = Some(error);
                self.attempts.failed(now);
            }
        }
    }

    fn counting(&self, now: UnixTime, max_stale: Duration) -> Option<Arc<T>> {
        let counts = |held: &&Held<T>| now < held.fresh_until + max_stale;
        self.held.as_ref().filter(counts).map(|held| Arc::clone(&held.document))
    }

    /// By a clock that was set back, nothing is fresh that was fetched later.
    fn is_fresh(&self, now: UnixTime) -> bool {
        let is_fresh = |held: &Held<T>| held.fetched <= now + CLOCK_STEPS && now < held.fresh_until;
        self.held.as_ref().is_some_and(is_fresh)
    }
}

/// However a fetch ends, whoever waits for it looks again: the request that made it may be gone.
struct Landing<'r, T, E: Clone> {
    refreshed: &'r Refreshed<T, E>,
    flight: Arc<Flight>,
}

impl<T, E: Clone> Drop for Landing<'_, T, E> {
    fn drop(&mut self) {
        self.refreshed.lock().flight = None;
        self.flight.end();
    }
}

const MAX_STALE: Duration = Duration::from_secs(24 * 3600);

/// Requests that are handled at once do not all have the same time.
const CLOCK_STEPS: Duration = Duration::from_secs(60);
