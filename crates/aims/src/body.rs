//! Bodies that are held until they are whole.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::permit::Permit;

/// Content that is there as a whole.
pub(crate) struct Whole {
    pub(crate) content: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// Why content is not there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReadError<E = Infallible> {
    Broken,
    /// Whoever looked at it while it came would not have more of it.
    Refused(E),
    TooLarge,
}

/// Reads a body to its end, unless it is longer than `max`: what says so by itself is not read at all.
pub(crate) async fn read<B: Body<Data = Bytes>>(body: B, max: usize) -> Result<Whole, ReadError> {
    read_watched(body, max, |_| Ok(())).await
}

/// The same, and shows each piece as it comes to somebody who may refuse to go on.
pub(crate) async fn read_watched<B: Body<Data = Bytes>, E>(
    body: B,
    max: usize,
    mut watch: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Whole, ReadError<E>> {
    if body.size_hint().lower() > max as u64 {
        return Err(ReadError::TooLarge);
    }
    let mut body = pin!(body);
    // Most bodies come in one piece, which is kept as it is.
    let (mut first, mut rest, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame.map_err(|_| ReadError::Broken)?.into_data() {
            Ok(data) => {
                if data.len() > max - first.len() - rest.len() {
                    return Err(ReadError::TooLarge);
                }
                watch(&data).map_err(ReadError::Refused)?;
                if first.is_empty() {
                    first = data;
                } else {
                    rest.extend_from_slice(&data);
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let content = if rest.is_empty() { first } else { [first, rest.freeze()].concat().into() };
    Ok(Whole { content, trailers })
}

pin_project! {
    /// The body of a response: as it comes, for as long as its caller counts where it is a stream, or held as a whole, where it was signed, was compared with its signature, or is a guard's own.
    #[derive(Debug)]
    pub struct HeldBody<B> {
        #[pin]
        from: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = FromProjection]
    enum Source<B> {
        Passing { #[pin] body: B, permit: Option<Permit> },
        Whole { content: Option<Bytes>, trailers: Option<HeaderMap> },
    }
}

impl<B> HeldBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self { from: Source::Passing { body, permit: None } }
    }

    /// The same body, which ends when the permit does (AIMS-55). What is held as a whole was made while it counted.
    #[cfg(feature = "mcp")]
    pub(crate) fn while_permitted(self, by: Permit) -> Self {
        match self.from {
            Source::Passing { body, .. } => Self { from: Source::Passing { body, permit: Some(by) } },
            from @ Source::Whole { .. } => Self { from },
        }
    }

    pub(crate) fn whole(whole: Whole) -> Self {
        let content = (!whole.content.is_empty()).then_some(whole.content);
        Self { from: Source::Whole { content, trailers: whole.trailers } }
    }
}

impl<B: Body<Data = Bytes>> Body for HeldBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().from.project() {
            FromProjection::Passing { body, permit } => {
                let frame = ready!(body.poll_frame(cx));
                let has_ended = permit.as_ref().is_some_and(|permit| !permit.counts());
                Poll::Ready(frame.filter(|_| !has_ended))
            }
            FromProjection::Whole { content, trailers } => {
                let data = content.take().map(Frame::data);
                Poll::Ready(data.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            Source::Passing { body, .. } => body.is_end_stream(),
            Source::Whole { content, trailers } => content.is_none() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            Source::Passing { body, .. } => body.size_hint(),
            Source::Whole { content, .. } => {
                SizeHint::with_exact(content.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}
