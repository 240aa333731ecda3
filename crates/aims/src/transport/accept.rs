//! Accepting one connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use aims_tls::TlsServer;
use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::error::ConnectionError;
use super::handshake;
use super::stream::AcceptedStream;
use super::upkeep::{Upkeep, options};
use crate::connection::Connection;
use aims_keys::Clock;

/// Accepts connections over mutual TLS, and ends them with what they rest on.
///
/// For servers that accept by themselves; most give their listener to a [`Listener`](crate::Listener). Cloning is cheap.
///
/// Where the key of the certificate is in a device or a key service, the handshake waits for it on another thread, and the executor
/// for nothing (TPM-46): see [`max_waiting_for_keys`](Self::max_waiting_for_keys).
#[derive(Clone, Debug)]
pub struct Acceptor {
    server: TlsServer,
    tls: Arc<rustls::ServerConfig>,
    upkeep: Upkeep,
}

impl Acceptor {
    /// Accepts clients as `server` does, and offers HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn new(server: TlsServer) -> Self {
        let tls = Arc::clone(server.config());
        Self { server, tls, upkeep: Upkeep::default() }.protocols(["h2", "http/1.1"])
    }

    /// The protocols to offer (ALPN), the best one first. Default: `h2`, `http/1.1`.
    #[must_use]
    pub fn protocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Arc::make_mut(&mut self.tls).alpn_protocols = names.into_iter().map(Into::into).collect();
        self
    }

    options!();

    /// Shakes hands with a client, and says who it is.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`]: the client was told no more than an alert of TLS.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
    ) -> Result<AcceptedStream<S>, ConnectionError> {
        let stream = timeout(self.upkeep.handshake_timeout, self.shake_hands(io))
            .await
            .map_err(|_| ConnectionError::TimedOut)?
            .map_err(ConnectionError::handshake)?;
        let connection = Connection::accepted(&self.server, stream.get_ref().1, self.upkeep.now()?)?;
        Ok(AcceptedStream::new(stream, connection, self.upkeep.clone()))
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(&self, mut io: S) -> io::Result<TlsStream<S>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls));
        if !self.server.signs_in_device() {
            return handshake::on_executor(acceptor.accept(io)).await;
        }
        let begun = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        // Apart: what it needs room for, a handshake with a software key does not.
        let finished = Box::pin(handshake::on_waiting_threads(begun, &mut io, &self.upkeep.waiting)).await?;
        acceptor.accept_with(io, |connection| *connection = finished).await
    }
}
