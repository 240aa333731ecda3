//! The fetcher.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, Post, PostRequest, Posted};
use aims_keys::BoxFuture;
use aims_tls::TlsClient;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::address::IpNetwork;
use super::exchange::{Wanted, exchange, get, post};
use super::guard::Guard;
use super::resolve::{Resolve, SystemResolver};
use super::trust::{ServerTrust, WebTrust, WebTrustError};

/// Fetches documents over `https`, from the public network and what was allowed besides, and from nowhere else (FED-14).
///
/// Who decides about a URL may be a stranger; the fetcher stands inside. So it looks up the host itself, checks every address, and
/// connects to what it checked, not to the name again. Loopback, private, link-local and all other special addresses are refused, in
/// whatever they are embedded; so are ports other than 443. Redirects go through the same checks, by the same rules of TLS. No
/// cookies, credentials or client certificates are sent, nothing is decompressed, and nothing goes on beyond the limits.
///
/// What is [posted](Post) goes the same way, to one server and with what the request has, and is not led on.
///
/// Cloning is cheap, and clones share the bound on concurrent fetches. It needs a runtime of tokio with time and I/O.
#[derive(Clone)]
pub struct GuardedFetch {
    guard: Arc<Guard>,
    trust: ServerTrust,
    /// The same, with a certificate of our own, for what is posted.
    posts: Option<ServerTrust>,
    slots: Arc<Semaphore>,
    #[cfg(feature = "federation")]
    provider: Arc<CryptoProvider>,
    #[cfg(feature = "federation")]
    time: Arc<dyn TimeProvider>,
}

impl GuardedFetch {
    /// Starts from what has no safe default: which authorities vouch for servers, and rustls's crypto, such as
    /// `rustls::crypto::ring::default_provider()`.
    pub fn builder(trust: WebTrust, provider: Arc<CryptoProvider>) -> GuardedFetchBuilder {
        GuardedFetchBuilder {
            guard: Guard {
                resolver: Arc::new(SystemResolver),
                private_hosts: BTreeSet::new(),
                networks: Vec::new(),
                ports: BTreeSet::from([443]),
            },
            trust,
            provider,
            time: Arc::new(DefaultTimeProvider),
            concurrent: DEFAULT_CONCURRENT,
        }
    }

    /// The same guard, for servers that are verified as workloads by `client` in place of by host name. They still may be reached only
    /// where the guard allows; a redirect leads to the same workload.
    #[must_use]
    pub fn for_workload(&self, client: &TlsClient) -> Self {
        Self { trust: ServerTrust::workload(client), posts: None, ..self.clone() }
    }

    /// The same guard, with a certificate for whoever asks for one where something is [posted](Post): for clients that an authorization server knows by their
    /// certificate. `Identity` of `aims-tls` is one. It is shown to no server that a document is fetched from.
    #[must_use]
    pub fn with_identity(&self, identity: Arc<dyn ResolvesClientCert>) -> Self {
        Self { posts: Some(self.trust.with_identity(identity)), ..self.clone() }
    }

    /// Asks for what is at a URL, without anything that says who asks, and takes any answer: a resource says in its refusal where its metadata are. The body is not
    /// read, and no redirect is followed.
    ///
    /// # Errors
    ///
    /// [`FetchError`]: there is no answer.
    pub async fn look(&self, request: FetchRequest<'_>) -> Result<Posted, FetchError> {
        let look = async {
            let _slot = self.slot().await?;
            let url = request.url();
            let addresses = self.guard.addresses(url).await?;
            let answer =
                exchange(url, &addresses, &self.trust, get(url, &request)?, (Wanted::Fields, 0)).await?;
            let posted = Posted::new(answer.status, answer.content_type(), Vec::new());
            let kept = answer.kept(request.fields());
            Ok(kept.fold(posted, |posted, (name, line)| posted.with_field(name, line)))
        };
        timeout(request.time(), look).await.unwrap_or(Err(FetchError::Timeout))
    }

    #[cfg(feature = "federation")]
    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    #[cfg(feature = "federation")]
    pub(crate) fn time(&self) -> &Arc<dyn TimeProvider> {
        &self.time
    }

    async fn follow(&self, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
        let _slot = self.slot().await?;
        let mut url = request.url().clone();
        let mut redirects = request.redirects();
        loop {
            let addresses = self.guard.addresses(&url).await?;
            let asked = get(&url, request)?;
            let wanted = (Wanted::Document, request.longest());
            let answer = exchange(&url, &addresses, &self.trust, asked, wanted).await?;
            if let Some(target) = answer.redirect(&url)? {
                redirects = redirects.checked_sub(1).ok_or(FetchError::Redirects)?;
                url = target;
                continue;
            }
            let kept = answer.kept(request.fields());
            let fetched = Fetched::new(url, answer.content_type(), Vec::new());
            let fetched = kept.fold(fetched, |fetched, (name, line)| fetched.with_field(name, line));
            if !request.takes(fetched.media_type()) {
                return Err(FetchError::MediaType(fetched.media_type().map(ToOwned::to_owned)));
            }
            return Ok(fetched.with_body(answer.body));
        }
    }

    async fn send(&self, request: &PostRequest<'_>) -> Result<Posted, FetchError> {
        let _slot = self.slot().await?;
        let url = request.url();
        let addresses = self.guard.addresses(url).await?;
        let trust = self.posts.as_ref().unwrap_or(&self.trust);
        let wanted = (Wanted::Anything, request.longest());
        let answer = exchange(url, &addresses, trust, post(request)?, wanted).await?;
        // What was sent is for this server alone, and not for whoever it names.
        if answer.redirect(url)?.is_some() {
            return Err(FetchError::Redirects);
        }
        let kept = answer.kept(request.kept());
        let posted = Posted::new(answer.status, answer.content_type(), Vec::new());
        let posted = kept.fold(posted, |posted, (name, line)| posted.with_field(name, line));
        Ok(posted.with_body(answer.body))
    }

    async fn slot(&self) -> Result<SemaphorePermit<'_>, FetchError> {
        // INVARIANT: nobody closes it.
        self.slots.acquire().await.map_err(|_| FetchError::Timeout)
    }
}

impl Fetch for GuardedFetch {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            timeout(request.time(), self.follow(&request)).await.unwrap_or(Err(FetchError::Timeout))
        })
    }
}

impl Post for GuardedFetch {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        Box::pin(async move {
            timeout(request.time(), self.send(&request)).await.unwrap_or(Err(FetchError::Timeout))
        })
    }
}

/// Shows what is allowed.
impl fmt::Debug for GuardedFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFetch").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// Options of a [`GuardedFetch`]; each that allows something names what it allows.
#[must_use = "a builder does nothing until `build` is called"]
pub struct GuardedFetchBuilder {
    guard: Guard,
    trust: WebTrust,
    provider: Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    concurrent: usize,
}

impl GuardedFetchBuilder {
    /// Lets this host, as it is written in URLs, have private addresses: loopback, RFC 1918, shared (RFC 6598), unique local. Link-local
    /// ones, where clouds keep their secrets, are not among them.
    pub fn allow_private_host(mut self, host: impl Into<String>) -> Self {
        self.guard.private_hosts.insert(host.into());
        self
    }

    /// Lets every host have addresses in this network, whatever they are for; unspecified addresses and those of multicast and broadcast
    /// excepted.
    pub fn allow_network(mut self, network: IpNetwork) -> Self {
        self.guard.networks.push(network);
        self
    }

    /// Lets every host be reached on this port, too. Default: 443 alone.
    pub fn allow_port(mut self, port: u16) -> Self {
        self.guard.ports.insert(port);
        self
    }

    /// Who knows the addresses of hosts. Default: the operating system.
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.guard.resolver = Arc::new(resolver);
        self
    }

    /// How many fetches may go on at once; others wait, within their own time. Default: 32.
    pub fn max_concurrent(mut self, max: usize) -> Self {
        self.concurrent = max.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// The clock by which certificates are valid. Default: the system's.
    pub fn time_provider(mut self, time: Arc<dyn TimeProvider>) -> Self {
        self.time = time;
        self
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`WebTrustError::Provider`] when the provider has neither TLS 1.2 nor TLS 1.3.
    pub fn build(self) -> Result<GuardedFetch, WebTrustError> {
        let config = self.trust.config(Arc::clone(&self.provider), Arc::clone(&self.time))?;
        Ok(GuardedFetch {
            guard: Arc::new(self.guard),
            trust: ServerTrust::web(config),
            posts: None,
            slots: Arc::new(Semaphore::new(self.concurrent)),
            #[cfg(feature = "federation")]
            provider: self.provider,
            #[cfg(feature = "federation")]
            time: self.time,
        })
    }
}

/// Shows what is allowed.
impl fmt::Debug for GuardedFetchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFetchBuilder").field("guard", &self.guard).finish_non_exhaustive()
    }
}

const DEFAULT_CONCURRENT: usize = 32;
