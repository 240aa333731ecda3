//! An authorization server, made for a test: real tokens, real proofs, no check weakened.

mod about;
mod authorize;
mod backchannel;
mod builder;
mod endpoint;
mod state;
mod token;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl, Post, PostRequest, Posted};
use aims_jose::JwkSet;
use aims_keys::{Backend, BoxFuture, Clock, UnixTime};
use aims_oauth::{
    AccessTokenIssuer, AccessTokenVerifier, ClaimTranscriber, ClientAuthenticator, DpopVerifier, GrantIssuer,
    GrantVerifier, IdTokenIssuer, IntrospectionSigner, Issuer, Resource, Scope, ServerMetadata,
    TrustedIssuer,
};

pub use self::builder::TestAuthorizationServerBuilder;
pub use self::endpoint::TestAnswer;
use self::state::State;

/// An authorization server in memory, with the code of `aims-oauth` behind each of its endpoints: metadata and keys, pushed requests, users asked elsewhere, and tokens for
/// client credentials, codes, refresh tokens, exchanges and grants of other domains. Clones are the same server.
///
/// It is a [`Post`] and a [`Fetch`] for its own URLs, so that a `TokenClient` can ask it without a socket; [`answer`](Self::answer) is for programs that serve it.
/// What it has not is a page for users: [`approve`](Self::approve) does what a browser does in which the user agrees, and
/// [`decide`](Self::decide) what a user does who is asked elsewhere. A refusal says why in its `error_description`, which a client finds in
/// [`ErrorResponse::description`](aims_oauth::ErrorResponse::description).
///
/// What is exchanged for a token has its scope or less, also where it is for another resource: name the scope of an inner tool as the outer one does.
///
/// ```
/// use aims_keys::{UnixTime, backend};
/// use aims_testkit::{TestAuthorizationServer, TestClock};
///
/// let clock = TestClock::at(UnixTime::from_secs(1_790_000_000));
/// let server = TestAuthorizationServer::builder("https://as.example", clock.reader()).resource("https://tools.example/v1", "trips:read trips:book").build();
/// assert_eq!(server.metadata().issuer().as_str(), "https://as.example");
/// ```
#[derive(Clone)]
pub struct TestAuthorizationServer(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    backend: Backend,
    metadata: ServerMetadata,
    keys: JwkSet,
    clients: Vec<builder::Client>,
    resources: Vec<(Resource, Scope)>,
    authenticator: ClientAuthenticator,
    dpop: DpopVerifier,
    tokens: AccessTokenIssuer,
    /// Of all its resources.
    verifier: AccessTokenVerifier,
    grants: GrantIssuer,
    introspection: IntrospectionSigner,
    id_tokens: IdTokenIssuer,
    foreign: GrantVerifier,
    targets: Box<dyn ClaimTranscriber>,
    poll_interval: Option<Duration>,
    names_actors: bool,
    state: Mutex<State>,
}

impl TestAuthorizationServer {
    /// A server with this issuer identifier, such as `https://as.example`, whose time is that of the clock.
    ///
    /// # Panics
    ///
    /// When the text is not an issuer identifier.
    pub fn builder(issuer: &str, clock: impl Clock + 'static) -> TestAuthorizationServerBuilder {
        TestAuthorizationServerBuilder::new(issuer, Arc::new(clock))
    }

    /// Its identifier.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        self.0.metadata.issuer()
    }

    /// What it says of itself.
    #[must_use]
    pub fn metadata(&self) -> &ServerMetadata {
        &self.0.metadata
    }

    /// What a resource server trusts that trusts this server.
    #[must_use]
    pub fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer::new(self.issuer().clone(), self.0.keys.clone())
    }

    /// What was asked of it since the last look: paths.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }

    /// A clock that was never set has every token be expired.
    fn now(&self) -> UnixTime {
        self.0.clock.unix_time().unwrap_or(UnixTime::from_secs(u64::MAX / 2))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scope_of(&self, resource: &Resource) -> Option<&Scope> {
        self.0.resources.iter().find(|(known, _)| known == resource).map(|(_, scope)| scope)
    }

    /// What is behind the host and the port; nothing, where another server answers.
    fn path<'u>(&self, url: &'u HttpsUrl) -> Option<&'u str> {
        (url.authority() == self.issuer().as_url().authority()).then(|| url.path())
    }
}

impl Fetch for TestAuthorizationServer {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let url = request.url();
        let fetched = match self.path(url).map(|path| self.answer("GET", path, &[], b"")) {
            None => Err(FetchError::Unreachable),
            Some(answer) if answer.status() != 200 => Err(FetchError::Status(answer.status())),
            Some(answer) if answer.body().len() > request.longest() => Err(FetchError::TooLarge),
            Some(answer) => Ok(Fetched::new(url.clone(), answer.content_type(), answer.body().to_vec())),
        };
        Box::pin(std::future::ready(fetched))
    }
}

impl Post for TestAuthorizationServer {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        let sent = request.fields().iter().map(|(name, value)| (*name, value.as_bytes()));
        let fields: Vec<_> = sent.chain([("accept", request.accepted().as_bytes())]).collect();
        let body = request.body().as_bytes();
        let answer = self.path(request.url()).map(|path| self.answer("POST", path, &fields, body));
        let posted = answer.ok_or(FetchError::Unreachable).map(|answer| {
            let posted = Posted::new(answer.status(), answer.content_type(), answer.body().to_vec());
            let kept = answer.fields().iter().filter(|(name, _)| request.kept().contains(name));
            kept.fold(posted, |posted, (name, value)| posted.with_field(name, value.as_bytes()))
        });
        Box::pin(std::future::ready(posted))
    }
}

/// Shows the issuer.
impl fmt::Debug for TestAuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestAuthorizationServer").field("issuer", self.issuer()).finish_non_exhaustive()
    }
}
