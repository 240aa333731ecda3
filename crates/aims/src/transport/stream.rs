//! The two ends of a connection, as streams of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use aims_keys::UnixTime;
use aims_tls::{PeerError, TlsClient, VerifiedPeer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{client, server};

use super::live::{Live, Recheck};
use super::upkeep::Upkeep;
use crate::connection::Connection;

/// The accepting end of a connection. Reading and writing fail once the client is not trusted any more, and a connection on which
/// nothing is sent ends all the same.
#[derive(Debug)]
pub struct AcceptedStream<S> {
    live: Live<server::TlsStream<S>>,
    connection: Connection,
}

impl<S> AcceptedStream<S> {
    pub(super) fn new(io: server::TlsStream<S>, connection: Connection, upkeep: Upkeep) -> Self {
        let live = Live::new(io, Box::new(connection.clone()), upkeep);
        Self { live, connection }
    }

    /// Who is at the other end. A [`Guard`](crate::Guard) finds it among the extensions of each request.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The client, as it was when the connection was accepted.
    #[must_use]
    pub fn peer(&self) -> &VerifiedPeer {
        self.connection.peer()
    }

    /// The protocol that both ends agreed on (ALPN), such as `h2`.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.live.io().get_ref().1.alpn_protocol()
    }

    /// What is underneath.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.live.io().get_ref().0
    }
}

impl Recheck for Connection {
    fn check(&self, now: UnixTime) -> Result<(), PeerError> {
        Self::check(self, now).map(drop)
    }
}

/// The connecting end of a connection. Reading and writing fail once the server is not trusted any more, and a connection on which
/// nothing is sent ends all the same.
#[derive(Debug)]
pub struct ConnectedStream<S> {
    live: Live<client::TlsStream<S>>,
    peer: VerifiedPeer,
}

impl<S> ConnectedStream<S> {
    pub(super) fn new(
        io: client::TlsStream<S>,
        client: TlsClient,
        peer: VerifiedPeer,
        upkeep: Upkeep,
    ) -> Self {
        let live = Live::new(io, Box::new((client, peer.clone())), upkeep);
        Self { live, peer }
    }

    /// The server, as it was when the connection was made.
    #[must_use]
    pub fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// The protocol that both ends agreed on (ALPN), such as `h2`.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.live.io().get_ref().1.alpn_protocol()
    }

    /// What is underneath.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.live.io().get_ref().0
    }
}

impl Recheck for (TlsClient, VerifiedPeer) {
    fn check(&self, now: UnixTime) -> Result<(), PeerError> {
        self.0.peer_again(&self.1, now).map(drop)
    }
}

/// Reads and writes through the stream inside.
macro_rules! delegate {
    ($stream:ident) => {
        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for $stream<S> {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.live).poll_read(cx, buf)
            }
        }

        impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for $stream<S> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.live).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.live).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.live.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.live).poll_flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.live).poll_shutdown(cx)
            }
        }
    };
}
delegate!(AcceptedStream);
delegate!(ConnectedStream);
