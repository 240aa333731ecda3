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
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::Guard;
use super::content::GuardedBody;
use super::request::Denied;
use crate::body::{HeldBody, Whole};
use crate::permit::Permit;

/// Puts a [`Guard`] in front of a service.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    streams: Option<u64>,
}

impl GuardLayer {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard, streams: None }
    }

    /// Hands the content of signed requests on as it comes, at most `max` bytes of it, to handlers that cannot wait for all of it. Whether it is what was signed
    /// they learn at its end: there is an error in place of the last piece if it is not. Until then they must do nothing that cannot be undone. Default:
    /// handlers get content that is verified, [whole](crate::GuardBuilder::max_content). What says by itself that it is longer reaches no handler.
    #[must_use]
    pub fn stream_content(mut self, max: u64) -> Self {
        self.streams = Some(max);
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { guard: self.guard.clone(), streams: self.streams, inner }
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
    streams: Option<u64>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
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
        let (guard, streams) = (self.guard.clone(), self.streams);
        // The service that was polled ready is the one to call; a clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        GuardFuture::new(async move {
            let (head, body) = request.into_parts();
            #[cfg(feature = "oauth")]
            if let Some(document) = guard.resource_metadata(&head) {
                return Ok(document.map(problem));
            }
            let (permit, body) = match guard.admit_body(&head, body, streams).await {
                Ok(admitted) => admitted,
                Err(denied) => return Ok(guard.refuse(&head, denied).await),
            };
            guard.hand_on(head, body, permit, &mut inner).await
        })
    }
}

impl Guard {
    /// Hands a request that was admitted to the service behind the guard, without what it authenticated with, and gives its answer what callers want of it.
    pub(super) async fn hand_on<S, B, R>(
        &self,
        mut head: Parts,
        body: GuardedBody<B>,
        permit: Permit,
        inner: &mut S,
    ) -> Result<Response<HeldBody<R>>, S::Error>
    where
        S: Service<Request<GuardedBody<B>>, Response = Response<R>>,
        R: Body<Data = Bytes>,
    {
        let signed = permit.caller().signature().cloned();
        let by_signature = signed.is_some();
        let fields =
            NOT_FOR_HANDLERS.iter().chain(by_signature.then_some(&SIGNATURE_FIELDS).into_iter().flatten());
        #[cfg(feature = "oauth")]
        let fields = fields.chain(self.inner.tokens.as_ref().map(|_| &PROOF_OF_TOKEN));
        for field in fields {
            head.headers.remove(*field);
        }
        let signed = signed.filter(|signed| self.inner.has_to_sign(signed));
        #[cfg(feature = "oauth")]
        let nonce = permit.dpop_nonce().map(str::to_owned);
        head.extensions.insert(permit);
        let response = inner.call(Request::from_parts(head, body)).await?;
        #[cfg(feature = "oauth")]
        let response = {
            let mut response = response;
            super::response::add_nonce(response.headers_mut(), nonce.as_deref());
            response
        };
        let Some(signed) = signed else { return Ok(response.map(HeldBody::passing)) };
        match self.inner.sign(&signed, response).await {
            Ok(response) => Ok(response.map(HeldBody::whole)),
            Err(refusal) => Ok(refusal.to_response().map(problem)),
        }
    }

    /// Admits a request, with its content as far as that is signed.
    async fn admit_body<B: Body<Data = Bytes>>(
        &self,
        head: &Parts,
        body: B,
        streams: Option<u64>,
    ) -> Result<(Permit, GuardedBody<B>), Denied> {
        let begun = self.begin(head).await?;
        match streams {
            Some(max) => begun.with_streamed_body(body, max).await,
            None => begun.with_body(body).await,
        }
    }

    /// The answer to a refused request: signed, if its caller takes no other.
    pub(super) async fn refuse<R>(&self, head: &Parts, denied: Denied) -> Response<HeldBody<R>> {
        let Denied { refusal, signed } = denied;
        let answer = if is_grpc(head) { refusal.to_grpc_response() } else { refusal.to_response() };
        let Some(signed) = signed.filter(|signed| self.inner.has_to_sign(signed)) else {
            return answer.map(problem);
        };
        match self.inner.sign(&signed, answer).await {
            Ok(answer) => answer.map(HeldBody::whole),
            Err(refusal) => refusal.to_response().map(problem),
        }
    }
}

/// The response of a [`GuardService`], when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct GuardFuture<R, E>(BoxFuture<'static, Result<Response<HeldBody<R>>, E>>);

impl<R, E> GuardFuture<R, E> {
    pub(super) fn new(run: impl Future<Output = Result<Response<HeldBody<R>>, E>> + Send + 'static) -> Self {
        Self(Box::pin(run))
    }
}

impl<R, E> Future for GuardFuture<R, E> {
    type Output = Result<Response<HeldBody<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R, E> std::fmt::Debug for GuardFuture<R, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}

/// A problem document, or another that is short.
pub(super) fn problem<R>(text: String) -> HeldBody<R> {
    HeldBody::whole(Whole { content: text.into(), trailers: None })
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

/// Where the caller is known by a message signature, that too.
const SIGNATURE_FIELDS: [&str; 2] = ["signature", "signature-input"];

/// Where access tokens are wanted: what shows that one is the sender's own.
#[cfg(feature = "oauth")]
const PROOF_OF_TOKEN: &str = aims_oauth::DPOP_FIELD;

const AUTHORIZATION_FIELD: &str = "authorization";

/// Where proofs were before draft -02, whether or not this guard reads it there.
pub(super) const OLD_PROOF_FIELD: &str = "workload-proof-token";
