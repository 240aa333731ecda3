//! The client with everything around it: discovery, requests that are sent, tokens that are kept.

mod about;
mod builder;
mod cache;
mod discovery;
mod forget;
mod known_grants;
mod need;
mod others;
mod scope_memory;
mod user_grant;
mod users;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Mark, MarkKey, Marks, Post, PostRequest, Posted, Refreshed};
use aims_keys::{Backend, Clock, UnixTime};

pub use self::about::IntrospectionEndpoint;
pub use self::builder::TokenClientBuilder;
use self::cache::{Key, TokenCache};
pub use self::discovery::Discovered;
use self::known_grants::KnownGrants;
use self::need::Source;
pub use self::need::TokenNeed;
use self::others::Learned;
pub use self::others::OtherServers;
pub use self::scope_memory::ScopeMemory;
pub use self::user_grant::UserGrant;
use crate::{
    ClientCredential, ClientError, EndpointRequest, ExpectedIdToken, Grant, HeldBinding, HeldGrant,
    HeldToken, IdToken, IdTokenVerifier, Issuer, NoAnswer, OAuthClient, Resource, SenderConstraint,
    ServerMetadata, TokenExchange, TokenFlow, TokenRequest, TokenStep, TrustedIssuer, TypedToken,
};

/// What gets an agent its tokens, and keeps them: from the authorization servers that it was built for, and from no others but those that the host
/// [admits](TokenClientBuilder::other_servers) (XD-19). Cloning is cheap, and clones share everything.
///
/// A token is asked for when it is first needed, by one request while others wait, and again before it ends. It is kept by issuer, resource, scope, details, what it is
/// bound to, and whom it is for: none serves for anything else.
///
/// A client goes by the identifier of its workload: of another name, a tool that takes callers on the word of the issuer does not know which workload it is, and refuses it
/// (`not_a_workload`), unless it maps names ([`ClientIdentities`](crate::ClientIdentities)).
///
/// ```
/// use std::sync::Arc;
/// use aims_credential::Post;
/// use aims_keys::{Algorithm, SoftwareKey, SystemClock, backend};
/// use aims_oauth::{ClientCredential, ClientKey, DpopProver, SenderConstraint, TokenClient, TokenNeed};
///
/// # async fn example(http: impl Post + 'static) -> Result<(), Box<dyn std::error::Error>> {
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let credential = ClientCredential::key(ClientKey::new("spiffe://acme.example/agents/travel", key, None)?);
/// let proofs = DpopProver::new(Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?))?;
///
/// // `http` guards the network: `GuardedFetch` of `aims-workload-api`.
/// let tokens = TokenClient::builder(http, SystemClock::default(), backend::ring())
///     .server("https://as.example".parse()?, credential, SenderConstraint::dpop(proofs))
///     .build();
///
/// let need = TokenNeed::of("https://tools.example/v1".parse()?).scope("trips:book".parse()?);
/// let token = tokens.token(&need).await?;
/// let url = "https://tools.example/v1/trips".parse()?;
/// let fields = token.fields("POST", &url, None, tokens.now()?).await?;
/// # let _ = fields;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenClient(Arc<Inner>);

struct Inner {
    http: Arc<dyn Post>,
    clock: Box<dyn Clock>,
    backend: Backend,
    marks: Option<Box<dyn Marks>>,
    servers: HashMap<Issuer, Arc<Server>>,
    others: Option<OtherServers>,
    /// Where the client was registered meanwhile.
    learned: Learned,
    takes_parents: bool,
    asks_for_supported: bool,
    cache: TokenCache,
    grants: KnownGrants,
    discovered: discovery::Resources,
    /// Of servers whose ID Tokens are encrypted to the client.
    #[cfg(feature = "jwe")]
    recipients: HashMap<Issuer, crate::TokenRecipient>,
}

/// A server that knows the client.
struct Server {
    credential: ClientCredential,
    constraint: SenderConstraint,
    client: Refreshed<OAuthClient, ClientError>,
    id_tokens: IdTokenVerifier,
}

impl Server {
    fn new(
        issuer: &Issuer,
        credential: ClientCredential,
        constraint: SenderConstraint,
        http: &Arc<dyn Post>,
        backend: Backend,
    ) -> Self {
        let trusted = TrustedIssuer::following(issuer.clone(), Arc::clone(http), backend);
        let id_tokens = IdTokenVerifier::builder(credential.client_id(), trusted, backend).build();
        Self { credential, constraint, client: Refreshed::default(), id_tokens }
    }
}

impl TokenClient {
    /// Starts with what sends requests, what time it is, and the backend of hashes and randomness.
    pub fn builder(
        http: impl Post + 'static,
        clock: impl Clock + 'static,
        backend: Backend,
    ) -> TokenClientBuilder {
        TokenClientBuilder::new(Arc::new(http), Box::new(clock), backend)
    }

    /// What time it is, by the client's clock.
    ///
    /// # Errors
    ///
    /// [`ClientError::Clock`].
    pub fn now(&self) -> Result<UnixTime, ClientError> {
        Ok(self.0.clock.unix_time()?)
    }

    /// A token for this: one that is kept, or a new one.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`UserNeeded`](ClientError::UserNeeded) when the grant of a user has ended, and [`Lapsed`](ClientError::Lapsed) when what the agent has was cut
    /// off.
    pub async fn token(&self, need: &TokenNeed) -> Result<HeldToken, ClientError> {
        let (issuer, resource, need) = self.place(need).await?;
        let need = &need;
        let source = need.source();
        // MCP-30: who acts in its own right is known to the server, or to nobody.
        let server = match source {
            Source::Own => self.known_server(&issuer),
            _ => self.server(&issuer).await,
        };
        let client = self.client_at(&issuer, &*server?).await?;
        // What crosses ends with the client's name at either server.
        let home = match source {
            Source::Across(home, ..) => Some(self.server(home).await?),
            _ => None,
        };
        let check = |token: &HeldToken| self.check(&client, home.as_deref(), need, token);
        if let Source::Grant(grant) = source {
            self.0.grants.know(grant);
        }
        if let Source::Grant(grant) = source
            && let Some(token) = grant.first_for(&client, need, &resource, self.now()?)?
            && check(&token).is_ok()
        {
            return Ok(token);
        }
        let key = Key::new(&client, need, &resource, self.now()?)?;
        let obtain = || self.obtain(&client, need, &resource);
        let token = self.0.cache.get(&key, || self.now(), obtain).await?;
        if check(&token).is_ok() {
            return Ok(token);
        }
        // AZR-10: what is kept was cut off. One that is issued now may be beyond that.
        token.discard();
        let token = self.0.cache.get(&key, || self.now(), || self.obtain(&client, need, &resource)).await?;
        check(&token)?;
        Ok(token)
    }

    /// The client at one of its servers, as that describes itself now.
    ///
    /// # Errors
    ///
    /// [`ClientError::UnknownServer`] when it was not built for it; why there are no metadata (MET-2).
    pub async fn client(&self, issuer: &Issuer) -> Result<OAuthClient, ClientError> {
        let server = self.server(issuer).await?;
        self.client_at(issuer, &server).await
    }

    async fn client_at(&self, issuer: &Issuer, server: &Server) -> Result<OAuthClient, ClientError> {
        let client = server.client.get(
            self.now()?,
            |_| true,
            || async {
                let (metadata, fresh) = ServerMetadata::fetch::<ClientError>(&*self.0.http, issuer).await?;
                // What the server said that proofs must hold is still so.
                let client = if let Ok(known) = server.client.held(self.now()?) {
                    known.with_server(metadata)?
                } else {
                    let (credential, constraint) = (server.credential.clone(), server.constraint.clone());
                    OAuthClient::new(metadata, credential, constraint, self.0.backend)?
                };
                Ok((client, fresh))
            },
        );
        Ok(OAuthClient::clone(&*client.await?))
    }

    /// Exchanges a token for one that is taken elsewhere: a grant for another domain, a transaction token. Nothing of it is kept.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn exchange(&self, issuer: &Issuer, request: TokenRequest) -> Result<HeldGrant, ClientError> {
        let client = self.client(issuer).await?;
        match self.run(client.token(request)?).await? {
            TokenStep::Grant(grant) => Ok(grant),
            _ => Err(ClientError::IssuedType),
        }
    }

    /// Runs a flow to its end, but for a user who has not decided.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn run(&self, flow: TokenFlow) -> Result<TokenStep, ClientError> {
        let mut flow = flow;
        loop {
            self.challenge(flow.client()).await?;
            let sent = flow.send(self.now()?).await?;
            // A token's time runs from before it was asked for: none is thought to live longer than it does.
            let began = self.now()?;
            let answer = self.send(sent.request()).await?;
            match sent.answered(&answer, began)? {
                TokenStep::Again(again) => flow = again,
                step => return Ok(step),
            }
        }
    }

    /// Where a token is to come from, and what for.
    async fn place(&self, need: &TokenNeed) -> Result<(Issuer, Resource, TokenNeed), ClientError> {
        if let Some(issuer) = need.issuer() {
            return Ok((issuer.clone(), need.resource().clone(), need.clone()));
        }
        if let Source::Grant(grant) = need.source() {
            return Ok((grant.issuer().clone(), need.resource().clone(), need.clone()));
        }
        // A resource does not choose who sees the token of somebody else.
        let is_choice = self.0.servers.len() > 1 || self.0.others.is_some();
        if matches!(need.source(), Source::Exchange(..)) && is_choice {
            return Err(ClientError::WhichServer);
        }
        let discovered = self.discover(need.resource(), None).await?;
        let (issuer, resource) = (discovered.issuer().clone(), discovered.resource().clone());
        let scope = discovered.scope().filter(|_| self.0.asks_for_supported && need.told_scope().is_none());
        let need = need.clone();
        Ok((issuer, resource, scope.map_or(need.clone(), |scope| need.scope(scope.clone()))))
    }

    async fn obtain(
        &self,
        client: &OAuthClient,
        need: &TokenNeed,
        resource: &Resource,
    ) -> Result<HeldToken, ClientError> {
        let wanted = need.wanted(resource);
        match need.source() {
            Source::Own => {
                let request = TokenRequest::new(Grant::ClientCredentials).wanting(wanted);
                self.access_token(client.token(request)?).await
            }
            Source::Exchange(subject, _) => {
                let exchange =
                    TokenExchange::of(subject.clone()).requesting(crate::TokenTypeUrn::AccessToken);
                let request = TokenRequest::new(Grant::TokenExchange(exchange)).wanting(wanted);
                self.access_token(client.token(request)?).await
            }
            Source::Across(home, subject, profile) => {
                let grant = self.cross(client.issuer(), home, subject, profile, need, resource).await?;
                let request = TokenRequest::new(Grant::JwtBearer(grant.token().clone())).wanting(wanted);
                self.access_token(client.token(request)?).await
            }
            Source::Grant(grant) => {
                let token = grant
                    .refresh(client, async |token| {
                        let request = TokenRequest::new(Grant::Refresh(token)).wanting(wanted);
                        self.access_token(client.token(request)?).await
                    })
                    .await?;
                self.check_user(client, grant, &token).await?;
                Ok(token)
            }
        }
    }

    /// XD-1, JAG-1: a grant for the server of the other domain, from the agent's own.
    async fn cross(
        &self,
        target: &Issuer,
        home: &Issuer,
        subject: &TypedToken,
        kind: &crate::TokenTypeUrn,
        need: &TokenNeed,
        resource: &Resource,
    ) -> Result<HeldGrant, ClientError> {
        let exchange = TokenExchange::of(subject.clone()).requesting(kind.clone()).audience(target.as_str());
        let mut wanted = need.wanted(resource);
        if *kind != crate::TokenTypeUrn::IdJag {
            // `resource` would name the server a second time, by another name (XD-1).
            wanted.resources.clear();
        }
        let request = TokenRequest::new(Grant::TokenExchange(exchange)).wanting(wanted);
        self.exchange(home, request).await
    }

    /// IDT-4: what a server says of the user once more, it says of the same user.
    async fn check_user(
        &self,
        client: &OAuthClient,
        grant: &UserGrant,
        token: &HeldToken,
    ) -> Result<(), ClientError> {
        let (Some(first), Some(id_token)) = (grant.user(), token.id_token()) else { return Ok(()) };
        let server = self.server(client.issuer()).await?;
        let expected = ExpectedIdToken::refreshed(&first)
            .access_token(token.token())
            .refresh_token(token.refresh_token());
        let id_token = &*self.signed(client.issuer(), id_token)?;
        server.id_tokens.prepare(id_token, self.now()?).await?;
        server.id_tokens.verify(id_token, &expected, self.now()?)?;
        Ok(())
    }

    /// The ID Token that the server signed: decrypted, where it is to be encrypted to the client.
    #[cfg_attr(
        not(feature = "jwe"),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "no server encrypts")
    )]
    fn signed<'t>(&self, issuer: &Issuer, id_token: &'t IdToken) -> Result<Cow<'t, IdToken>, ClientError> {
        #[cfg(feature = "jwe")]
        if let Some(recipient) = self.0.recipients.get(issuer) {
            return Ok(Cow::Owned(recipient.decrypt(id_token)?));
        }
        let _ = issuer;
        Ok(Cow::Borrowed(id_token))
    }

    /// AZR-10: whether what is known to have been cut off leaves the token.
    fn check(
        &self,
        client: &OAuthClient,
        home: Option<&Server>,
        need: &TokenNeed,
        token: &HeldToken,
    ) -> Result<(), ClientError> {
        // It was forgotten while the token was on its way.
        if matches!(need.source(), Source::Grant(grant) if grant.is_over()) {
            return Err(ClientError::UserNeeded);
        }
        let Some(marks) = &self.0.marks else { return Ok(()) };
        let issuer = token.issuer().as_str();
        let known = match need.source() {
            Source::Grant(grant) => grant.subject().map(|subject| (issuer, subject)),
            Source::Exchange(_, of) => of.as_ref().map(|of| (of.issuer.as_str(), of.subject.clone())),
            _ => None,
        };
        let said = need.principals().iter().map(|one| (one.issuer.as_str(), &*one.subject));
        let subjects = known.as_ref().map(|(issuer, subject)| (*issuer, &**subject)).into_iter().chain(said);
        let at_home = match (need.source(), home) {
            (Source::Across(home, ..), Some(server)) => Some((home.as_str(), server.credential.client_id())),
            _ => None,
        };
        let clients = std::iter::once((issuer, client.client_id())).chain(at_home);
        let key = match token.binding() {
            HeldBinding::Dpop(key) | HeldBinding::Signature(key) => Some(key),
            _ => None,
        };
        let callers = need.called_by().iter();
        let callers = callers.flat_map(|called| {
            let client = MarkKey::Client { issuer: &called.issuer, client: &called.name };
            std::iter::once(client).chain(called.workload.as_ref().map(MarkKey::Agent))
        });
        let mut named = clients
            .map(|(issuer, client)| MarkKey::Client { issuer, client })
            .chain(subjects.map(|(issuer, subject)| MarkKey::Subject { issuer, subject }))
            .chain(callers)
            .chain(key.as_ref().map(MarkKey::Key));
        let begun = token.received_at();
        let check = |mark: Mark| mark.check(begun, Duration::ZERO);
        Ok(marks.check_each(&mut named, &check)?)
    }

    async fn access_token(&self, flow: TokenFlow) -> Result<HeldToken, ClientError> {
        match self.run(flow).await? {
            TokenStep::Token(token) => Ok(token),
            _ => Err(ClientError::IssuedType),
        }
    }

    /// ABC-5: where the server has challenges for attestations, the first is asked for before anything else.
    async fn challenge(&self, client: &OAuthClient) -> Result<(), ClientError> {
        let Some(url) = client.challenge_url() else { return Ok(()) };
        let answer =
            self.0.http.post(PostRequest::form(url, "")).await.map_err(|error| NoAnswer::of(url, error))?;
        client.challenged(&answer)
    }

    async fn send(&self, request: &EndpointRequest) -> Result<Posted, ClientError> {
        let answer = self.0.http.post(request.as_post()).await;
        Ok(answer.map_err(|error| NoAnswer::of(request.url(), error))?)
    }
}

/// Shows the servers.
impl fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.0.servers.keys().collect();
        f.debug_struct("TokenClient").field("servers", &servers).finish_non_exhaustive()
    }
}
