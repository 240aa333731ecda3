//! All relationships of a service.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_credential::{BundleSet, Freshness};
use aims_id::Origin;
use aims_keys::Backend;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;

use super::relationship::{Environment, Relationship};
use super::store::{BundleStore, MemoryBundleStore};
use super::{Federation, FederationError, FederationState};
use crate::fetch::GuardedFetch;

/// The relationships of a service with other trust domains: fetches their bundles, and keeps them in a [`BundleSet`].
///
/// Each is asked for at once, and again as often as its refresh hint says; after a failure as well, and no sooner (FED-8). Verifiers
/// that were given the set follow. Bundles are never merged: each counts for its own trust domain (FED-11).
///
/// Dropping it ends the polling; what is trusted stays so. It needs a runtime of tokio with time and I/O.
pub struct Federations {
    environment: Environment,
    schedule: Schedule,
    on_attempt: Arc<OnAttempt>,
    /// Relationships begin and end one after the other.
    changes: Arc<tokio::sync::Mutex<()>>,
    at_work: Mutex<HashMap<Origin, (Arc<Relationship>, AbortHandle)>>,
}

type OnAttempt = dyn Fn(&Origin, &FederationState) + Send + Sync;

impl Federations {
    /// Starts from the set in which verifiers look bundles up, the fetcher, whose rules about addresses and authorities of the web count
    /// for endpoints, and the backend for keys.
    pub fn builder(bundles: BundleSet, fetch: GuardedFetch, backend: Backend) -> FederationsBuilder {
        let store = Arc::new(MemoryBundleStore::new());
        FederationsBuilder {
            environment: Environment { fetch, bundles, store, backend, timeout: DEFAULT_TIMEOUT },
            schedule: Schedule { floor: DEFAULT_FLOOR },
            on_attempt: Arc::new(|_, _| {}),
        }
    }

    /// Begins a relationship. What is stored of it counts when this returns; the endpoint is asked after that.
    ///
    /// # Errors
    ///
    /// [`FederationError::AlreadyFederated`]; [`FederationError::Store`] and [`FederationError::Bundle`] when what is stored is unusable,
    /// which [`end`](Self::end) deletes.
    pub async fn begin(&self, federation: Federation) -> Result<(), FederationError> {
        let _change = self.changes.lock().await;
        let origin = federation.origin.clone();
        if self.lock().contains_key(&origin) {
            return Err(FederationError::AlreadyFederated(origin));
        }
        let environment = self.environment.clone();
        let preparing = spawn_blocking(move || Relationship::prepare(federation, environment));
        let (relationship, stored) = preparing.await.unwrap_or(Err(FederationError::Stopped))?;
        let relationship = Arc::new(relationship);
        // From here on nothing is waited for: nothing is trusted without a relationship that can be ended.
        if let Some(stored) = stored {
            relationship.trust(stored);
        }
        let poll = poll(Arc::clone(&relationship), self.schedule, Arc::clone(&self.on_attempt));
        let poll = tokio::spawn(poll).abort_handle();
        self.lock().insert(origin, (relationship, poll));
        Ok(())
    }

    /// Ends a relationship: its bundle is deleted, nobody asks for it any more, and verifiers trust nothing of it from now on; an attempt
    /// under way changes nothing (FED-12). Says whether there was a relationship. What is stored is deleted in any case.
    ///
    /// # Errors
    ///
    /// [`FederationError::Store`] when what is stored could not be deleted; all else is done even so.
    pub async fn end(&self, origin: &Origin) -> Result<bool, FederationError> {
        let change = Arc::clone(&self.changes).lock_owned().await;
        let ended = self.lock().remove(origin);
        let (store, origin) = (Arc::clone(&self.environment.store), origin.clone());
        // It is done even if nobody waits for it, and nothing begins before that.
        let ending = spawn_blocking(move || {
            let _change = change;
            match ended {
                Some((relationship, poll)) => {
                    poll.abort();
                    relationship.end().map(|()| true)
                }
                None => Ok(store.delete(&origin).map(|()| false)?),
            }
        });
        ending.await.unwrap_or(Err(FederationError::Stopped))
    }

    /// Asks the endpoint now, whenever the next attempt is due: for an operator who cannot wait. It changes no schedule.
    ///
    /// # Errors
    ///
    /// [`FederationError`]: why there is no newer bundle, or no relationship.
    pub async fn refresh(&self, origin: &Origin) -> Result<Freshness, FederationError> {
        let relationship = self.relationship(origin);
        let relationship = relationship.ok_or_else(|| FederationError::NotFederated(origin.clone()))?;
        let outcome = relationship.attempt().await;
        tell(&*self.on_attempt, &relationship);
        outcome
    }

    /// How the relationship with this trust domain stands, if there is one.
    #[must_use]
    pub fn state(&self, origin: &Origin) -> Option<FederationState> {
        self.relationship(origin).map(|relationship| relationship.state())
    }

    /// The trust domains that are federated with, in no order.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        self.lock().keys().cloned().collect()
    }

    fn relationship(&self, origin: &Origin) -> Option<Arc<Relationship>> {
        self.lock().get(origin).map(|(relationship, _)| Arc::clone(relationship))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, (Arc<Relationship>, AbortHandle)>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Federations {
    fn drop(&mut self) {
        for (_, poll) in self.lock().values() {
            poll.abort();
        }
    }
}

/// Shows the relationships.
impl fmt::Debug for Federations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_work = self.lock();
        f.debug_list().entries(at_work.values().map(|(relationship, _)| relationship)).finish()
    }
}

/// Options of [`Federations`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct FederationsBuilder {
    environment: Environment,
    schedule: Schedule,
    on_attempt: Arc<OnAttempt>,
}

impl FederationsBuilder {
    /// Where the latest bundles survive a restart. Default: in memory, so that they do not, and first contacts are made anew.
    pub fn store(mut self, store: impl BundleStore + 'static) -> Self {
        self.environment.store = Arc::new(store);
        self
    }

    /// The least time between two attempts, whatever a refresh hint says. Default: 30 s; at least 1 s.
    pub fn min_interval(mut self, interval: Duration) -> Self {
        self.schedule.floor = interval.max(Duration::from_secs(1));
        self
    }

    /// How long one attempt may take. Default: 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.environment.timeout = timeout;
        self
    }

    /// What is told how a relationship stands after each attempt, for logs and metrics. Default: nothing.
    pub fn on_attempt(mut self, tell: impl Fn(&Origin, &FederationState) + Send + Sync + 'static) -> Self {
        self.on_attempt = Arc::new(tell);
        self
    }

    /// Finishes, without a relationship.
    #[must_use]
    pub fn build(self) -> Federations {
        Federations {
            environment: self.environment,
            schedule: self.schedule,
            on_attempt: self.on_attempt,
            changes: Arc::default(),
            at_work: Mutex::default(),
        }
    }
}

/// Shows what relationships will share.
impl fmt::Debug for FederationsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederationsBuilder").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// How often an endpoint is asked.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    floor: Duration,
}

impl Schedule {
    /// Up to a tenth less than the hint, by `random`, so that clients of one endpoint do not come all at once.
    fn interval(self, hint: Option<Duration>, random: u8) -> Duration {
        let hint = hint.unwrap_or(DEFAULT_INTERVAL).min(MAX_INTERVAL);
        let jitter = hint / 10 * u32::from(random) / u32::from(u8::MAX);
        hint.saturating_sub(jitter).max(self.floor)
    }
}

async fn poll(relationship: Arc<Relationship>, schedule: Schedule, on_attempt: Arc<OnAttempt>) {
    loop {
        // Success or failure: the next attempt is at the next interval (FED-8).
        let outcome = relationship.attempt().await;
        if matches!(outcome, Err(FederationError::Ended)) {
            return;
        }
        let mut random = [0];
        // Without randomness the interval is that of the hint.
        let _ = relationship.backend().fill_random(&mut random);
        let interval = schedule.interval(relationship.hint(), u8::from_be_bytes(random));
        relationship.wait_for(interval);
        tell(&*on_attempt, &relationship);
        sleep(interval).await;
    }
}

/// A listener that panics must not end the polling.
fn tell(on_attempt: &OnAttempt, relationship: &Relationship) {
    let state = relationship.state();
    let _ = catch_unwind(AssertUnwindSafe(|| on_attempt(relationship.origin(), &state)));
}

/// BND-11
const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);
/// A hint must not switch revocation off.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_FLOOR: Duration = Duration::from_secs(30);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fed_8_the_interval_is_that_of_the_hint_within_bounds() {
        let schedule = Schedule { floor: Duration::from_secs(30) };
        let secs =
            |hint: Option<u64>, random| schedule.interval(hint.map(Duration::from_secs), random).as_secs();
        assert_eq!((secs(None, 0), secs(None, u8::MAX)), (300, 270));
        assert_eq!((secs(Some(60), 0), secs(Some(60), u8::MAX)), (60, 54));
        assert_eq!((secs(Some(1), 0), secs(Some(31), u8::MAX)), (30, 30));
        assert_eq!((secs(Some(u64::MAX), 0), secs(Some(u64::MAX), u8::MAX)), (86_400, 77_760));
    }
}
