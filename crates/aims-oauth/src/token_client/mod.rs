//! The client with everything around it: discovery, requests that are sent, tokens that are kept.

mod about;
mod builder;
mod cache;
mod discovery;
mod known_grants;
mod need;
mod others;
mod user_grant;

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
pub use self::user_grant::UserGrant;
use crate::{
    AskStep, AuthorizationFlow, AuthorizationStart, BackchannelRequest, ClientCredential, ClientError,
    EndpointRequest, ErrorCode, ExpectedIdToken, Grant, HeldBinding, HeldGrant, HeldToken, IdTokenVerifier,
    Issuer, OAuthClient, Parameters, PendingApproval, PendingAuthorization, PushStep, Resource,
    SenderConstraint, ServerMetadata, TokenExchange, TokenFlow, TokenRequest, TokenStep, TrustedIssuer,
    TypedToken,
};

/// What gets an agent its tokens, and keeps them: from the authorization servers that it was built for, and no others (XD-19). Cloning is cheap, and clones share
/// everything.
///
/// A token is asked for when it is first needed, by one request while others wait, and again before it ends. It is kept by issuer, resource, scope, details, what it is
/// bound to, and whom it is for: none serves for anything else.
///
/// ```
/// use std::sync::Arc;
/// use aims_credential::Post;
/// use aims_keys::{Algorithm, SoftwareKey, SystemClock, backend};
/// use aims_oauth::{ClientCredential, ClientKey, DpopProver, SenderConstraint, TokenClient, TokenNeed};
///
/// # async fn example(http: impl Post + 'static) -> Result<(), Box<dyn std::error::Error>> {
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let credential = ClientCredential::key(ClientKey::new("travel-agent", key, None)?);
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
        if let Source::Grant(grant) = source {
            self.0.grants.know(grant);
        }
        if let Source::Grant(grant) = source
            && let Some(token) = grant.first_for(&client, need, &resource, self.now()?)?
            && self.check(&client, need, &token).is_ok()
        {
            return Ok(token);
        }
        let key = Key::new(&client, need, &resource, self.now()?)?;
        let obtain = || self.obtain(&client, need, &resource);
        let token = self.0.cache.get(&key, || self.now(), obtain).await?;
        if self.check(&client, need, &token).is_ok() {
            return Ok(token);
        }
        // AZR-10: what is kept was cut off. One that is issued now may be beyond that.
        token.discard();
        let token = self.0.cache.get(&key, || self.now(), || self.obtain(&client, need, &resource)).await?;
        self.check(&client, need, &token)?;
        Ok(token)
    }

    /// The client at one of its servers, as that describes itself now.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoServer`] when it was not built for it; why there are no metadata (MET-2).
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

    /// Begins to ask a user: the request is pushed where the server has that. The user's browser is sent to [`PendingAuthorization::url`], and nowhere else.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn begin(&self, flow: AuthorizationFlow) -> Result<PendingAuthorization, ClientError> {
        if flow.is_pushed() {
            self.challenge(flow.client()).await?;
        }
        let mut sent = match flow.begin(self.now()?).await? {
            AuthorizationStart::Ready(pending) => return Ok(*pending),
            AuthorizationStart::Push(sent) => sent,
        };
        loop {
            let answer = self.send(sent.request()).await?;
            match sent.answered(&answer)? {
                PushStep::Ready(pending) => return Ok(*pending),
                PushStep::Again(flow) => {
                    self.challenge(flow.client()).await?;
                    *sent = flow.send(self.now()?).await?;
                }
            }
        }
    }

    /// The user is back: redeems the code in the query of the redirect URI. What comes is what the user granted, to get tokens with.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn redeem(
        &self,
        pending: PendingAuthorization,
        query: &Parameters,
    ) -> Result<UserGrant, ClientError> {
        let client = self.client(pending.issuer()).await?;
        let (nonce, max_age) = (pending.nonce.clone(), pending.max_age);
        let acr_values = pending.acr_values.clone();
        let flow = pending.redeem(&client, query, self.now()?)?;
        let token = self.access_token(flow).await?;
        let Some(nonce) = nonce else { return self.granted(&client, &token) };

        let acr_values: Vec<&str> = acr_values.iter().map(String::as_str).collect();
        let expected =
            ExpectedIdToken::with_nonce(&nonce).access_token(token.token()).acr_values(&acr_values);
        let expected = match max_age {
            Some(age) => expected.max_age(Duration::from_secs(age)),
            None => expected,
        };
        self.identified(&client, &token, &expected).await
    }

    /// Asks a user elsewhere (CIBA): the server does, while the agent waits, or does something else.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn ask_user(
        &self,
        issuer: &Issuer,
        request: BackchannelRequest,
    ) -> Result<PendingApproval, ClientError> {
        let mut flow = self.client(issuer).await?.ask_user(request)?;
        loop {
            self.challenge(flow.client()).await?;
            let began = self.now()?;
            let sent = flow.send(began).await?;
            let answer = self.send(sent.request()).await?;
            match sent.answered(&answer, began)? {
                AskStep::Pending(pending) => return Ok(*pending),
                AskStep::Again(again) => flow = *again,
            }
        }
    }

    /// Asks whether a user has decided; `None`, while that is not so, or it is [too early](PendingApproval::next_poll) to ask.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the user said no, the request has expired, or there was no answer. Of these only the last can be asked again: after a refusal, and after the
    /// tokens came, it is [`ClientError::Expired`] without asking anybody (HIL-42).
    pub async fn poll(&self, pending: &mut PendingApproval) -> Result<Option<UserGrant>, ClientError> {
        let client = self.client(pending.issuer()).await?;
        if self.now()? < pending.next_poll() && self.now()? < pending.expires() {
            return Ok(None);
        }
        let flow = pending.poll(&client, self.now()?)?;
        let step = match self.run(flow).await {
            Ok(TokenStep::Pending(not_yet)) => {
                pending.wait(not_yet);
                return Ok(None);
            }
            Err(error) if !is_final(&error) => return Err(error),
            outcome => outcome,
        };
        pending.end();
        match step? {
            TokenStep::Token(token) if pending.wants_id_token() => {
                let expected = ExpectedIdToken::without_nonce().access_token(token.token());
                self.identified(&client, &token, &expected).await.map(Some)
            }
            TokenStep::Token(token) => self.granted(&client, &token).map(Some),
            _ => Err(ClientError::IssuedType),
        }
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

    /// Forgets a token: the next request for the same gets another. Call it when a resource server says that it does not count any more.
    pub fn forget(&self, token: &HeldToken) {
        token.discard();
    }

    /// Forgets what came by the grant of a user, and what is still on its way. Whoever has one of these tokens uses it no more.
    pub fn forget_grant(&self, grant: &UserGrant) {
        grant.end();
        self.0.cache.forget(|key| key.is_by_grant(grant.id()));
    }

    /// Forgets all tokens of a server that are kept: whoever has one of them uses it no more. What is on its way is for whoever asked for it, and is not kept. Grants
    /// of users are left: [`forget_grant`](Self::forget_grant) ends one.
    pub fn forget_issuer(&self, issuer: &Issuer) {
        self.0.cache.forget(|key| key.is_from(issuer));
    }

    /// Shows `visit` each secret that is kept for use, those of grants that it was asked for tokens by among them: what must not come before a model is compared with
    /// them (AIMS-19).
    pub fn visit_secrets(&self, visit: &mut dyn FnMut(&str)) {
        let visit = std::cell::RefCell::new(visit);
        let mut token = |token: &HeldToken| {
            let visit = &mut *visit.borrow_mut();
            visit(token.token().expose());
            token.refresh_token().iter().for_each(|refresh| visit(refresh.expose()));
            token.id_token().iter().for_each(|id_token| visit(id_token.expose()));
        };
        self.0.cache.visit(&mut token);
        for grant in self.0.grants.living() {
            grant.visit(&mut token, &mut |refresh| visit.borrow_mut()(refresh.expose()));
        }
    }

    /// Forgets all tokens, as [`forget_issuer`](Self::forget_issuer).
    pub fn forget_all(&self) {
        self.0.cache.forget(|_| true);
    }

    fn granted(&self, client: &OAuthClient, token: &HeldToken) -> Result<UserGrant, ClientError> {
        let grant = UserGrant::new(token, client.client_id(), self.0.backend)?;
        self.0.grants.know(&grant);
        Ok(grant)
    }

    /// What a user granted whom the ID Token names.
    async fn identified(
        &self,
        client: &OAuthClient,
        token: &HeldToken,
        expected: &ExpectedIdToken<'_>,
    ) -> Result<UserGrant, ClientError> {
        let server = self.server(client.issuer()).await?;
        let id_token = token.id_token().ok_or(ClientError::NoIdToken)?;
        server.id_tokens.prepare(id_token, self.now()?).await?;
        let user = server.id_tokens.verify(id_token, expected, self.now()?)?;
        let grant = self.granted(client, token)?;
        grant.set_user(user);
        Ok(grant)
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
        let scope = discovered.scope().filter(|_| self.0.asks_for_supported && !need.has_scope());
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
        let expected = ExpectedIdToken::refreshed(&first).access_token(token.token());
        server.id_tokens.prepare(id_token, self.now()?).await?;
        server.id_tokens.verify(id_token, &expected, self.now()?)?;
        Ok(())
    }

    /// AZR-10: whether what is known to have been cut off leaves the token.
    fn check(&self, client: &OAuthClient, need: &TokenNeed, token: &HeldToken) -> Result<(), ClientError> {
        // It was forgotten while the token was on its way.
        if matches!(need.source(), Source::Grant(grant) if grant.is_over()) {
            return Err(ClientError::UserNeeded);
        }
        let Some(marks) = &self.0.marks else { return Ok(()) };
        let issuer = token.issuer().as_str();
        let subject = match need.source() {
            Source::Grant(grant) => grant.subject().map(|subject| (issuer, subject)),
            Source::Exchange(_, of) => of.as_ref().map(|of| (of.issuer.as_str(), of.subject.clone())),
            _ => None,
        };
        let key = match token.binding() {
            HeldBinding::Dpop(key) | HeldBinding::Signature(key) => Some(key),
            _ => None,
        };
        let named = [
            Some(MarkKey::Client { issuer, client: client.client_id() }),
            subject.as_ref().map(|(issuer, subject)| MarkKey::Subject { issuer, subject }),
            key.as_ref().map(MarkKey::Key),
        ];
        let begun = token.received_at();
        let check = |mark: Mark| mark.check(begun, Duration::ZERO);
        Ok(marks.check_each(&mut named.into_iter().flatten(), &check)?)
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
        let answer = self.0.http.post(PostRequest::form(url, "")).await?;
        client.challenged(&answer)
    }

    async fn send(&self, request: &EndpointRequest) -> Result<Posted, ClientError> {
        Ok(self.0.http.post(request.as_post()).await?)
    }
}

/// Whether the server has decided: there is nothing to ask for again (HIL-9, HIL-42).
fn is_final(error: &ClientError) -> bool {
    use ErrorCode as E;

    matches!(
        error.error_code(),
        Some(E::AccessDenied | E::ExpiredToken | E::InvalidGrant | E::InvalidRequest | E::UnauthorizedClient)
    )
}

/// Shows the servers.
impl fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.0.servers.keys().collect();
        f.debug_struct("TokenClient").field("servers", &servers).finish_non_exhaustive()
    }
}
