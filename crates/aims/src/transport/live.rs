//! A stream that ends with what its connection rests on.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aims_keys::UnixTime;
use aims_tls::PeerError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::ConnectionError;
use super::upkeep::Upkeep;

/// Asks again who the other end is.
pub(super) trait Recheck: Send {
    fn check(&self, now: UnixTime) -> Result<(), PeerError>;
}

/// Looks at the other end now and then, and after the last look that failed neither reads nor writes any more.
///
/// The end is abrupt, without TLS's `close_notify`: a message that is cut must not look like one that ended.
pub(super) struct Live<S> {
    io: S,
    watch: Watch,
    /// Wakes whoever waits to read, and so a quiet connection.
    reading: Pin<Box<Sleep>>,
    /// Wakes whoever waits to write or has flushed, which may be another task; there is one only if somebody ever did.
    writing: Option<Pin<Box<Sleep>>>,
}

struct Watch {
    recheck: Box<dyn Recheck>,
    upkeep: Upkeep,
    next: Instant,
    /// When the grace of a peer that lapsed is over.
    grace_ends: Option<Instant>,
    ended: bool,
}

impl<S> Live<S> {
    pub(super) fn new(io: S, recheck: Box<dyn Recheck>, upkeep: Upkeep) -> Self {
        let next = Instant::now() + upkeep.every;
        let watch = Watch { recheck, upkeep, next, grace_ends: None, ended: false };
        Self { io, watch, reading: Box::pin(sleep_until(next)), writing: None }
    }

    pub(super) fn io(&self) -> &S {
        &self.io
    }
}

impl Watch {
    /// Looks if it is time to.
    fn check(&mut self) -> io::Result<()> {
        if self.ended {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        self.next = now + self.upkeep.every;
        // Until this look is over: what looks may panic.
        self.ended = true;
        let looked = self.upkeep.now().map_err(ConnectionError::from);
        let Err(error) = looked.and_then(|time| self.recheck.check(time).map_err(ConnectionError::from))
        else {
            self.grace_ends = None;
            self.ended = false;
            return Ok(());
        };
        let grace = if error.allows_grace() { self.upkeep.grace } else { Duration::ZERO };
        let grace_ends = *self.grace_ends.get_or_insert(now + grace);
        if grace.is_zero() || grace_ends <= now {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, error));
        }
        self.next = self.next.min(grace_ends);
        self.ended = false;
        Ok(())
    }

    /// Looks, and has the task woken when it is time to look again.
    fn poll(&mut self, timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            self.check()?;
            if timer.deadline() != self.next {
                timer.as_mut().reset(self.next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Live<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.watch.poll(&mut this.reading, cx)?;
        Pin::new(&mut this.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> Live<S> {
    /// Writes by `write`, if the other end is one to write to, and looks again though it never takes what is sent.
    fn poll_by<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.watch.check()?;
        let written = write(Pin::new(&mut self.io), cx);
        if written.is_pending() {
            self.wake_writer(cx)?;
        }
        Poll::Ready(ready!(written))
    }

    fn wake_writer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let next = self.watch.next;
        let timer = self.writing.get_or_insert_with(|| Box::pin(sleep_until(next)));
        self.watch.poll(timer, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Live<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_by(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_by(cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.poll_by(cx, AsyncWrite::poll_flush)?;
        // Whoever has sent all there was, and reads nothing (an HTTP/1.1 server with a request in hand), is woken all the same.
        if flushed.is_ready() {
            self.wake_writer(cx)?;
        }
        flushed.map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_by(cx, AsyncWrite::poll_shutdown)
    }
}

impl<S: fmt::Debug> fmt::Debug for Live<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("io", &self.io).field("ended", &self.watch.ended).finish_non_exhaustive()
    }
}
