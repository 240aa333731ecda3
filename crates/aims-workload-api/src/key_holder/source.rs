//! Credentials for keys of one's own, kept current.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{CredentialSource, Holder};
use aims_id::SpiffeId;
use aims_keys::{AsyncSigner, Clock, SignError, SystemClock, UnixTime};
use aims_provision::{CollectError, EvidenceSource, Rotation};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{IssuedForKey, KeyHolderApi, KeyHolderError, KeyRequest};
use crate::random::random;
use crate::source::{Choice, Slot, StreamStatus};
use crate::{WorkloadApiError, WorkloadIdentity};

/// Makes a key for the next credential: in memory, in a device, in a service. It may block for a while; it is called on a thread of its own.
type MakeKey = dyn Fn() -> Result<Arc<dyn AsyncSigner>, SignError> + Send + Sync;

/// Is told what went wrong.
type Tell = dyn Fn(&KeyHolderError) + Send + Sync;

/// The credentials of a workload that keeps its own keys: renewed at half their life, each time for a fresh key. A key that was made is used until
/// there is a credential for it, however many attempts that takes.
///
/// ```no_run
/// use std::sync::Arc;
/// use aims_keys::{Algorithm, AsyncSigner, SignError, SoftwareKey, backend};
/// use aims_workload_api::{Endpoint, HeldKeySource, KeyHolderApi};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let api = KeyHolderApi::new(&Endpoint::from_env()?, "spiffe://acme.example", backend::ring());
/// let make = || {
///     let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).map_err(|_| SignError::Backend)?;
///     Ok(Arc::new(key) as Arc<dyn AsyncSigner>)
/// };
/// let source = HeldKeySource::builder(api, make).start().await?;
/// let (identity, wit) = (source.x509(), source.wit());
/// # let _ = (identity, wit);
/// # Ok(()) }
/// ```
pub struct HeldKeySource {
    x509: Arc<Slot>,
    wit: Arc<Slot>,
    status: watch::Receiver<Status>,
    /// So that [`changed`](Self::changed) waits where renewal has ended.
    _sender: watch::Sender<Status>,
    /// Ended when this is dropped.
    _renewal: JoinSet<()>,
}

#[derive(Clone, Debug)]
struct Status {
    stream: StreamStatus,
    error: Option<KeyHolderError>,
}

impl HeldKeySource {
    /// Gets credentials from `api` for keys that `make` makes.
    pub fn builder(
        api: KeyHolderApi,
        make: impl Fn() -> Result<Arc<dyn AsyncSigner>, SignError> + Send + Sync + 'static,
    ) -> HeldKeySourceBuilder {
        HeldKeySourceBuilder {
            api,
            make: Arc::new(make),
            id: None,
            types: Vec::new(),
            join_token: None,
            evidence: None,
            on_failure: Arc::new(|_| ()),
            clock: Arc::new(SystemClock::default()),
            ready_within: Duration::from_secs(30),
        }
    }

    /// The current certificate, if certificates are granted.
    #[must_use]
    pub fn x509(&self) -> Arc<dyn CredentialSource> {
        Arc::<Slot>::clone(&self.x509)
    }

    /// The current WIT, if WITs are granted.
    #[must_use]
    pub fn wit(&self) -> Arc<dyn CredentialSource> {
        Arc::<Slot>::clone(&self.wit)
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> StreamStatus {
        self.status.borrow().stream.clone()
    }

    /// What went wrong last, since it last went well.
    #[must_use]
    pub fn last_error(&self) -> Option<KeyHolderError> {
        self.status.borrow().error.clone()
    }

    /// Waits until the status is another one, and returns it.
    pub async fn changed(&mut self) -> StreamStatus {
        // The sender lives as long as this value does.
        let _ = self.status.changed().await;
        self.status.borrow_and_update().stream.clone()
    }
}

impl fmt::Debug for HeldKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldKeySource").field("status", &self.status.borrow().stream).finish_non_exhaustive()
    }
}

/// Options of a [`HeldKeySource`].
#[must_use = "a builder does nothing until `start` is called"]
pub struct HeldKeySourceBuilder {
    api: KeyHolderApi,
    make: Arc<MakeKey>,
    id: Option<SpiffeId>,
    /// All when empty.
    types: Vec<&'static str>,
    join_token: Option<String>,
    evidence: Option<Arc<dyn EvidenceSource>>,
    on_failure: Arc<Tell>,
    clock: Arc<dyn Clock>,
    ready_within: Duration,
}

impl HeldKeySourceBuilder {
    /// Takes this identity, where the workload has several. Default: the first one it is given, and that one for life.
    pub fn id(mut self, id: SpiffeId) -> Self {
        self.id = Some(id);
        self
    }

    /// Takes WITs alone. Default: WITs and certificates, both for one key.
    ///
    /// Two sources, one of each, have a key for each credential (CRD-9): what signs handshakes then never signs proofs. Each keeps renewing by itself, and off the host each begins
    /// with a join token of its own.
    pub fn wit_only(mut self) -> Self {
        self.types = vec![super::WIT];
        self
    }

    /// Takes certificates alone, and asks for them by certificate requests. As with [`wit_only`](Self::wit_only).
    pub fn x509_only(mut self) -> Self {
        self.types = vec![super::X509];
        self
    }

    /// Begins with a join token. Afterwards the key that was used last shows who it is; so it does where the token was used up and the answer lost.
    pub fn join_token(mut self, token: impl Into<String>) -> Self {
        self.join_token = Some(token.into());
        self
    }

    /// Brings what this collects, each time that a credential is asked for.
    pub fn evidence(mut self, source: impl EvidenceSource + 'static) -> Self {
        self.evidence = Some(Arc::new(source));
        self
    }

    /// What is told of each attempt that failed, for logs and metrics, while [`start`](Self::start) waits, too: within the task that renews, so it must not block. Default: nothing.
    pub fn on_failure(mut self, tell: impl Fn(&KeyHolderError) + Send + Sync + 'static) -> Self {
        self.on_failure = Arc::new(tell);
        self
    }

    /// The time. Default: the system's.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long [`start`](Self::start) waits for the first credentials. Default: 30 s.
    pub fn ready_within(mut self, timeout: Duration) -> Self {
        self.ready_within = timeout;
        self
    }

    /// Begins, and waits until there are credentials.
    ///
    /// It does not wait for what asking again does not mend: there is no such service, or it refuses the request as such, twice in a row
    /// ([`WorkloadApiError::InvalidArgument`]): it is called by another name, for instance.
    ///
    /// # Errors
    ///
    /// [`KeyHolderError`]: what kept it from beginning.
    pub async fn start(self) -> Result<HeldKeySource, KeyHolderError> {
        let choice = self.id.clone().map_or(Choice::First, Choice::Id);
        let (x509, wit) = (Slot::new(&self.clock, &choice), Slot::new(&self.clock, &choice));
        let (sender, status) = watch::channel(Status { stream: StreamStatus::begins(), error: None });
        let ready_within = self.ready_within;
        let renewal = Renewal {
            api: self.api,
            make: self.make,
            id: self.id,
            types: self.types,
            join_token: self.join_token,
            evidence: self.evidence,
            on_failure: self.on_failure,
            clock: self.clock,
            slots: (Arc::clone(&x509), Arc::clone(&wit)),
            status: sender.clone(),
            rotation: Rotation::new(),
            updates: 0,
            refused: 0,
            previous: None,
            next: None,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(watched(renewal, sender.clone()));
        let mut source = HeldKeySource { x509, wit, status, _sender: sender, _renewal: tasks };
        let ready = async {
            loop {
                let Status { stream, error } = source.status.borrow().clone();
                match error {
                    _ if stream.updates > 0 => return Ok(()),
                    Some(error) if stream.next_attempt.is_none() => return Err(error),
                    _ => source.changed().await,
                };
            }
        };
        match timeout(ready_within, ready).await {
            Ok(ready) => ready.map(|()| source),
            Err(_) => Err(source.last_error().unwrap_or(WorkloadApiError::TimedOut.into())),
        }
    }
}

impl fmt::Debug for HeldKeySourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldKeySourceBuilder")
            .field("api", &self.api)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Signers, sources of evidence and clocks are foreign code: where one panics, that is told, as the end of renewal is.
async fn watched(renewal: Renewal, status: watch::Sender<Status>) {
    let mut task = JoinSet::new();
    task.spawn(renewal.run());
    if task.join_next().await.is_some_and(|ended| ended.is_err()) {
        status.send_modify(|status| {
            status.stream.next_attempt = None;
            status.error = Some(KeyHolderError::Evidence(CollectError::Failed("panicked")));
        });
    }
}

/// Asks, and asks again.
struct Renewal {
    api: KeyHolderApi,
    make: Arc<MakeKey>,
    id: Option<SpiffeId>,
    /// All when empty.
    types: Vec<&'static str>,
    join_token: Option<String>,
    evidence: Option<Arc<dyn EvidenceSource>>,
    on_failure: Arc<Tell>,
    clock: Arc<dyn Clock>,
    slots: (Arc<Slot>, Arc<Slot>),
    status: watch::Sender<Status>,
    rotation: Rotation,
    updates: u64,
    /// How often in a row the service refused the request as such.
    refused: u32,
    /// The key that was used last.
    previous: Option<Arc<dyn AsyncSigner>>,
    /// The key that is to be used next. It stays the same until there is a credential for it: where an answer was lost, the server knows it.
    next: Option<Arc<dyn AsyncSigner>>,
}

impl Renewal {
    async fn run(mut self) {
        loop {
            let now = self.now();
            let error = match self.once(now).await {
                Ok(not_after) => {
                    (self.updates, self.refused) = (self.updates + 1, 0);
                    self.rotation.issued(now, not_after, random());
                    None
                }
                Err(error) => {
                    if error == KeyHolderError::Api(WorkloadApiError::PermissionDenied) {
                        self.slots.0.withdraw();
                        self.slots.1.withdraw();
                        self.rotation.withdrawn(now, random());
                    } else {
                        self.rotation.failed(now, random());
                    }
                    let is_refused = error == KeyHolderError::Api(WorkloadApiError::InvalidArgument);
                    self.refused = if is_refused { self.refused + 1 } else { 0 };
                    // Who tells may panic, where nobody reads what it prints: renewal goes on.
                    let _ = panic::catch_unwind(AssertUnwindSafe(|| (self.on_failure)(&error)));
                    Some(error)
                }
            };
            let ends = error.as_ref().is_some_and(|error| self.is_hopeless(error));
            self.report(error, ends);
            if ends {
                return;
            }
            while !self.rotation.due(self.now()) {
                sleep(self.rotation.wait(self.now()).max(Duration::from_millis(100))).await;
            }
        }
    }

    /// When what was issued ends.
    async fn once(&mut self, now: UnixTime) -> Result<UnixTime, KeyHolderError> {
        let (key, is_known) = match &self.next {
            Some(key) => (Arc::clone(key), true),
            None => (self.make().await.map_err(KeyHolderError::Sign)?, false),
        };
        self.next = Some(Arc::clone(&key));
        let issued = self.ask(&key, is_known, now).await.inspect_err(|error| {
            // A key that never signs is none.
            if matches!(error, KeyHolderError::Sign(error) if !may_sign_later(error)) {
                self.next = None;
            }
        })?;
        self.next = None;
        // It was good for once.
        self.join_token = None;
        self.previous = Some(key);
        // AIMS-4: the first one for life, whichever is the first of several by then.
        let subject = issued.wit.iter().chain(&issued.x509).map(|holder| holder.subject().clone()).next();
        self.id = self.id.take().or_else(|| SpiffeId::try_from(subject?).ok());
        let hint = issued.hint;
        let place = |slot: &Slot, holder: Option<Holder>| {
            let holder = holder.map(|holder| WorkloadIdentity { holder, hint: hint.clone() });
            slot.replace(holder.as_slice())
        };
        let placed = [place(&self.slots.0, issued.x509), place(&self.slots.1, issued.wit)];
        // It is another workload now, which this one does not become.
        let ends = placed.iter().flatten().map(Holder::not_after).min();
        ends.ok_or(KeyHolderError::Api(WorkloadApiError::PermissionDenied))
    }

    async fn make(&self) -> Result<Arc<dyn AsyncSigner>, SignError> {
        let make = Arc::clone(&self.make);
        tokio::task::spawn_blocking(move || make()).await.unwrap_or(Err(SignError::Backend))
    }

    /// Asks for credentials for `key`, which the server may know from an attempt before this one.
    async fn ask(
        &self,
        key: &Arc<dyn AsyncSigner>,
        is_known: bool,
        now: UnixTime,
    ) -> Result<IssuedForKey, KeyHolderError> {
        let asked = KeyRequest {
            spiffe_id: self.id.clone(),
            types: self.types.clone(),
            join_token: self.join_token.clone(),
            previous: self.previous.clone(),
            evidence: self.evidence.clone(),
        };
        let has_token = asked.join_token.is_some();
        match self.api.issue(key, &asked, now).await {
            // The token may have been used up by this key, and the answer lost: it goes on as any key that has joined.
            Err(KeyHolderError::Api(WorkloadApiError::PermissionDenied)) if has_token && is_known => {
                let asked = KeyRequest { join_token: None, previous: Some(Arc::clone(key)), ..asked };
                self.api.issue(key, &asked, now).await
            }
            outcome => outcome,
        }
    }

    /// A request that was refused once is made anew, since its challenge may have ended on the way; and one like those that were granted may be again, whatever else is on the socket
    /// meanwhile.
    fn is_hopeless(&self, error: &KeyHolderError) -> bool {
        let is_elsewhere = matches!(
            error,
            KeyHolderError::Api(WorkloadApiError::Endpoint(_) | WorkloadApiError::Unimplemented)
        );
        self.updates == 0 && (is_elsewhere || self.refused > 1)
    }

    fn now(&self) -> UnixTime {
        self.clock.unix_time().unwrap_or(UnixTime::EPOCH)
    }

    fn report(&self, error: Option<KeyHolderError>, ends: bool) {
        let stream = StreamStatus {
            state: self.rotation.state(self.now()),
            not_after: self.rotation.not_after(),
            next_attempt: (!ends).then(|| self.rotation.next()),
            updates: self.updates,
            last_error: error.clone().and_then(|error| match error {
                KeyHolderError::Api(error) => Some(error),
                _ => None,
            }),
        };
        self.status.send_replace(Status { stream, error });
    }
}

/// Whether the device of a key is busy, away or locked, and the key still in it.
fn may_sign_later(error: &SignError) -> bool {
    matches!(
        error,
        SignError::AuthFailed
            | SignError::AuthRequired
            | SignError::Busy { .. }
            | SignError::DeviceGone
            | SignError::LockedOut
    )
}
