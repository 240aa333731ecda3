//! Connections inside TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::accept::{Listener, Sealed};
use super::attest::{Attested, Attestor, NotAttested, Socket};

/// Accepts over TCP, and has each connection make its own handshake.
pub(super) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    pub(super) fn new(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { listener, acceptor: TlsAcceptor::from(config) }
    }
}

impl Sealed for TlsListener {}

impl Listener for TlsListener {
    #[cfg(feature = "reflection")]
    const IS_LOCAL: bool = false;

    type Io = TlsIo;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TlsIo>> {
        let (stream, _) = ready!(self.listener.poll_accept(cx))?;
        Poll::Ready(Ok(TlsIo::Accepted(Some((stream, self.acceptor.clone())))))
    }

    fn attest(io: &TlsIo, attestor: &dyn Attestor) -> Result<Arc<dyn Attested>, NotAttested> {
        match io {
            TlsIo::Accepted(Some((stream, _))) => attestor.accept(&Socket::Tcp(stream)),
            _ => Err(NotAttested::unavailable()),
        }
    }
}

/// A connection. It makes its handshake when it is first used: in its own task, within the time that a greeting may take.
pub(super) enum TlsIo {
    /// Taken out when the handshake begins.
    Accepted(Option<(TcpStream, TlsAcceptor)>),
    Handshake(Box<Accept<TcpStream>>),
    Open(Box<TlsStream<TcpStream>>),
}

impl TlsIo {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        loop {
            match self {
                Self::Accepted(accepted) => {
                    let Some((stream, acceptor)) = accepted.take() else {
                        return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                    };
                    *self = Self::Handshake(Box::new(acceptor.accept(stream)));
                }
                Self::Handshake(handshake) => {
                    let stream = ready!(Pin::new(handshake).poll(cx));
                    // What failed is over, and is not polled again.
                    *self = stream.map_or(Self::Accepted(None), |stream| Self::Open(Box::new(stream)));
                }
                Self::Open(stream) => return Poll::Ready(Ok(Pin::new(stream))),
            }
        }
    }
}

impl AsyncRead for TlsIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_shutdown(cx)
    }
}
