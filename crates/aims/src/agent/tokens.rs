//! An agent that shows access tokens.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use aims_credential::HttpsUrl;
use aims_oauth::{
    Challenges, ClientError, DPOP_NONCE_FIELD, HeldToken, NonceJar, ScopeMemory, StepUp, StepUps,
    TokenClient, TokenNeed,
};
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{AgentError, AgentFuture, AttachError};
use crate::body::read;

/// Shows each tool the access token that it wants: asked for, kept and renewed below whoever calls, and bound to the agent's key.
///
/// Whoever calls a tool says what for, by a [`TokenNeed`]: a handle, in which there is no token. So a model that calls tools never has one (AIMS-19). A token goes to
/// the resource that it is for and to nothing else (MCP-15). What a tool refuses is tried once more with a nonce or a new token, and with more scope where that needs
/// no user; otherwise the caller is told what is wanted ([`AgentError::StepUp`]). What helped is asked for at once the next time, for the same need, until the
/// authorization server gives less ([`ScopeMemory`]).
///
/// ```
/// use aims::oauth::{TokenClient, TokenNeed};
/// use aims::{SigningAgent, TokenAgent};
/// use tower_layer::Layer;
/// # #[derive(Clone)] struct Http;
///
/// # fn client(tokens: TokenClient, signing: &SigningAgent, http: Http) -> Result<(), Box<dyn std::error::Error>> {
/// let tool = TokenNeed::of("https://tools.example/v1".parse()?).scope("trips:book".parse()?);
/// // The signature covers the token, so it is made below; where tokens are bound by DPoP, no signature is needed.
/// let http = TokenAgent::new(tokens).needing(tool).layer().layer(signing.layer().layer(http));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenAgent {
    tokens: TokenClient,
    need: Option<TokenNeed>,
    nonces: Arc<NonceJar>,
    scopes: Arc<ScopeMemory>,
    max_content: usize,
    asks_first: bool,
}

impl TokenAgent {
    /// An agent whose tokens come from here.
    #[must_use]
    pub fn new(tokens: TokenClient) -> Self {
        let nonces = Arc::new(NonceJar::with_capacity(MAX_ORIGINS));
        let scopes = Arc::new(ScopeMemory::with_capacity(MAX_NEEDS));
        Self { tokens, need: None, nonces, scopes, max_content: MAX_CONTENT, asks_first: false }
    }

    /// What a request needs that has no [`TokenNeed`] among its extensions. Default: such a request is not sent.
    #[must_use]
    pub fn needing(mut self, need: TokenNeed) -> Self {
        self.need = Some(need);
        self
    }

    /// Sends the first request to a resource without a token, to be told by its challenge where its metadata are and which scope is needed, as clients of the Model Context
    /// Protocol do (MCP-7, MCP-12). The tool gets what it would get with a token, and over TLS. A need that says itself which server it is for asks nobody. Default: metadata
    /// are at the usual place.
    #[must_use]
    pub fn asking_first(mut self) -> Self {
        self.asks_first = true;
        self
    }

    /// How much content of a request is held, so that it can be sent again. More is an error. Default: 1 MiB.
    #[must_use]
    pub fn with_max_content(mut self, bytes: usize) -> Self {
        self.max_content = bytes;
        self
    }

    /// Where the tokens come from.
    #[must_use]
    pub fn tokens(&self) -> &TokenClient {
        &self.tokens
    }

    /// This agent as a tower layer, for clients whose requests carry the whole target URI. A request may have a need of its own: a [`TokenNeed`] among its extensions.
    #[must_use]
    pub fn layer(&self) -> TokenLayer {
        TokenLayer(self.clone())
    }

    /// Puts a token for `need` into the fields of a request to `target`, its whole URI, and the proof that it is the agent's.
    ///
    /// # Errors
    ///
    /// [`AttachError`]; the request must not be sent then.
    pub async fn attach(
        &self,
        method: &str,
        target: &Uri,
        fields: &mut HeaderMap,
        need: &TokenNeed,
    ) -> Result<HeldToken, AttachError> {
        if fields.contains_key(AUTHORIZATION) || fields.contains_key(DPOP) {
            return Err(AttachError::Occupied);
        }
        let url = https(target)?;
        let token = self.tokens.token(need).await?;
        let nonce = self.nonces.nonce(&url);
        for (name, value) in token.fields(method, &url, nonce.as_deref(), self.tokens.now()?).await? {
            let mut value = HeaderValue::from_str(&value).map_err(|_| AttachError::Field)?;
            value.set_sensitive(true);
            fields.insert(name, value);
        }
        Ok(token)
    }

    /// What an answer wants, to a request to `target` with this token. `None`, where it stands: it is no refusal, or one that no token mends, or that asks for the same
    /// again and again. Its status and challenges are the caller's to read.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: a challenge says no scope that can be asked for.
    pub fn judge(
        &self,
        target: &Uri,
        status: StatusCode,
        fields: &HeaderMap,
        token: &HeldToken,
        tries: &mut StepUps,
    ) -> Result<Option<StepUp>, ClientError> {
        if let Ok(url) = https(target) {
            self.nonces.learn(&url, fields.get_all(DPOP_NONCE_FIELD));
        }
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(None);
        }
        let Ok(challenges) = Challenges::parse(fields.get_all(WWW_AUTHENTICATE)) else { return Ok(None) };
        match tries.next(&challenges, Some(token)) {
            Ok(wanted) => Ok(Some(wanted)),
            Err(ClientError::Challenge | ClientError::StepUps) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins a request to `target`, which is sent as often as it takes.
    pub(super) fn tries<'a>(&'a self, target: &'a Uri, told: TokenNeed) -> Tries<'a> {
        let asks = self.asks_first && !told.knows_server() && !self.tokens.has_discovered(told.resource());
        let widened = self.scopes.widened(&told);
        Tries {
            agent: self,
            target,
            is_widened: widened.is_some(),
            need: widened.unwrap_or_else(|| told.clone()),
            told,
            step_ups: StepUps::new(),
            has_new_scope: false,
            asks,
            shown: None,
        }
    }

    /// Whether the answer to a request without a token said what the resource wants. Otherwise it stands.
    async fn learn(
        &self,
        need: &TokenNeed,
        target: &Uri,
        status: StatusCode,
        fields: &HeaderMap,
    ) -> Result<bool, AttachError> {
        if status != StatusCode::UNAUTHORIZED {
            return Ok(false);
        }
        self.nonces.learn(&https(target)?, fields.get_all(DPOP_NONCE_FIELD));
        let challenges = Challenges::parse(fields.get_all(WWW_AUTHENTICATE)).map_err(ClientError::from)?;
        self.tokens.discover(need.resource(), Some(&challenges)).await?;
        Ok(true)
    }

    /// What to need in place of this, where the agent can have that without asking anybody.
    ///
    /// # Errors
    ///
    /// What is wanted, where a user has to be asked.
    fn answer(&self, wanted: StepUp, need: TokenNeed, token: &HeldToken) -> Result<TokenNeed, StepUp> {
        match wanted {
            StepUp::Nonce => Ok(need),
            StepUp::Token => {
                self.tokens.forget(token);
                Ok(need)
            }
            StepUp::Scope(scope) if !need.is_by_grant() => Ok(need.scope(scope)),
            wanted => Err(wanted),
        }
    }
}

/// Shows where the tokens come from.
impl fmt::Debug for TokenAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAgent")
            .field("tokens", &self.tokens)
            .field("need", &self.need)
            .finish_non_exhaustive()
    }
}

/// One request, sent as often as it takes.
pub(super) struct Tries<'a> {
    agent: &'a TokenAgent,
    target: &'a Uri,
    /// What the caller said.
    told: TokenNeed,
    /// What is asked for now.
    need: TokenNeed,
    /// There is scope in it that an earlier request stepped up to.
    is_widened: bool,
    /// There is scope in it that this request stepped up to.
    has_new_scope: bool,
    step_ups: StepUps,
    /// The next one goes without a token.
    asks: bool,
    shown: Option<HeldToken>,
}

impl Tries<'_> {
    /// Puts into the fields what the next one shows.
    pub(super) async fn attach(&mut self, method: &str, fields: &mut HeaderMap) -> Result<(), AttachError> {
        if std::mem::take(&mut self.asks) {
            check(self.target, fields, &self.need)?;
            self.shown = None;
            return Ok(());
        }
        let agent = self.agent;
        let token = match agent.attach(method, self.target, fields, &self.need).await {
            Err(AttachError::Token(ClientError::Refused(_))) if self.is_widened => {
                self.narrow();
                agent.attach(method, self.target, fields, &self.need).await?
            }
            Err(AttachError::Token(error)) if self.has_new_scope => return Err(self.no_step_up(error)),
            attached => attached?,
        };
        if self.is_widened && !self.has_new_scope && !has(&token, &self.need) {
            agent.scopes.forget(&self.told);
        }
        self.shown = Some(token);
        Ok(())
    }

    /// Whether to send the request again, which got this answer.
    pub(super) async fn again<E>(
        &mut self,
        status: StatusCode,
        fields: &HeaderMap,
    ) -> Result<bool, AgentError<E>> {
        let Some(token) = &self.shown else {
            let learned = self.agent.learn(&self.need, self.target, status, fields).await;
            return learned.map_err(AgentError::Attach);
        };
        let wanted = self.agent.judge(self.target, status, fields, token, &mut self.step_ups);
        let Some(wanted) = wanted.map_err(AttachError::from).map_err(AgentError::Attach)? else {
            if self.has_new_scope && status.is_success() {
                self.agent.scopes.learn(&self.told, &self.need, token);
            }
            return Ok(false);
        };
        self.has_new_scope |= matches!(wanted, StepUp::Scope(_));
        let asks = |wanted| AgentError::StepUp { wanted, resource: self.told.resource().clone() };
        self.need = self.agent.answer(wanted, self.need.clone(), token).map_err(asks)?;
        Ok(true)
    }

    /// Why there is no token, and that it was to be for more than was needed before.
    fn no_step_up(&self, error: ClientError) -> AttachError {
        let scope = self.need.told_scope().cloned().unwrap_or_default();
        AttachError::StepUp { error, scope, resource: self.told.resource().clone() }
    }

    /// The server does not give what earlier requests stepped up to, or not with what this one did: what was told has to do, as if they had never been.
    fn narrow(&mut self) {
        self.agent.scopes.forget(&self.told);
        self.need = self.told.clone();
        self.step_ups.forget_scope();
        (self.is_widened, self.has_new_scope) = (false, false);
    }
}

/// Whether the server gave all the scope that was asked for.
fn has(token: &HeldToken, need: &TokenNeed) -> bool {
    need.told_scope().zip(token.scope()).is_none_or(|(asked, granted)| asked.is_subset_of(granted))
}

/// Puts a [`TokenAgent`] in front of an HTTP client.
#[derive(Clone, Debug)]
pub struct TokenLayer(TokenAgent);

impl<S> Layer<S> for TokenLayer {
    type Service = TokenService<S>;

    fn layer(&self, inner: S) -> TokenService<S> {
        TokenService { agent: self.0.clone(), inner }
    }
}

/// An HTTP client that shows access tokens. The content of requests is held until it is whole: it may have to be sent again.
#[derive(Clone, Debug)]
pub struct TokenService<S> {
    agent: TokenAgent,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for TokenService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Send,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = AgentError<S::Error>;
    type Future = AgentFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(AgentError::Client)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let agent = self.agent.clone();
        // The service that was polled ready is the one to call; a clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        AgentFuture::new(async move {
            let (mut head, body) = request.into_parts();
            let own = head.extensions.remove::<TokenNeed>().or_else(|| agent.need.clone());
            let need = own.ok_or(AgentError::Attach(AttachError::NoNeed))?;
            let content = read(body, agent.max_content).await.map_err(AgentError::request_content)?.content;
            let mut tries = agent.tries(&head.uri, need);
            loop {
                let mut sent = head.clone();
                tries.attach(head.method.as_str(), &mut sent.headers).await.map_err(AgentError::Attach)?;
                let request = Request::from_parts(sent, content.clone().into());
                let response = inner.call(request).await.map_err(AgentError::Client)?;
                if !tries.again(response.status(), response.headers()).await? {
                    return Ok(response);
                }
                poll_fn(|cx| inner.poll_ready(cx)).await.map_err(AgentError::Client)?;
            }
        })
    }
}

/// That a request without a token goes to the resource that it is for, over TLS, and has nothing of the kind.
fn check(target: &Uri, fields: &HeaderMap, need: &TokenNeed) -> Result<(), AttachError> {
    if fields.contains_key(AUTHORIZATION) || fields.contains_key(DPOP) {
        return Err(AttachError::Occupied);
    }
    if need.resource().covers(&https(target)?) { Ok(()) } else { Err(ClientError::OtherResource.into()) }
}

/// Tokens are sent to nobody whose name no certificate shows.
fn https(target: &Uri) -> Result<HttpsUrl, AttachError> {
    if target.scheme().is_none() || target.authority().is_none() {
        return Err(AttachError::RelativeTarget);
    }
    target.to_string().parse().map_err(AttachError::Target)
}

const DPOP: &str = aims_oauth::DPOP_FIELD;

/// Of tools.
const MAX_ORIGINS: usize = 1024;

/// That were stepped up.
const MAX_NEEDS: usize = 1024;

/// 1 MiB.
const MAX_CONTENT: usize = 1024 * 1024;
