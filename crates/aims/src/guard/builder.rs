//! How a guard is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSource, CredentialSource, MarkTable, Marks, ReplayStore, WitCache, WitVerifier};
use aims_keys::{Backend, Clock, SystemClock, backend};
#[cfg(feature = "mtls")]
use aims_proof::ForwardedVerifier;
use aims_proof::{Audiences, ReplayMemory, SignatureVerifier, WptProfile, WptVerifier};

use super::accept::Accept;
#[cfg(feature = "oauth")]
use super::tokens::Tokens;
#[cfg(feature = "oauth")]
use super::ways;
use super::{Guard, GuardError, Inner, Signs};
use crate::decide::Decide;
use crate::record::{JsonLines, Recorder};

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
    /// `None`: nothing was said.
    accept: Option<Accept>,
    max_content: usize,
    signs: Option<Signs>,
    /// Besides, whatever else is: kept apart until it is built, so that the order of the options makes no difference.
    #[cfg(feature = "mtls")]
    accepts_connections: bool,
    #[cfg(feature = "mtls")]
    proxies: Option<ForwardedVerifier>,
    #[cfg(feature = "oauth")]
    resource: Option<aims_oauth::ResourceServer>,
}

impl GuardBuilder {
    pub(super) fn new(
        audiences: Audiences,
        trust: impl BundleSource + 'static,
        callers: impl Decide + 'static,
    ) -> Self {
        Self {
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
            accept: None,
            max_content: MAX_CONTENT,
            signs: None,
            #[cfg(feature = "mtls")]
            accepts_connections: false,
            #[cfg(feature = "mtls")]
            proxies: None,
            #[cfg(feature = "oauth")]
            resource: None,
        }
    }

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

    /// Takes these proofs, and no others, unless a route is told [otherwise](Guard::accepting); beside `accept_connections`, before or after, that is one alternative more.
    /// Default: a Workload Proof Token, or a message signature; where [access tokens](Self::access_tokens) are wanted, a message signature.
    pub fn accept(mut self, accept: Accept) -> Self {
        self.accept = Some(accept);
        self
    }

    /// How much content of a signed request is held until it is verified, and of a response until it is signed. More is refused. Default: 1 MiB.
    pub fn max_content(mut self, bytes: usize) -> Self {
        self.max_content = bytes;
        self
    }

    /// Wants an access token in every request, in `Authorization`, beside a message signature that covers it or a connection by mutual TLS: it says for whom the
    /// caller acts, and what it may do (D7, D8). The caller must be the one that the token was given to.
    ///
    /// Without [`Accept`] for something else, this guard takes message signatures: a Workload Proof Token has the same place in a request as an access token.
    /// `Accept::dpop` is for callers that have nothing but a token. Of the ways in which the resource takes tokens, those count that the proofs lead to: a guard that takes
    /// nothing but `Accept::dpop` asks nobody for a token by `Bearer`.
    ///
    /// The guard also [answers](Guard::resource_metadata) whoever asks what it takes (RFC 9728), and says in every challenge where to ask. Its layer has to see such
    /// requests: where axum's routers are merged, the fallback of the one that is merged last is what answers them.
    #[cfg(feature = "oauth")]
    pub fn access_tokens(mut self, resource: aims_oauth::ResourceServer) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Signs the responses whose callers take no others, with the credential of this service (HSIG-21). Default: nothing is signed, and such callers
    /// are told so, with 501.
    pub fn sign_responses(mut self, source: impl CredentialSource + 'static) -> Self {
        self.signs = Some(Signs { source: Arc::new(source), always: false });
        self
    }

    /// Signs all responses to signed requests, with the credential of this service.
    pub fn sign_all_responses(mut self, source: impl CredentialSource + 'static) -> Self {
        self.signs = Some(Signs { source: Arc::new(source), always: true });
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
    /// request needs a proof of its own. It is one alternative more: [`Accept::connection`] alone is for a guard that takes nothing else.
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

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`GuardError`]: the settings contradict each other. One of the proofs that are accepted can never be met, the resource is at none of the guard's audiences, or it would say of itself
    /// what this guard does not do.
    pub fn build(self) -> Result<Guard, GuardError> {
        let accept = self.accepted();
        #[cfg(feature = "oauth")]
        if self.resource.is_none() {
            ways::check_without_tokens(&accept)?;
        }
        #[cfg(feature = "oauth")]
        let tokens = self.resource.map(|it| Tokens::new(it, &self.audiences, self.profile, &accept));
        #[cfg(feature = "oauth")]
        let tokens = tokens.transpose()?;
        let mut wits = WitVerifier::builder(self.trust, self.backend).marks(self.marks.clone());
        let replay = self.replay.unwrap_or_else(|| Arc::new(ReplayMemory::with_capacity(REMEMBERED_PROOFS)));
        let scheme = self.audiences.scheme();
        let mut signatures = SignatureVerifier::builder(self.audiences.clone(), Arc::clone(&replay));
        let mut wpt = WptVerifier::builder(self.audiences, replay).profile(self.profile);
        // The defaults are the verifiers' own, and so are the limits.
        if let Some(leeway) = self.leeway {
            (wits, wpt) = (wits.leeway(leeway), wpt.leeway(leeway));
            signatures = signatures.leeway(leeway);
        }
        if let Some(lifetime) = self.max_proof_lifetime {
            wpt = wpt.max_lifetime(lifetime);
            signatures = signatures.max_lifetime(lifetime);
        }
        if let Some(lifetime) = self.max_credential_lifetime {
            wits = wits.max_lifetime(lifetime);
        }
        for name in &self.context_fields {
            wpt = wpt.context_field(name);
            signatures = signatures.context_field(name);
        }
        let inner = Inner {
            accept,
            wits: WitCache::new(wits.build(), REMEMBERED_WITS),
            wpt: wpt.build(),
            signatures: signatures.build(),
            scheme,
            max_content: self.max_content,
            signs: self.signs,
            marks: self.marks,
            decide: self.decide,
            recorder: self.recorder,
            clock: self.clock,
            #[cfg(any(feature = "mtls", feature = "oauth"))]
            context_fields: self.context_fields,
            #[cfg(feature = "mtls")]
            proxies: self.proxies,
            #[cfg(feature = "oauth")]
            tokens,
        };
        Ok(Guard { inner: Arc::new(inner) })
    }

    /// What was said to be accepted, or else what leaves room for what is wanted besides.
    fn accepted(&self) -> Accept {
        #[cfg(feature = "oauth")]
        let wants_tokens = self.resource.is_some();
        #[cfg(not(feature = "oauth"))]
        let wants_tokens = false;
        let default =
            || if wants_tokens { Accept::signature() } else { Accept::wpt().or(Accept::signature()) };
        let accept = self.accept.clone().unwrap_or_else(default);
        #[cfg(feature = "mtls")]
        if self.accepts_connections {
            return accept.or(Accept::connection());
        }
        accept
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

/// 1 MiB.
const MAX_CONTENT: usize = 1024 * 1024;
