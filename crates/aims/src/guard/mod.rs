//! Protecting a service.

mod admitted;
mod panics;
mod response;
mod service;
#[cfg(feature = "mtls")]
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_credential::{BundleSource, MarkTable, Marks, ReplayStore, WitCache, WitVerifier};
use aims_keys::{Backend, UnixTime, backend};
use aims_proof::{Audiences, Authenticated, ReplayMemory, WptProfile, WptVerifier};
#[cfg(feature = "mtls")]
use aims_proof::{ForwardedError, ForwardedVerifier};
use http::request::Parts;

use self::panics::{caught, caught_future};
use crate::decide::{Decide, Decision, Question};
use crate::permit::{Authorized, Permit};
use crate::record::{JsonLines, Outcome, Record, RecordError, Recorder, TraceParent};
use aims_keys::{Clock, SystemClock};

pub(crate) use self::admitted::Admitted;
pub use self::response::Refusal;
pub use self::service::{GuardBody, GuardFuture, GuardLayer, GuardService};

/// Protects a service: who calls is verified, decided upon and recorded before a handler runs.
///
/// As a tower layer ([`layer`](Self::layer)) it works with axum, tonic and any other service of `http` requests;
/// [`admit`](Self::admit) is the same without tower. It belongs outside whatever rewrites paths, a nested router for one:
/// the proof is for the path that the caller asked for. Cloning is cheap, and clones share their memory of used proofs.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

pub(crate) struct Inner {
    wits: WitCache,
    wpt: WptVerifier,
    marks: Arc<dyn Marks>,
    decide: Arc<dyn Decide>,
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "mtls")]
    accepts_connections: bool,
    #[cfg(feature = "mtls")]
    context_fields: Vec<String>,
    #[cfg(feature = "mtls")]
    proxies: Option<ForwardedVerifier>,
}

impl Guard {
    /// Starts from what has no safe default: who the service is, whom it trusts, and who may call.
    ///
    /// ```
    /// use aims::{Audiences, BundleSet, Callers, Guard, TrustBundle, backend};
    ///
    /// # let jwks = r#"{"keys":[]}"#;
    /// let trust = TrustBundle::from_jwks("spiffe://acme.example".parse()?, jwks, backend::ring())?;
    /// let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    /// let guard = Guard::builder(Audiences::http("https://tools.example")?, BundleSet::from(trust), callers).build();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(
        audiences: Audiences,
        trust: impl BundleSource + 'static,
        callers: impl Decide + 'static,
    ) -> GuardBuilder {
        GuardBuilder {
            audiences,
            trust: Arc::new(trust),
            decide: Arc::new(callers),
            marks: Arc::new(MarkTable::with_capacity(0)),
            recorder: Arc::new(JsonLines::stderr()),
            replay: None,
            clock: Arc::new(SystemClock::default()),
            backend: backend::ring(),
            leeway: None,
            max_proof_lifetime: None,
            max_credential_lifetime: None,
            context_fields: Vec::new(),
            profile: WptProfile::Wpt02,
            #[cfg(feature = "mtls")]
            accepts_connections: false,
            #[cfg(feature = "mtls")]
            proxies: None,
        }
    }

    /// This guard as a tower layer.
    #[must_use]
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone())
    }

    /// Verifies, decides and records one request, by its head.
    ///
    /// What the request authenticated with is still in the head. It goes no further: the [layer](Self::layer) takes it out
    /// before the handler, and who uses this instead does the same (AIMS-43).
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what the caller is told, and for the service the exact code. It has been recorded.
    pub async fn admit(&self, head: &Parts) -> Result<Permit, Refusal> {
        let guard = &*self.0;
        // Without its clock a service can verify nothing; the record has the system's time then.
        let clock = caught(|| guard.clock.now());
        let mut asked = Asked::new(head, clock.unwrap_or_else(SystemTime::now));
        if clock.is_none() {
            let refusal = Refusal::unavailable("clock_failed", "ARCH-3");
            return Err(guard.refuse(&asked, None, refusal).await);
        }
        let now = match UnixTime::try_from(asked.time) {
            Ok(now) => now,
            Err(error) => {
                let refusal = Refusal::unavailable(error.code(), error.rule());
                return Err(guard.refuse(&asked, None, refusal).await);
            }
        };
        #[cfg(feature = "mtls")]
        match guard.other_end(head, now) {
            Ok(transport) => asked.transport = transport,
            Err(refusal) => return Err(guard.refuse(&asked, None, refusal).await),
        }
        let caller = match guard.authenticate(head, &mut asked, now) {
            Ok(caller) => caller,
            Err(refusal) => return Err(guard.refuse(&asked, None, refusal).await),
        };

        let question = Question {
            caller: &caller,
            action: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            now,
            extensions: &head.extensions,
        };
        let Some(decision) = caught(|| guard.decide.decide(&question)) else {
            let refusal = Refusal::unavailable("policy_failed", "ARCH-3");
            return Err(guard.refuse(&asked, Some(&caller), refusal).await);
        };
        let record = asked.record(Some(&caller), Outcome::Decided(&decision));
        if let Decision::Deny { reason, .. } = &decision {
            guard.record_refusal(&record).await;
            return Err(Refusal::forbidden(reason.clone()));
        }
        let admitted =
            Admitted::new(caller.clone(), Arc::clone(&self.0), asked.transport.as_ref(), &head.extensions);
        let (authorized, identity) = Authorized::new(admitted, asked.trace);
        let recorded = caught_future(async { guard.recorder.permit(&record, authorized).await }).await;
        match recorded {
            Some(Ok(permit)) if identity.is(&permit) => Ok(permit),
            _ => Err(Refusal::unavailable(RecordError::new().code(), RecordError::new().rule())),
        }
    }
}

impl Inner {
    /// Who sent the request; by a proof, or, where the guard accepts that and the request has none, by its connection.
    fn authenticate(
        &self,
        head: &Parts,
        asked: &mut Asked<'_>,
        now: UnixTime,
    ) -> Result<Authenticated, Refusal> {
        #[cfg(feature = "mtls")]
        if self.accepts_connections
            && !transport::offers_proof(head, &self.context_fields)
            && let Some(peer) = asked.transport.take()
        {
            if self.is_proxy(&peer) {
                asked.transport = Some(peer);
                return Err(Refusal::unforwarded(&ForwardedError::Missing));
            }
            return Ok(peer);
        }
        #[cfg(not(feature = "mtls"))]
        let _ = asked;
        // Marks, bundles and replay memory are what the service brought.
        match caught(|| self.wpt.verify_http(&self.wits, &head.headers, head.uri.path(), now)) {
            Some(Ok(proof)) => Ok(Authenticated::by_wpt(&proof)),
            Some(Err(error)) => Err(Refusal::unauthenticated(&error)),
            None => Err(Refusal::unavailable("verifier_failed", "ARCH-3")),
        }
    }

    async fn refuse(&self, asked: &Asked<'_>, caller: Option<&Authenticated>, refusal: Refusal) -> Refusal {
        let outcome =
            Outcome::Refused { code: refusal.code(), rule: refusal.rule(), detail: refusal.detail() };
        self.record_refusal(&asked.record(caller, outcome)).await;
        refusal
    }

    /// The request is refused whether or not that can be written down.
    async fn record_refusal(&self, record: &Record<'_>) {
        let _ = caught_future(async { self.recorder.refuse(record).await }).await;
    }
}

/// Shows who is trusted and who may call, as far as their types do.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("decide", &self.0.decide)
            .field("recorder", &self.0.recorder)
            .finish_non_exhaustive()
    }
}

/// What is known of a request before anything of it is verified.
struct Asked<'a> {
    time: SystemTime,
    resource: &'a str,
    action: &'a str,
    trace: TraceParent,
    parent: Option<TraceParent>,
    transport: Option<Authenticated>,
}

impl<'a> Asked<'a> {
    fn new(head: &'a Parts, time: SystemTime) -> Self {
        let parent = trace_parent(head);
        let trace = parent.map_or_else(TraceParent::begin, |parent| parent.child());
        Self { time, resource: head.uri.path(), action: head.method.as_str(), trace, parent, transport: None }
    }

    fn record<'r>(&'r self, agent: Option<&'r Authenticated>, outcome: Outcome<'r>) -> Record<'r> {
        let Self { time, resource, action, trace, parent, .. } = *self;
        let transport = self.transport.as_ref();
        Record { time, agent, transport, resource, action, outcome, trace, parent }
    }
}

/// The caller's span; a field that is malformed or stands twice counts as none.
fn trace_parent(head: &Parts) -> Option<TraceParent> {
    let mut lines = head.headers.get_all("traceparent").iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    TraceParent::parse(line.to_str().ok()?).ok()
}

/// Options of a [`Guard`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct GuardBuilder {
    audiences: Audiences,
    trust: Arc<dyn BundleSource>,
    decide: Arc<dyn Decide>,
    marks: Arc<dyn Marks>,
    recorder: Arc<dyn Recorder>,
    replay: Option<Arc<dyn ReplayStore>>,
    clock: Arc<dyn Clock>,
    backend: Backend,
    leeway: Option<Duration>,
    max_proof_lifetime: Option<Duration>,
    max_credential_lifetime: Option<Duration>,
    context_fields: Vec<String>,
    profile: WptProfile,
    #[cfg(feature = "mtls")]
    accepts_connections: bool,
    #[cfg(feature = "mtls")]
    proxies: Option<ForwardedVerifier>,
}

impl GuardBuilder {
    /// Where it is known what was cut off before its time. Default: nothing is.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.marks = Arc::new(marks);
        self
    }

    /// Where records go. Default: [`JsonLines`] on standard error.
    pub fn recorder(mut self, recorder: impl Recorder + 'static) -> Self {
        self.recorder = Arc::new(recorder);
        self
    }

    /// Where used proofs are remembered. Default: the memory of this process, for 262,144 of them, which is full at a
    /// lasting rate of about 2,900 requests a second with proofs of a minute.
    pub fn replay(mut self, store: impl ReplayStore + 'static) -> Self {
        self.replay = Some(Arc::new(store));
        self
    }

    /// The source of the time. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The backend that callers' keys are loaded with. Default: *ring*.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 120 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// How far ahead the end of a proof may be. Default and maximum: 300 s.
    pub fn max_proof_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_proof_lifetime = Some(lifetime);
        self
    }

    /// The longest validity of a credential. Default and maximum: 24 h.
    pub fn max_credential_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_credential_lifetime = Some(lifetime);
        self
    }

    /// A field with a context token that the service relies on: where a request has it, the proof must cover it. Its value
    /// is then in [`VerifiedProof::context`](aims_proof::VerifiedProof::context) of the caller.
    pub fn context_field(mut self, name: impl Into<String>) -> Self {
        self.context_fields.push(name.into());
        self
    }

    /// Follows another revision of the proofs' draft than the current one, for callers that have not moved yet.
    pub fn profile(mut self, profile: WptProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Accepts callers that are known by their [`Connection`](crate::Connection) alone, where a request has no token, no proof, and
    /// nothing that only a proof binds: no transaction token, and no [context field](Self::context_field). Their proof reaches as far
    /// as the connection does, [`Layer::Transport`](aims_proof::Layer): no further than an intermediary that ends TLS. Default: every
    /// request needs a proof of its own.
    #[cfg(feature = "mtls")]
    pub fn accept_connections(mut self) -> Self {
        self.accepts_connections = true;
        self
    }

    /// Believes these proxies, which end TLS and prove by mutual TLS who they are, about whom they have at the other end. What they
    /// say stands in for the connection: it is recorded beside a caller with a proof of its own, and is the caller where
    /// [connections are accepted](Self::accept_connections). A proxy that names nobody is not the caller itself. Whoever is no proxy
    /// may write into the same fields what it likes; nobody reads it. Default: no proxies.
    #[cfg(feature = "mtls")]
    pub fn forwarded_by(mut self, proxies: ForwardedVerifier) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> Guard {
        let mut wits = WitVerifier::builder(self.trust, self.backend).marks(self.marks.clone());
        let replay = self.replay.unwrap_or_else(|| Arc::new(ReplayMemory::with_capacity(REMEMBERED_PROOFS)));
        let mut wpt = WptVerifier::builder(self.audiences, replay).profile(self.profile);
        // The defaults are the verifiers' own, and so are the limits.
        if let Some(leeway) = self.leeway {
            (wits, wpt) = (wits.leeway(leeway), wpt.leeway(leeway));
        }
        if let Some(lifetime) = self.max_proof_lifetime {
            wpt = wpt.max_lifetime(lifetime);
        }
        if let Some(lifetime) = self.max_credential_lifetime {
            wits = wits.max_lifetime(lifetime);
        }
        for name in &self.context_fields {
            wpt = wpt.context_field(name);
        }
        Guard(Arc::new(Inner {
            wits: WitCache::new(wits.build(), REMEMBERED_WITS),
            wpt: wpt.build(),
            marks: self.marks,
            decide: self.decide,
            recorder: self.recorder,
            clock: self.clock,
            #[cfg(feature = "mtls")]
            accepts_connections: self.accepts_connections,
            #[cfg(feature = "mtls")]
            context_fields: self.context_fields,
            #[cfg(feature = "mtls")]
            proxies: self.proxies,
        }))
    }
}

/// Shows the audiences, and who is trusted and may call, as far as their types do.
impl fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBuilder")
            .field("audiences", &self.audiences)
            .field("trust", &self.trust)
            .field("decide", &self.decide)
            .field("recorder", &self.recorder)
            .finish_non_exhaustive()
    }
}

const REMEMBERED_PROOFS: usize = 262_144;

const REMEMBERED_WITS: usize = 4096;
