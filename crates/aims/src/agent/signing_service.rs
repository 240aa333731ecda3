//! The agent that signs, as a tower layer.

use std::task::{Context, Poll};

use aims_proof::MessageSignatureError;
use bytes::Bytes;
use http::{Request, Response, response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::signing::hint;
use super::{AgentError, AgentFuture, Expected, SigningAgent};
use crate::body::{HeldBody, ReadError, read};

/// Puts a [`SigningAgent`] in front of an HTTP client.
#[derive(Clone, Debug)]
pub struct SigningLayer(SigningAgent);

impl SigningLayer {
    pub(super) fn new(agent: SigningAgent) -> Self {
        Self(agent)
    }
}

impl<S> Layer<S> for SigningLayer {
    type Service = SigningService<S>;

    fn layer(&self, inner: S) -> SigningService<S> {
        SigningService { agent: self.0.clone(), inner }
    }
}

/// An HTTP client that sends signed requests, and verifies what is answered. The content of requests, and that of signed responses, is held until it is whole.
#[derive(Clone, Debug)]
pub struct SigningService<S> {
    agent: SigningAgent,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for SigningService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Send,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    type Response = Response<HeldBody<R>>;
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
            let content = read(body, agent.max_content()).await.map_err(AgentError::request_content)?.content;
            let expected = agent.attach(&mut head, &content).await.map_err(AgentError::Attach)?;
            let request = Request::from_parts(head, content.into());
            let response = inner.call(request).await.map_err(AgentError::Client)?;
            let (head, body) = response.into_parts();
            agent.checked(&expected, head, body).await
        })
    }
}

impl SigningAgent {
    /// A response, with its content as far as that is signed.
    pub(super) async fn checked<R, E>(
        &self,
        expected: &Expected,
        mut head: response::Parts,
        body: R,
    ) -> Result<Response<HeldBody<R>>, AgentError<E>>
    where
        R: Body<Data = Bytes>,
    {
        let signed = match self.verify(expected, &head) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Ok(Response::from_parts(head, HeldBody::passing(body))),
            Err(error) => {
                let hint = match error {
                    MessageSignatureError::Unsigned => {
                        let whole = read(body, MAX_HINT).await.ok();
                        whole.and_then(|whole| hint(&head, &whole.content))
                    }
                    _ => None,
                };
                return Err(AgentError::Response { error, status: head.status, hint });
            }
        };
        let status = head.status;
        let refused = |error| AgentError::Response { error, status, hint: None };
        let whole = read(body, self.max_content()).await.map_err(|error| match error {
            ReadError::Broken => AgentError::Content,
            ReadError::TooLarge => refused(MessageSignatureError::ContentTooLarge),
        })?;
        let verified = signed.with_content(&whole.content).map_err(refused)?;
        head.extensions.insert(verified);
        Ok(Response::from_parts(head, HeldBody::whole(whole)))
    }
}

impl<E> AgentError<E> {
    pub(super) fn request_content(error: ReadError) -> Self {
        match error {
            ReadError::Broken => Self::Content,
            ReadError::TooLarge => Self::Attach(super::AttachError::ContentTooLarge),
        }
    }
}

/// A problem document.
const MAX_HINT: usize = 8 * 1024;
