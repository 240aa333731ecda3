//! What all connections of a server share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aims_attest::{Appraisal, Unmet};
use aims_credential::{BundleSource, TrustBundle};
use aims_id::Origin;
use aims_keys::{Algorithm, Backend, Clock, UnixTime};
use aims_provision::{Authority, CredentialType, Entries, Entry, Grant, NoGrant, Phase, Provisioner};
use tokio::sync::watch;
use tonic::Status;

use super::accept::Caller;
use super::quota::Quota;
use super::status::ServerStatus;

/// The server, apart from its listeners.
#[derive(Debug)]
pub(super) struct State {
    pub(super) authority: Arc<Authority>,
    pub(super) provisioner: Provisioner,
    pub(super) federated: Arc<dyn BundleSource>,
    pub(super) backend: Backend,
    /// Of the keys that are made for workloads.
    pub(super) algorithm: Algorithm,
    pub(super) clock: ClockOf,
    pub(super) limits: Limits,
    pub(super) quota: Quota,
    entries: watch::Sender<Arc<Entries>>,
    /// Counts changes of any bundle.
    bundles: watch::Sender<u64>,
    /// Connections so far.
    pub(super) sessions: AtomicU64,
    pub(super) connections: AtomicUsize,
    pub(super) streams: AtomicUsize,
    issued: [AtomicU64; 3],
    refused: Mutex<HashMap<&'static str, u64>>,
    unmet: Mutex<Vec<Unmet>>,
    last_error: Mutex<Option<&'static str>>,
}

/// A clock that can be shown.
#[derive(Clone)]
pub(super) struct ClockOf(pub(super) Arc<dyn Clock>);

impl std::fmt::Debug for ClockOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) streams: usize,
}

impl Limits {
    /// So that there are files left to look at callers with.
    pub(super) fn within(mut self, files: Option<usize>) -> Self {
        self.connections = self.connections.min(files.map_or(usize::MAX, |files| files / 10 * 3));
        self
    }
}

/// A stream that is open; it counts against its account until it is dropped.
#[derive(Debug)]
pub(super) struct OpenStream {
    state: Arc<State>,
    account: String,
}

impl OpenStream {
    pub(super) fn begin(state: &Arc<State>, caller: &Caller) -> Result<Self, Status> {
        let account = caller.attested().account();
        if !state.quota.begin_stream(&account) {
            state.refused("too_many_streams");
            return Err(Status::resource_exhausted("too many streams"));
        }
        let open = state.streams.fetch_add(1, Ordering::AcqRel);
        let stream = Self { state: Arc::clone(state), account };
        if open >= state.limits.streams {
            state.refused("server_full");
            return Err(Status::unavailable("too many streams"));
        }
        Ok(stream)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.state.streams.fetch_sub(1, Ordering::AcqRel);
        self.state.quota.end_stream(&self.account);
    }
}

/// What has changed.
pub(super) struct Changes {
    entries: watch::Receiver<Arc<Entries>>,
    bundles: watch::Receiver<u64>,
}

impl Changes {
    /// Waits until something has changed since this was called last.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            // The senders live as long as the server does.
            _ = self.entries.changed() => {}
            _ = self.bundles.changed() => {}
        }
    }
}

/// What a caller is to be known for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// To be issued something.
    Credentials,
    /// To be told whom to trust: whoever brings the evidence for a credential by another way has to know that, too.
    Bundles,
}

/// What a caller is, at one time.
pub(super) struct Known {
    pub(super) grants: Vec<Grant>,
    pub(super) own: Arc<TrustBundle>,
    pub(super) federated: Vec<Arc<TrustBundle>>,
    pub(super) now: UnixTime,
}

impl Known {
    /// Whether what it may have is what it was.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        let bundles =
            |known: &Self| known.federated.iter().chain([&known.own]).map(Arc::as_ptr).collect::<Vec<_>>();
        bundles(self) == bundles(before)
            && self.grants.len() == before.grants.len()
            && self.grants.iter().zip(&before.grants).all(|(own, other)| own.offers_as(other))
    }

    /// The grants of this kind.
    pub(super) fn of(&self, kind: CredentialType) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.types().contains(kind))
    }
}

impl State {
    #[expect(clippy::too_many_arguments, reason = "the builder has a name for each")]
    pub(super) fn new(
        authority: Arc<Authority>,
        entries: Entries,
        provisioner: Provisioner,
        federated: Arc<dyn BundleSource>,
        (backend, algorithm): (Backend, Algorithm),
        clock: Arc<dyn Clock>,
        limits: Limits,
        quota: Quota,
    ) -> Self {
        Self {
            authority,
            provisioner,
            federated,
            backend,
            algorithm,
            clock: ClockOf(clock),
            limits,
            quota,
            entries: watch::Sender::new(Arc::new(entries)),
            bundles: watch::Sender::new(0),
            sessions: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            issued: Default::default(),
            refused: Mutex::default(),
            unmet: Mutex::default(),
            last_error: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Result<UnixTime, Status> {
        self.clock.0.unix_time().map_err(|error| {
            self.refused(error.code());
            Status::unavailable("the clock is not set")
        })
    }

    pub(super) fn changes(&self) -> Changes {
        Changes { entries: self.entries.subscribe(), bundles: self.bundles.subscribe() }
    }

    pub(super) fn set_entries(&self, entries: Entries) {
        self.entries.send_replace(Arc::new(entries));
    }

    pub(super) fn bundles_changed(&self) {
        self.bundles.send_modify(|count| *count += 1);
    }

    /// Finds out who calls and what it may have. ATT-42: each time anew, and nothing is remembered from when it connected.
    pub(super) async fn known(
        &self,
        caller: &Caller,
        phase: Phase,
        purpose: Purpose,
    ) -> Result<Known, Status> {
        let now = self.now()?;
        let appraisals = self.appraise(caller, now, |own| own).await?;
        self.decide(&appraisals, phase, purpose, now).map_err(|error| self.denied(error.code()))
    }

    /// What there is to know of a caller, and what `more` makes of it; both may block.
    pub(super) async fn appraise(
        &self,
        caller: &Caller,
        now: UnixTime,
        more: impl FnOnce(Vec<Appraisal>) -> Vec<Appraisal> + Send + 'static,
    ) -> Result<Vec<Appraisal>, Status> {
        let attested = Arc::clone(caller.attested());
        let turn = self.quota.appraisals(&attested.account()).acquire_owned().await;
        let turn = turn.map_err(|_| self.denied("attestor_failed"))?;
        let appraised = tokio::task::spawn_blocking(move || {
            let appraised = attested.appraise(now).map(more);
            // Whoever asked may be gone; the turn is over when the work is.
            drop(turn);
            appraised
        });
        match appraised.await {
            Ok(Ok(appraisals)) => Ok(appraisals),
            Ok(Err(error)) if error.is_unavailable() => {
                self.refused(error.code());
                Err(Status::unavailable("the caller cannot be looked at now"))
            }
            Ok(Err(error)) => Err(self.denied(error.code())),
            Err(_) => Err(self.denied("attestor_failed")),
        }
    }

    /// What whoever these are about may have.
    pub(super) fn decide(
        &self,
        appraisals: &[Appraisal],
        phase: Phase,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<Known, NoGrant> {
        let entries = Arc::clone(&self.entries.borrow());
        let unproven = match purpose {
            Purpose::Bundles => self.provisioner.unproven(&entries, appraisals, phase, now),
            Purpose::Credentials => Vec::new(),
        };
        let grants = match self.provisioner.decide(&entries, appraisals, phase, now) {
            Err(_) if !unproven.is_empty() => Vec::new(),
            Err(error) => {
                if let NoGrant::Evidence(unmet) = &error {
                    unmet.clone_into(&mut self.unmet.lock().unwrap_or_else(PoisonError::into_inner));
                }
                return Err(error);
            }
            Ok(grants) => grants,
        };
        let mut origins: Vec<&Origin> =
            grants.iter().map(Grant::entry).chain(unproven).flat_map(Entry::federates_with).collect();
        origins.sort_by_key(|origin| origin.as_str());
        origins.dedup();
        let bundle = |origin: &&Origin| {
            self.federated.bundle(origin.as_str()).filter(|found| found.origin() == *origin)
        };
        let federated = origins.iter().filter_map(bundle).collect();
        Ok(Known { own: self.authority.trust_bundle(), federated, grants, now })
    }

    /// ATT-42: whether it is still who it was, right before anything leaves.
    pub(super) fn check(&self, caller: &Caller) -> Result<(), Status> {
        caller.attested().check().map_err(|error| {
            if error.is_unavailable() {
                self.refused(error.code());
                return Status::unavailable("the caller cannot be looked at now");
            }
            self.denied(error.code())
        })
    }

    /// WA-9: all that a caller learns.
    pub(super) fn denied(&self, code: &'static str) -> Status {
        self.refused(code);
        Status::permission_denied("no identity issued")
    }

    pub(super) fn refused(&self, code: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    pub(super) fn issued(&self, kind: CredentialType) {
        let [jwt, wit, x509] = &self.issued;
        let counter = match kind {
            CredentialType::Jwt => jwt,
            CredentialType::Wit => wit,
            _ => x509,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_last_error(&self, code: Option<&'static str>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = code;
    }

    pub(super) fn status(&self) -> ServerStatus {
        let [jwt, wit, x509] = &self.issued;
        let issued = [("jwt", jwt), ("wit", wit), ("x509", x509)];
        ServerStatus {
            connections: self.connections.load(Ordering::Acquire),
            streams: self.streams.load(Ordering::Acquire),
            issued: issued.into_iter().map(|(name, count)| (name, count.load(Ordering::Relaxed))).collect(),
            refused: self
                .refused
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .map(|(k, v)| (*k, *v))
                .collect(),
            unmet: self.unmet.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            entries: self.entries.borrow().len(),
            sequence: self.authority.trust_bundle().sequence(),
            next_step: Some(self.authority.next_step()),
            last_error: *self.last_error.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
