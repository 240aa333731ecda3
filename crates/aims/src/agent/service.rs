//! The agent as a tower layer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aims_keys::BoxFuture;
use aims_proof::MessageSignatureError;
use http::{Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use super::target::Origin;
use super::{Agent, AttachError};

/// Puts an [`Agent`] in front of an HTTP client.
#[derive(Clone, Debug)]
pub struct AgentLayer {
    agent: Agent,
    service: Option<Arc<Origin>>,
}

impl AgentLayer {
    pub(super) fn new(agent: Agent, service: Option<Origin>) -> Self {
        Self { agent, service: service.map(Arc::new) }
    }
}

impl<S> Layer<S> for AgentLayer {
    type Service = AgentService<S>;

    fn layer(&self, inner: S) -> AgentService<S> {
        AgentService { agent: self.agent.clone(), service: self.service.clone(), inner }
    }
}

/// An HTTP client that sends requests as an [`Agent`].
#[derive(Clone, Debug)]
pub struct AgentService<S> {
    agent: Agent,
    service: Option<Arc<Origin>>,
    inner: S,
}

impl<S, B> Service<Request<B>> for AgentService<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = AgentError<S::Error>;
    type Future = AgentFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(AgentError::Client)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let agent = self.agent.clone();
        let service = self.service.clone();
        // The service that was polled ready is the one to call; a clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        AgentFuture::new(async move {
            let (mut head, body) = request.into_parts();
            let attached = match service.map(|service| service.audience(&head.uri)).transpose() {
                Ok(Some(audience)) => agent.attach_for(&audience, &mut head.headers).await,
                Ok(None) => agent.attach(&head.uri, &mut head.headers).await,
                Err(error) => Err(error),
            };
            attached.map_err(AgentError::Attach)?;
            inner.call(Request::from_parts(head, body)).await.map_err(AgentError::Client)
        })
    }
}

/// The response of an [`AgentService`], when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct AgentFuture<R, E>(BoxFuture<'static, Result<R, AgentError<E>>>);

impl<R, E> AgentFuture<R, E> {
    pub(super) fn new(future: impl Future<Output = Result<R, AgentError<E>>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<R, E> Future for AgentFuture<R, E> {
    type Output = Result<R, AgentError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R, E> fmt::Debug for AgentFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentFuture").finish_non_exhaustive()
    }
}

/// Why a request of an [`AgentService`] failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError<E> {
    /// It was not sent: credential or proof could not be attached.
    #[error(transparent)]
    Attach(AttachError),
    /// The client failed.
    #[error("the request failed")]
    Client(#[source] E),
    /// The content of the request, or of a signed response, could not be read.
    #[error("the content could not be read")]
    Content,
    /// The response is not to be believed.
    #[error("the response is refused, with its status {}{}", status.as_u16(), Hint(*hint))]
    Response {
        /// Why.
        #[source]
        error: MessageSignatureError,
        /// The status that it had: for people who look for what is wrong. Anybody may have written it, a gateway before the server among others.
        status: StatusCode,
        /// The problem type of WIMSE by which an unsigned error says why it is not signed, or that the request was badly signed: a hint that
        /// anybody may have written.
        hint: Option<&'static str>,
    },
    /// The tool wants what a user has to be asked for.
    #[cfg(feature = "oauth")]
    #[error("the tool {resource} wants what a user has to be asked for: {wanted}")]
    StepUp {
        /// What it wants.
        wanted: aims_oauth::StepUp,
        /// The tool.
        resource: aims_oauth::Resource,
    },
    /// The client followed a redirect, which took the credential to a target that the proof was not for.
    #[error("the client followed a redirect")]
    Redirected,
}

/// The last part of a problem type: its name.
struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((_, name)) = self.0.and_then(|kind| kind.rsplit_once('#')) else { return Ok(()) };
        write!(f, " and the hint {name}")
    }
}
