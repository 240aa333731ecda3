//! Protecting a service.

mod response;
mod service;

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSource, MarkTable, Marks, ReplayError, ReplayStore, WitCache, WitVerifier};
use aims_keys::{Backend, UnixTime, backend};
use aims_proof::{Audiences, Authenticated, ProofError, ReplayMemory, WptError, WptVerifier};
use http::request::Parts;

use crate::clock::{Clock, SystemClock};
use crate::decide::{Decide, Decision, Question};
use crate::permit::{Authorized, Permit};
use crate::record::{JsonLines, Outcome, Record, Recorder, TraceParent};

pub use self::response::Refusal;
pub use self::service::{GuardBody, GuardFuture, GuardLayer, GuardService};

/// Protects a service: who calls is verified, decided upon and recorded before a handler runs.
///
/// As a tower layer ([`layer`](Self::layer)) it works with axum, tonic and any other service of `http` requests;
/// [`admit`](Self::admit) is the same without tower. Cloning is cheap, and clones share their memory of used proofs.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wits: WitCache,
    wpt: WptVerifier,
    marks: Arc<dyn Marks>,
    decide: Arc<dyn Decide>,
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    backend: Backend,
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
            clock: Arc::new(SystemClock),
            backend: backend::ring(),
            leeway: DEFAULT_LEEWAY,
        }
    }

    /// This guard as a tower layer.
    #[must_use]
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone())
    }

    /// Verifies, decides and records one request, by its head.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what the caller is told, and for the service the exact code. It has been recorded.
    pub async fn admit(&self, head: &Parts) -> Result<Permit, Refusal> {
        let guard = &*self.0;
        let time = guard.clock.now();
        let parent = trace_parent(head);
        let trace = match &parent {
            Some(parent) => parent.child(guard.backend),
            None => TraceParent::begin(guard.backend),
        };
        let mut record = Record {
            time,
            agent: None,
            resource: head.uri.path(),
            action: head.method.as_str(),
            outcome: Outcome::Refused { code: "no_randomness", rule: "JO-ALG-06" },
            trace: trace.map_err(|_| Refusal::unavailable("no_randomness", "JO-ALG-06"))?,
            parent,
        };

        let caller = match guard.authenticate(head, UnixTime::from(time)) {
            Ok(caller) => caller,
            Err(refusal) => return Err(guard.refuse(record, refusal).await),
        };
        let question = Question { caller: &caller, action: head.method.as_str(), path: head.uri.path() };
        let decision = guard.decide.decide(&question);
        record.agent = Some(&caller);
        record.outcome = Outcome::Decided(&decision);
        match &decision {
            Decision::Deny { .. } => {
                // The request is refused whether or not that can be written down.
                let _ = guard.recorder.refuse(&record).await;
                Err(Refusal::forbidden())
            }
            Decision::Permit { .. } => {
                let authorized = Authorized::new(caller.clone(), guard.clock.clone(), guard.marks.clone());
                guard
                    .recorder
                    .permit(&record, authorized)
                    .await
                    .map_err(|error| Refusal::unavailable(error.code(), error.rule()))
            }
        }
    }
}

impl Inner {
    fn authenticate(&self, head: &Parts, now: UnixTime) -> Result<Authenticated, Refusal> {
        let proof = self.wpt.verify_http(&self.wits, &head.headers, head.uri.path(), now)?;
        Ok(Authenticated::by_wpt(&proof))
    }

    async fn refuse(&self, mut record: Record<'_>, refusal: Refusal) -> Refusal {
        record.outcome = Outcome::Refused { code: refusal.code(), rule: refusal.rule() };
        // The request is refused whether or not that can be written down.
        let _ = self.recorder.refuse(&record).await;
        refusal
    }
}

/// The caller's span; a field that is malformed or stands twice counts as none.
fn trace_parent(head: &Parts) -> Option<TraceParent> {
    let mut lines = head.headers.get_all("traceparent").iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    TraceParent::parse(line.to_str().ok()?).ok()
}

/// Options of a [`Guard`].
#[derive(Clone, Debug)]
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
    leeway: Duration,
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
        self.leeway = leeway;
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> Guard {
        let wits = WitVerifier::builder(self.trust, self.backend)
            .marks(self.marks.clone())
            .leeway(self.leeway)
            .build();
        let replay = self.replay.unwrap_or_else(|| Arc::new(ReplayMemory::with_capacity(REMEMBERED_PROOFS)));
        let wpt = WptVerifier::builder(self.audiences, replay).leeway(self.leeway).build();
        Guard(Arc::new(Inner {
            wits: WitCache::new(wits, REMEMBERED_WITS),
            wpt,
            marks: self.marks,
            decide: self.decide,
            recorder: self.recorder,
            clock: self.clock,
            backend: self.backend,
        }))
    }
}

/// The one place where a failed check becomes what a caller is told.
impl From<ProofError> for Refusal {
    fn from(error: ProofError) -> Self {
        let (code, rule) = (error.code(), error.rule());
        match &error {
            ProofError::Wpt(WptError::Replay(ReplayError::Full | ReplayError::Unavailable)) => {
                Self::unavailable(code, rule)
            }
            _ => Self::unauthenticated(response::public_code(&error), error.status(), code, rule),
        }
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

const REMEMBERED_PROOFS: usize = 262_144;

const REMEMBERED_WITS: usize = 4096;
