//! The guard in front of a server of the Model Context Protocol.

use std::sync::Arc;
use std::task::{Context, Poll};

use aims_oauth::{Parameters, Resource, ResourceMetadata, Scope, Shortfall};
use aims_proof::VerifiedSignature;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::authenticate::Sender;
use super::content::GuardedBody;
use super::metadata::Document;
use super::request::{Asked, Begun, Denied, Known};
use super::service::problem;
use super::{Guard, GuardFuture, Refusal};
use crate::body::{HeldBody, ReadError, Whole, read};
use crate::mcp::{
    McpCalls, McpMessageError, McpScopes, OFFLINE, check_fields, check_media_type, check_repeated,
};
use crate::permit::Permit;

impl Guard {
    /// This guard as a tower layer in front of a server of the Model Context Protocol over HTTP. The guard has to want [access tokens](crate::GuardBuilder::access_tokens), for
    /// a resource that is the `https` URL of the endpoint.
    ///
    /// Every request is authorized by itself: no session is trusted, and none is looked at. Content is read, up to [`max_content`](crate::GuardBuilder::max_content), when the
    /// token is verified, and before the policy is asked: what it calls is in the record, and among the extensions ([`McpCalls`]). Fields that say it once more
    /// (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*` as far as the table [knows](crate::mcp::McpScopesBuilder::mirrored) what they repeat) say the same, or the request is
    /// refused; so it is with other fields `Mcp-*` that the protocol does not have. A token that is not good for all of it is
    /// answered with all that is needed, at once (MCP-4). A stream of events ends when the permit does.
    ///
    /// ```
    /// use aims::mcp::McpScopes;
    /// use aims::{Accept, BundleSet, Callers, Guard, McpLayer};
    /// # use aims::{Audiences, backend};
    /// # use aims::oauth::*;
    ///
    /// # fn layer(tokens: AccessTokenVerifier, dpop: DpopVerifier, callers: Callers) -> Result<McpLayer, Box<dyn std::error::Error>> {
    /// let scopes = McpScopes::builder()
    ///     .tool("search", "trips:read".parse()?)
    ///     .tool("book", "trips:read trips:book".parse()?)
    ///     .build()?;
    /// // `tokens` are for "https://tools.example/mcp".
    /// let about = ResourceMetadata::builder(tokens.resource().clone()).scopes(scopes.supported()?);
    /// let resource = ResourceServer::new(tokens, BindingPolicy::bound()).with_dpop(dpop).with_metadata(about.build()?);
    /// let guard = Guard::builder(Audiences::http("https://tools.example")?, BundleSet::new(), callers)
    ///     .access_tokens(resource)
    ///     .accept(Accept::dpop())
    ///     .build()?;
    /// let layer = guard.mcp(scopes)?;
    /// # Ok(layer) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`McpError`].
    pub fn mcp(&self, scopes: McpScopes) -> Result<McpLayer, McpError> {
        let tokens = self.inner.tokens.as_ref().ok_or(McpError::NoTokens)?;
        let root = root_document(&tokens.metadata)?;
        let known = |document: &Document| tokens.documents.iter().any(|other| other.is_at_place_of(document));
        let root = Some(root).filter(|root| !known(root));
        Ok(McpLayer { guard: self.clone(), table: Arc::new(Table { scopes, root }) })
    }
}

/// Puts a [`Guard`] in front of a server of the Model Context Protocol.
#[derive(Clone, Debug)]
pub struct McpLayer {
    guard: Guard,
    table: Arc<Table>,
}

#[derive(Debug)]
struct Table {
    scopes: McpScopes,
    /// The metadata at the root of the origin, for clients that look there (MCP-1).
    root: Option<Document>,
}

impl<S> Layer<S> for McpLayer {
    type Service = McpService<S>;

    fn layer(&self, inner: S) -> McpService<S> {
        McpService { guard: self.guard.clone(), table: Arc::clone(&self.table), inner }
    }
}

/// A server of the Model Context Protocol behind a [`Guard`].
///
/// The request that reaches it carries a [`Permit`](crate::Permit) and [`McpCalls`] among its extensions, and no token (MCP-3): servers that hand the head of the request on
/// to their tools, as those of the crate `rmcp` do, hand on these, and nothing to pass on.
#[derive(Clone, Debug)]
pub struct McpService<S> {
    guard: Guard,
    table: Arc<Table>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for McpService<S>
where
    S: Service<Request<GuardedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    R: Body<Data = Bytes> + Send,
    R::Error: Send,
{
    type Response = Response<HeldBody<R>>;
    type Error = S::Error;
    type Future = GuardFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (guard, table) = (self.guard.clone(), Arc::clone(&self.table));
        // The service that was polled ready is the one to call; a clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        GuardFuture::new(async move {
            let (mut head, body) = request.into_parts();
            if let Some(document) = table.metadata(&guard, &head) {
                return Ok(document.map(problem));
            }
            let (permit, calls, whole) = match guard.admit_calls(&head, body, &table.scopes).await {
                Ok(admitted) => admitted,
                Err(denied) => {
                    let denied = Denied { refusal: denied.refusal.needing(&table.hint(&head)), ..denied };
                    return Ok(guard.refuse(&head, denied).await);
                }
            };
            head.extensions.insert(calls);
            let lasting = permit.clone();
            let response = guard.hand_on(head, GuardedBody::verified(whole), permit, &mut inner).await?;
            let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(is_event_stream);
            Ok(if is_stream { response.map(|body| body.while_permitted(lasting)) } else { response })
        })
    }
}

impl Table {
    fn metadata(&self, guard: &Guard, head: &Parts) -> Option<Response<String>> {
        let at_root = || {
            self.root.as_ref().filter(|root| root.is_asked_for(head)).map(|root| root.respond(&head.method))
        };
        guard.resource_metadata(head).or_else(at_root)
    }

    /// What the operation needs, by what stands beside it: for challenges alone. What counts is in the content.
    fn hint(&self, head: &Parts) -> Scope {
        let field = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        self.scopes.hinted(field("mcp-method"), field("mcp-name"))
    }
}

impl Guard {
    /// Admits a request by what its content calls.
    async fn admit_calls<B: Body<Data = Bytes>>(
        &self,
        head: &Parts,
        body: B,
        scopes: &McpScopes,
    ) -> Result<(Permit, McpCalls, Whole), Denied> {
        if has_token_in_query(head) {
            let asked = Asked::new(head, self.inner.time().0);
            return Err(self.inner.refuse(&asked, None, Refusal::token_in_query()).await.into());
        }
        self.begin(head).await?.with_calls(body, scopes).await
    }
}

impl Begun<'_> {
    async fn with_calls<B: Body<Data = Bytes>>(
        self,
        body: B,
        scopes: &McpScopes,
    ) -> Result<(Permit, McpCalls, Whole), Denied> {
        let Self { guard, head, mut asked, now, sender } = self;
        let max = guard.max_content;
        let (known, whole, now, signed) = match sender {
            Sender::Known(sender) => {
                // Nobody's content is read who is not known.
                let granted = guard.granted(head, &asked, now, sender.as_ref()).await?;
                let known = Known { sender, granted, waited: true };
                let refused = match read(body, max).await {
                    Ok(whole) => match guard.time().1 {
                        Ok(now) => Ok((whole, now)),
                        Err(refusal) => Err(refusal),
                    },
                    Err(ReadError::TooLarge) => Err(Refusal::not_an_operation(McpMessageError::TooLarge)),
                    Err(_) => Err(Refusal::broken_content()),
                };
                match refused {
                    Ok((whole, now)) => (known, whole, now, None),
                    Err(refusal) => {
                        return Err(guard.refuse(&asked, known.caller().as_ref(), refusal).await.into());
                    }
                }
            }
            Sender::Signed(signed) => {
                let (whole, verified, now) =
                    guard.read_signed(head, &mut asked, now, signed, body, max).await?;
                let sender = guard.answerable(&asked, now, &verified).await?;
                let granted = guard.granted(head, &asked, now, Some(&sender)).await;
                let granted = granted.map_err(|refusal| denied(refusal, Some(&verified)))?;
                (Known { sender: Some(sender), granted, waited: false }, whole, now, Some(verified))
            }
        };
        let looked = look(head, &whole, max, scopes).and_then(|(calls, repeated)| {
            asked.operation = calls.summary();
            repeated?;
            check_fields(&head.headers, &calls)?;
            let needed = scopes.needed(&calls)?;
            Ok((calls, needed))
        });
        let (calls, needed) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                let refusal = Refusal::not_an_operation(error);
                let refusal = guard.refuse(&asked, known.caller().as_ref(), refusal).await;
                return Err(denied(refusal, signed.as_ref()));
            }
        };
        let server = guard.tokens.as_ref().map(|tokens| &tokens.server);
        let granted = known.granted.as_ref().map(|granted| granted.authorization.token().scope());
        // INVARIANT: a guard for this protocol wants tokens.
        let (Some(server), Some(granted)) = (server, granted) else {
            return Err(guard.refuse(&asked, None, Refusal::not_accepted()).await.into());
        };
        if !scopes.covers(granted, &needed) {
            let refusal = Refusal::unauthorized(server, &Shortfall::Scope(needed).into(), None);
            let refusal = guard.refuse(&asked, known.caller().as_ref(), refusal).await;
            return Err(denied(refusal, signed.as_ref()));
        }
        let mut extensions = head.extensions.clone();
        extensions.insert(calls.clone());
        let permit = guard.decide_known(head, &extensions, asked, now, known).await;
        let permit = permit.map_err(|refusal| denied(refusal, signed.as_ref()))?;
        Ok((permit, calls, whole))
    }
}

/// What the content calls, and whether what stands beside it repeats its parameters as they are.
fn look(
    head: &Parts,
    whole: &Whole,
    max: usize,
    scopes: &McpScopes,
) -> Result<(McpCalls, Result<(), McpMessageError>), McpMessageError> {
    let is_without = head.method == Method::GET || head.method == Method::DELETE;
    let mut repeated = Ok(());
    let calls = match &*whole.content {
        [] if is_without => McpCalls::none(),
        content => {
            check_media_type(&head.headers)?;
            McpCalls::parse(content, max, &mut |call, params| {
                if repeated.is_ok() {
                    repeated = check_repeated(&head.headers, call, params, scopes);
                }
            })?
        }
    };
    Ok((calls, repeated))
}

fn denied(refusal: Refusal, signed: Option<&VerifiedSignature>) -> Denied {
    Denied { refusal, signed: signed.cloned() }
}

/// MCP-2: whoever sends a token there shows it to every log on the way, whatever else is in the request.
fn has_token_in_query(head: &Parts) -> bool {
    let Some(query) = head.uri.query() else { return false };
    match Parameters::parse(query.as_bytes()) {
        Ok(parameters) => parameters.names().any(|name| name.eq_ignore_ascii_case("access_token")),
        Err(_) => query.to_ascii_lowercase().contains("access_token"),
    }
}

fn is_event_stream(content_type: &HeaderValue) -> bool {
    let media_type = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// What the server says of itself at the root of its origin.
fn root_document(metadata: &ResourceMetadata) -> Result<Document, McpError> {
    let resource = metadata.resource();
    if metadata.scopes().is_some_and(|scopes| scopes.contains(OFFLINE)) {
        return Err(McpError::OfflineAccess);
    }
    let places = ResourceMetadata::urls(resource).map_err(|_| McpError::NotCanonical(resource.clone()))?;
    let root = places.last().filter(|_| !resource.as_str().contains('?'));
    let root = root.ok_or_else(|| McpError::NotCanonical(resource.clone()))?;
    Ok(Document::new(root.path_and_query(), metadata.to_json()))
}

/// Why a guard cannot stand in front of a server of the Model Context Protocol.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// The guard wants no access tokens.
    #[error("the guard wants no access tokens")]
    NoTokens,
    /// The resource is no `https` URL without a query: clients find no metadata of it.
    #[error("the resource {0} is not the URL of a server")]
    NotCanonical(Resource),
    /// The metadata of the resource have a scope that is none of a resource.
    #[error("offline_access is no scope of a resource")]
    OfflineAccess,
}

impl McpError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTokens => "no_access_tokens",
            Self::NotCanonical(_) => "resource_not_canonical",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NoTokens => "MCP-2",
            Self::NotCanonical(_) => "MCP-1",
            Self::OfflineAccess => "MCP-5",
        }
    }
}
