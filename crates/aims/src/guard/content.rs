//! The content of requests.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aims_proof::{MessageSignatureError, SignedContent};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::body::Whole;

pin_project! {
    /// The body of a request, as a handler behind a [`Guard`](crate::Guard) gets it.
    ///
    /// Where the caller signed it, the content is there as a whole, and is what was signed; or, where the layer was told to
    /// [stream](crate::GuardLayer::stream_content), its end comes only if all of it was. Where the caller is known otherwise, nobody has looked at it.
    #[derive(Debug)]
    pub struct GuardedBody<B> {
        #[pin]
        from: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = SourceProjection]
    enum Source<B> {
        Unsigned { #[pin] body: B },
        Verified { content: Option<Bytes>, trailers: Option<HeaderMap> },
        Streamed { #[pin] body: B, check: Option<SignedContent>, held: Option<Bytes>, trailers: Option<HeaderMap> },
    }
}

impl<B> GuardedBody<B> {
    pub(super) fn unsigned(body: B) -> Self {
        Self { from: Source::Unsigned { body } }
    }

    pub(super) fn verified(whole: Whole) -> Self {
        let content = (!whole.content.is_empty()).then_some(whole.content);
        Self { from: Source::Verified { content, trailers: whole.trailers } }
    }

    pub(super) fn streamed(body: B, check: SignedContent) -> Self {
        Self { from: Source::Streamed { body, check: Some(check), held: None, trailers: None } }
    }
}

impl<B> Body for GuardedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = ContentError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentError>>> {
        match self.project().from.project() {
            SourceProjection::Unsigned { body } => {
                body.poll_frame(cx).map_err(|error| ContentError::Body(error.into()))
            }
            SourceProjection::Verified { content, trailers } => {
                let data = content.take().map(Frame::data);
                Poll::Ready(data.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            SourceProjection::Streamed { mut body, check, held, trailers } => loop {
                let Some(content) = check else {
                    // What comes behind the content, once that is verified.
                    return Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
                };
                let read = match ready!(body.as_mut().poll_frame(cx)) {
                    Some(Ok(frame)) => frame.into_data(),
                    Some(Err(error)) => {
                        (*check, *held) = (None, None);
                        return Poll::Ready(Some(Err(ContentError::Body(error.into()))));
                    }
                    None => Err(Frame::trailers(HeaderMap::new())),
                };
                match read {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        if let Err(error) = content.update(&data) {
                            (*check, *held) = (None, None);
                            return Poll::Ready(Some(Err(ContentError::Signature(error))));
                        }
                        // The last piece is held back until it is known that it is the last, and all of it what was signed.
                        if let Some(data) = held.replace(data) {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                    Err(end) => {
                        *trailers = end.into_trailers().ok().filter(|trailers| !trailers.is_empty());
                        let finished = check.take().map_or(Ok(()), SignedContent::finish);
                        let last = held.take();
                        if let Err(error) = finished {
                            *trailers = None;
                            return Poll::Ready(Some(Err(ContentError::Signature(error))));
                        }
                        if let Some(data) = last {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            Source::Unsigned { body } => body.is_end_stream(),
            Source::Verified { content, trailers } => content.is_none() && trailers.is_none(),
            Source::Streamed { check, trailers, .. } => check.is_none() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            Source::Unsigned { body } => body.size_hint(),
            Source::Verified { content, .. } => {
                SizeHint::with_exact(content.as_ref().map_or(0, |content| content.len() as u64))
            }
            // What is held back is still to come.
            Source::Streamed { .. } => SizeHint::default(),
        }
    }
}

/// Whether a head says that there is content (RFC 9112 section 6).
pub(super) fn is_announced(head: &Parts) -> bool {
    let is_empty = |length: &HeaderValue| length.as_bytes() == b"0";
    head.headers.contains_key(TRANSFER_ENCODING) || !head.headers.get_all(CONTENT_LENGTH).iter().all(is_empty)
}

/// Why a handler does not get the content of a request to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The connection failed, or whatever was in front of the guard.
    #[error("the content could not be read")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    /// It is not what was signed: what was read of it is not to be used.
    #[error("the content is not what was signed")]
    Signature(#[source] MessageSignatureError),
}

impl ContentError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Body(_) => "content_broken",
            Self::Signature(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Body(_) => "HSIG-9",
            Self::Signature(error) => error.rule(),
        }
    }
}
