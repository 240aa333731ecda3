//! The guard as a tower layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aims_credential::WIT_FIELD;
use aims_keys::BoxFuture;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::Guard;

/// Puts a [`Guard`] in front of a service.
#[derive(Clone, Debug)]
pub struct GuardLayer(Guard);

impl GuardLayer {
    pub(super) fn new(guard: Guard) -> Self {
        Self(guard)
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { guard: self.0.clone(), inner }
    }
}

/// A service behind a [`Guard`].
///
/// The request that reaches it carries a [`Permit`](crate::Permit) among its extensions, and neither the proof nor the
/// credential any more: a handler cannot pass them on or log them (AIMS-43, WPT-18). Context tokens that the guard relies on
/// stay; a request in which one of them is not covered by the proof does not come this far.
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    guard: Guard,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<GuardBody<R>>;
    type Error = S::Error;
    type Future = GuardFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let guard = self.guard.clone();
        // The service that was polled ready is the one to call; a clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        GuardFuture(Box::pin(async move {
            let (mut head, body) = request.into_parts();
            match guard.admit(&head).await {
                Ok(permit) => {
                    for field in NOT_FOR_HANDLERS {
                        head.headers.remove(field);
                    }
                    head.extensions.insert(permit);
                    let response = inner.call(Request::from_parts(head, body)).await?;
                    Ok(response.map(GuardBody::service))
                }
                Err(refusal) if is_grpc(&head) => Ok(refusal.to_grpc_response().map(GuardBody::problem)),
                Err(refusal) => Ok(refusal.to_response().map(GuardBody::problem)),
            }
        }))
    }
}

/// The response of a [`GuardService`], when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct GuardFuture<R, E>(BoxFuture<'static, Result<Response<GuardBody<R>>, E>>);

impl<R, E> Future for GuardFuture<R, E> {
    type Output = Result<Response<GuardBody<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R, E> std::fmt::Debug for GuardFuture<R, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The body of a response: the service's own, or a problem document.
    #[derive(Debug)]
    pub struct GuardBody<B> {
        #[pin]
        from: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = FromProjection]
    enum Source<B> {
        Service { #[pin] body: B },
        Guard { problem: Option<Bytes> },
    }
}

impl<B> GuardBody<B> {
    fn service(body: B) -> Self {
        Self { from: Source::Service { body } }
    }

    fn problem(problem: String) -> Self {
        let problem = (!problem.is_empty()).then(|| problem.into());
        Self { from: Source::Guard { problem } }
    }
}

impl<B: Body<Data = Bytes>> Body for GuardBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().from.project() {
            FromProjection::Service { body } => body.poll_frame(cx),
            FromProjection::Guard { problem } => {
                Poll::Ready(problem.take().map(|data| Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            Source::Service { body } => body.is_end_stream(),
            Source::Guard { problem } => problem.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            Source::Service { body } => body.size_hint(),
            Source::Guard { problem } => {
                SizeHint::with_exact(problem.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// Whether the caller reads the answer as gRPC: `application/grpc`, with the message format behind a plus sign or without.
fn is_grpc(head: &Parts) -> bool {
    let Some(content_type) = head.headers.get(CONTENT_TYPE) else { return false };
    let Some(rest) = content_type.as_bytes().strip_prefix(b"application/grpc") else { return false };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// What a caller authenticated with, or would like a handler to believe that it did (MTLS-8).
const NOT_FOR_HANDLERS: [&str; 6] = [
    AUTHORIZATION_FIELD,
    WIT_FIELD,
    OLD_PROOF_FIELD,
    "client-cert",
    "client-cert-chain",
    "x-forwarded-client-cert",
];

const AUTHORIZATION_FIELD: &str = "authorization";

/// Where proofs were before draft -02, whether or not this guard reads it there.
pub(super) const OLD_PROOF_FIELD: &str = "workload-proof-token";
