//! One relationship at work.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_credential::x509::{SvidVerifier, X509Profile};
use aims_credential::{BundleSet, BundleSource, Fetch, FetchRequest, Freshness, TrustBundle};
use aims_id::{IdSet, Origin, SpiffeId};
use aims_keys::{Backend, UnixTime};
use aims_tls::AnonymousTls;
use arc_swap::ArcSwapOption;
use tokio::task::spawn_blocking;

use super::parameters::{EndpointTrust, Profile};
use super::store::BundleStore;
use super::{Federation, FederationError, FederationState};
use crate::fetch::GuardedFetch;

/// Gets the bundle of one trust domain, and sees to it that it counts where it should.
pub(super) struct Relationship {
    federation: Federation,
    fetch: GuardedFetch,
    bundles: BundleSet,
    store: Arc<dyn BundleStore>,
    backend: Backend,
    timeout: Duration,
    latest: Arc<Latest>,
    state: Mutex<FederationState>,
    /// Whether the bundle in force is the one that is stored. Changed by who holds `is_alive`.
    is_stored: AtomicBool,
    /// Attempts come one after the other.
    turn: tokio::sync::Mutex<()>,
    /// Whoever changes what is trusted or stored holds it: after the end nothing is.
    is_alive: Mutex<bool>,
}

/// What is needed beside the relationship's own parameters.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    pub(super) fetch: GuardedFetch,
    pub(super) bundles: BundleSet,
    pub(super) store: Arc<dyn BundleStore>,
    pub(super) backend: Backend,
    pub(super) timeout: Duration,
}

impl Relationship {
    /// With what is stored, if that is anything; it counts once it is given to [`trust`](Self::trust).
    pub(super) fn prepare(
        federation: Federation,
        environment: Environment,
    ) -> Result<(Self, Option<TrustBundle>), FederationError> {
        let stored = environment.store.load(&federation.origin)?;
        let Environment { fetch, bundles, store, backend, timeout } = environment;
        let origin = federation.origin.clone();
        let latest = Arc::new(Latest { origin, bundles: bundles.clone(), own: ArcSwapOption::empty() });
        let fetch = match &federation.profile {
            Profile::Web => fetch,
            Profile::Spiffe { endpoint, trust } => {
                let trust: Arc<dyn BundleSource> = match trust {
                    EndpointTrust::SelfServing(bootstrap) => {
                        latest.own.store(Some(Arc::new(TrustBundle::clone(bootstrap))));
                        Arc::<Latest>::clone(&latest)
                    }
                    EndpointTrust::Elsewhere(bundles) => Arc::clone(bundles),
                };
                for_endpoint(&fetch, trust, endpoint, backend)?
            }
        };
        let relationship = Self {
            federation,
            fetch,
            bundles,
            store,
            backend,
            timeout,
            latest,
            state: Mutex::default(),
            is_stored: AtomicBool::new(stored.is_some()),
            turn: tokio::sync::Mutex::default(),
            is_alive: Mutex::new(true),
        };
        let stored = stored.map(|document| relationship.read(&document)).transpose()?;
        Ok((relationship, stored))
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.federation.origin
    }

    pub(super) fn state(&self) -> FederationState {
        self.lock_state().clone()
    }

    /// The refresh hint of the bundle in force.
    pub(super) fn hint(&self) -> Option<Duration> {
        self.latest.own.load().as_ref().and_then(|bundle| bundle.refresh_hint())
    }

    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    /// Says when the next attempt will be.
    pub(super) fn wait_for(&self, interval: Duration) {
        self.lock_state().next_attempt = self.now().map(|now| now + interval);
    }

    /// Asks the endpoint once.
    pub(super) async fn attempt(self: &Arc<Self>) -> Result<Freshness, FederationError> {
        let _turn = self.turn.lock().await;
        let outcome = self.try_once().await;
        let mut state = self.lock_state();
        state.last_attempt = self.now();
        match &outcome {
            Ok(freshness) => {
                state.last_success = state.last_attempt;
                state.last_error = None;
                state.freshness = Some(*freshness);
            }
            Err(error) => {
                if matches!(error, FederationError::Older { .. }) {
                    state.freshness = Some(Freshness::Older);
                }
                state.last_error = Some(error.clone());
            }
        }
        outcome
    }

    async fn try_once(self: &Arc<Self>) -> Result<Freshness, FederationError> {
        let request = FetchRequest::new(&self.federation.url)
            .accept(&["application/json"])
            .follow(self.federation.redirects)
            .timeout(self.timeout);
        let fetched = self.fetch.fetch(request).await?;
        let document = fetched.text()?.to_owned();
        let this = Arc::clone(self);
        spawn_blocking(move || this.take(&document)).await.unwrap_or(Err(FederationError::Stopped))
    }

    /// Decides about a document that was fetched; it blocks while the store does.
    fn take(&self, document: &str) -> Result<Freshness, FederationError> {
        let bundle = self.read(document)?;
        let is_alive = self.lock_alive();
        if !*is_alive {
            return Err(FederationError::Ended);
        }
        // BND-8: a first bundle counts, unless it is older than the one that was configured for the first contact.
        let before = self.latest.own.load_full();
        let freshness = before.as_ref().map_or(Freshness::Newer, |before| Freshness::of(before, &bundle));
        if let (Freshness::Older, Some(stored), Some(fetched)) =
            (freshness, before.and_then(|before| before.sequence()), bundle.sequence())
        {
            return Err(FederationError::Older { stored, fetched });
        }
        if freshness.replaces() || self.bundles.bundle(self.origin().as_str()).is_none() {
            // First of all it counts: what it no longer holds was revoked.
            self.trust(bundle);
            self.is_stored.store(false, Ordering::Relaxed);
        }
        if !self.is_stored.load(Ordering::Relaxed) {
            self.store.save(self.origin(), document)?;
            self.is_stored.store(true, Ordering::Relaxed);
        }
        Ok(freshness)
    }

    fn read(&self, document: &str) -> Result<TrustBundle, FederationError> {
        let origin = self.origin();
        let bundle = TrustBundle::from_spiffe(origin.clone(), document, self.backend)?;
        let bundle = match &self.federation.adjust {
            Some(adjust) => adjust(bundle),
            None => bundle,
        };
        // FED-11: whatever an adjustment does, the pair of trust domain and bundle stays.
        if bundle.origin() == origin { Ok(bundle) } else { Err(FederationError::ForeignBundle) }
    }

    pub(super) fn trust(&self, bundle: TrustBundle) {
        self.bundles.update(&bundle);
        let mut state = self.lock_state();
        (state.sequence, state.skipped) = (bundle.sequence(), bundle.skipped().len());
        self.latest.own.store(Some(Arc::new(bundle)));
    }

    /// Ends trust, and deletes what was stored; it blocks while the store does. An attempt under way changes nothing any more.
    pub(super) fn end(&self) -> Result<(), FederationError> {
        let mut is_alive = self.lock_alive();
        *is_alive = false;
        self.bundles.remove(self.origin());
        Ok(self.store.delete(self.origin())?)
    }

    fn now(&self) -> Option<UnixTime> {
        self.fetch.time().current_time().map(|now| UnixTime::from_secs(now.as_secs()))
    }

    fn lock_state(&self) -> MutexGuard<'_, FederationState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_alive(&self) -> MutexGuard<'_, bool> {
        self.is_alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the parameters and the state.
impl fmt::Debug for Relationship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relationship")
            .field("federation", &self.federation)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What a self-serving endpoint is verified with: the bundle in force, with the revocation lists it was given; and before there is
/// one, the first.
#[derive(Debug)]
struct Latest {
    origin: Origin,
    bundles: BundleSet,
    own: ArcSwapOption<TrustBundle>,
}

impl BundleSource for Latest {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        if origin != self.origin.as_str() {
            return None;
        }
        self.bundles.bundle(origin).or_else(|| self.own.load_full())
    }
}

fn for_endpoint(
    fetch: &GuardedFetch,
    trust: Arc<dyn BundleSource>,
    endpoint: &SpiffeId,
    backend: Backend,
) -> Result<GuardedFetch, FederationError> {
    let svids = SvidVerifier::builder(trust, backend).profile(X509Profile::X509Svid).build();
    let servers = IdSet::new().id(endpoint.as_workload_id().clone());
    let client = AnonymousTls::new(svids, servers, Arc::clone(fetch.provider()))
        .time_provider(Arc::clone(fetch.time()))
        .protocol_versions(rustls::ALL_VERSIONS)
        .client()
        .map_err(|_| FederationError::TlsProvider)?;
    Ok(fetch.for_workload(&client))
}
