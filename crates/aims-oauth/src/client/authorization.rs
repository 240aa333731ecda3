//! Asking a user for a grant: the code flow, with PKCE, and pushed where the server has that.

use aims_credential::Posted;
use aims_jose::base64url;
use aims_keys::{Backend, UnixTime};
use zeroize::Zeroizing;

use super::oauth_client::check_media_type;
use super::refusal::refusal;
use super::tries::Tries;
use super::{ClientError, EndpointRequest, OAuthClient, PendingAuthorization};
use crate::wanted::Wanted;
use crate::{
    AuthorizationDetails, AuthorizationRequest, CodeVerifier, DpopProver, Endpoint, GrantType, NewParameters,
    PushedResponse, RedirectUri, Resource, Scope,
};

/// What a user is to be asked for.
#[derive(Debug)]
#[must_use = "nobody is asked until it begins"]
pub struct AuthorizationFlow {
    client: OAuthClient,
    redirect_uri: String,
    wanted: Wanted,
    acr_values: Vec<String>,
    max_age: Option<u64>,
    session: String,
}

impl AuthorizationFlow {
    pub(super) fn new(client: OAuthClient, redirect_uri: &RedirectUri) -> Result<Self, ClientError> {
        let server = client.server();
        if !server.supports_s256() {
            return Err(ClientError::NoPkce);
        }
        if !server.supports_grant(GrantType::AuthorizationCode) {
            return Err(ClientError::NoGrant(GrantType::AuthorizationCode));
        }
        server.endpoint(Endpoint::Authorization).ok_or(ClientError::NoEndpoint(Endpoint::Authorization))?;
        client.url(Endpoint::Token)?;
        Ok(Self {
            client,
            redirect_uri: redirect_uri.as_str().to_owned(),
            wanted: Wanted::default(),
            acr_values: Vec::new(),
            max_age: None,
            session: String::new(),
        })
    }

    /// For this resource.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.wanted.resources.push(resource);
        self
    }

    /// For this scope.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.wanted.set_scope(scope);
        self
    }

    /// For as long as the user lets it: with `offline_access`, where the server says that it has that (MCP-15). It need not come.
    pub fn lasting(mut self) -> Self {
        let known = self.client.server().scopes();
        if known.is_some_and(|scopes| scopes.contains(OFFLINE_ACCESS)) {
            let scope = self.wanted.scope.take().unwrap_or_default();
            let added = OFFLINE_ACCESS.parse().and_then(|offline| scope.or(&offline));
            self.wanted.set_scope(added.unwrap_or(scope));
        }
        self
    }

    /// For these details.
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.wanted.details = Some(details);
        self
    }

    /// The user must be authenticated like this, the most wanted first (CHA-4).
    pub fn acr_values(mut self, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// The user must have been authenticated at most so many seconds ago (CHA-4).
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Whose browser it is, in words of the caller: the answer counts for that session alone (AUT-6). [`PendingAuthorization::session`] tells it again, and the caller
    /// compares: which browser came back, nobody here can know.
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = session.into();
        self
    }

    pub(crate) fn client(&self) -> &OAuthClient {
        &self.client
    }

    /// Whether the request is pushed: then the client shows who it is before the user is asked.
    pub(crate) fn is_pushed(&self) -> bool {
        self.client.server().endpoint(Endpoint::PushedAuthorization).is_some()
    }

    /// AUT-4: what the server binds the code to that knows by a pushed request which instance of the client asks.
    fn attested_key(&self) -> Option<String> {
        self.client.attested_key().filter(|_| self.is_pushed()).map(|key| key.to_string())
    }

    /// Begins: where the server has requests pushed, with that (PAR-4), else with the URL that the user is sent to.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`NoEndpoint`](ClientError::NoEndpoint) when the code could not be bound to the key that shows who the client is (ABC-3).
    pub async fn begin(self, now: UnixTime) -> Result<AuthorizationStart, ClientError> {
        let (request, pending) = self.prepare(now)?;
        if self.is_pushed() {
            let push = PushFlow { client: self.client, request, pending, tries: Tries::default() };
            return push.send(now).await.map(|sent| AuthorizationStart::Push(Box::new(sent)));
        }
        if self.client.server().requires_pushed_requests() || self.client.is_shown_by_dpop() {
            return Err(ClientError::NoEndpoint(Endpoint::PushedAuthorization));
        }
        let mut query = NewParameters::new();
        request.write(&mut query);
        pending.at(&self.client, &query).map(|pending| AuthorizationStart::Ready(Box::new(pending)))
    }

    fn prepare(&self, now: UnixTime) -> Result<(AuthorizationRequest, PendingAuthorization), ClientError> {
        let backend = self.client.backend();
        let state = unguessable(backend)?;
        let has_openid = self.wanted.scope.as_ref().is_some_and(|scope| scope.contains("openid"));
        let nonce = if has_openid { Some(unguessable(backend)?) } else { None };
        let verifier = CodeVerifier::generate(backend)?;
        let key = self.client.constraint().prover().map(DpopProver::thumbprint);

        let challenge = verifier.challenge(backend);
        let request = AuthorizationRequest::new(self.client.client_id(), &self.redirect_uri, challenge);
        let mut request = request.state(&state).wanting(self.wanted.clone()).acr_values(&self.acr_values);
        // ABC-3: the proof of the pushed request binds it, and nothing else that says of which key it is.
        if let Some(key) = key.filter(|_| !self.client.is_shown_by_dpop()) {
            request = request.bound_to(key);
        }
        if let Some(nonce) = &nonce {
            request = request.nonce(nonce);
        }
        if let Some(age) = self.max_age {
            request = request.max_age(age);
        }
        let pending = PendingAuthorization {
            url: Zeroizing::default(),
            issuer: self.client.issuer().clone(),
            client_id: self.client.client_id().to_owned(),
            is_issuer_sent: self.client.server().sends_issuer(),
            state,
            verifier,
            redirect_uri: self.redirect_uri.clone(),
            key: key.map(|key| key.to_string()),
            attested_key: self.attested_key(),
            nonce,
            acr_values: self.acr_values.clone(),
            max_age: self.max_age,
            wanted: self.wanted.clone(),
            session: self.session.clone(),
            expires: now + PendingAuthorization::LIFETIME,
        };
        Ok((request, pending))
    }
}

pub(super) const OFFLINE_ACCESS: &str = "offline_access";

fn unguessable(backend: Backend) -> Result<String, ClientError> {
    let mut random = Zeroizing::new([0; 16]);
    backend.fill_random(&mut *random)?;
    Ok(base64url::encode(*random))
}

/// How an authorization begins.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthorizationStart {
    /// The request is pushed first.
    Push(Box<SentPush>),
    /// The user is sent to the server.
    Ready(Box<PendingAuthorization>),
}

/// What comes of the answer to a request that was pushed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PushStep {
    /// The same has to be sent again, with what the server asks for.
    Again(Box<PushFlow>),
    /// The user is sent to the server.
    Ready(Box<PendingAuthorization>),
}

/// A request that is to be pushed again.
#[derive(Debug)]
#[must_use = "nobody is asked until it is sent"]
pub struct PushFlow {
    client: OAuthClient,
    request: AuthorizationRequest,
    pending: PendingAuthorization,
    tries: Tries,
}

/// A request that was pushed.
#[derive(Debug)]
#[must_use = "the answer is still to come"]
pub struct SentPush {
    flow: PushFlow,
    sent: EndpointRequest,
}

impl PushFlow {
    pub(crate) fn client(&self) -> &OAuthClient {
        &self.client
    }

    /// Makes the request, to be sent at once.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn send(self, now: UnixTime) -> Result<SentPush, ClientError> {
        let mut form = NewParameters::new();
        self.request.write(&mut form);
        let sent = self.client.request(Endpoint::PushedAuthorization, form, true, now).await?;
        Ok(SentPush { flow: self, sent })
    }
}

impl SentPush {
    /// What is to be sent.
    #[must_use]
    pub fn request(&self) -> &EndpointRequest {
        &self.sent
    }

    /// Reads the answer.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn answered(self, answer: &Posted) -> Result<PushStep, ClientError> {
        let mut flow = self.flow;
        let news = flow.client.learn(&self.sent, answer);
        // PAR-1: 201; some say 200.
        if matches!(answer.status(), 200 | 201) {
            check_media_type(answer)?;
            let response = PushedResponse::parse(answer.body())?;
            let mut query = NewParameters::new();
            query.add("client_id", flow.client.client_id());
            query.add("request_uri", response.request_uri().expose());
            let pending = flow.pending.at(&flow.client, &query)?;
            return Ok(PushStep::Ready(Box::new(pending)));
        }
        let refused = refusal(flow.client.issuer(), Some(&self.sent), answer);
        flow.client.again(&mut flow.tries, refused, news)?;
        Ok(PushStep::Again(Box::new(flow)))
    }
}
