//! Accepting one connection.

use std::sync::Arc;
use std::time::Duration;

use aims_tls::TlsServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::error::ConnectionError;
use super::stream::AcceptedStream;
use super::upkeep::{Upkeep, options};
use crate::connection::Connection;
use aims_keys::Clock;

/// Accepts connections over mutual TLS, and ends them with what they rest on.
///
/// For servers that accept by themselves; most give their listener to a [`Listener`](crate::Listener). Cloning is cheap.
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
        let accept = TlsAcceptor::from(Arc::clone(&self.tls)).accept(io);
        let stream = timeout(self.upkeep.handshake_timeout, accept)
            .await
            .map_err(|_| ConnectionError::TimedOut)?
            .map_err(ConnectionError::handshake)?;
        let connection = Connection::accepted(&self.server, stream.get_ref().1, self.upkeep.now()?)?;
        Ok(AcceptedStream::new(stream, connection, self.upkeep.clone()))
    }
}
