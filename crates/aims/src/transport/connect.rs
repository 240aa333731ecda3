//! Making one connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use aims_tls::TlsClient;
use http::Uri;
use http::uri::Scheme;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::ConnectionError;
use super::handshake;
use super::stream::ConnectedStream;
use super::upkeep::{Upkeep, options};
use aims_keys::Clock;

/// Makes connections over mutual TLS, and ends them with what they rest on.
///
/// Whoever answers must be one of the workloads that the [`TlsClient`] expects. An agent that calls several tools, which must not
/// be taken for each other, has a connector for each. With the feature `hyper` it is what hyper's and tonic's clients call a
/// connector, too. Cloning is cheap.
///
/// Where the key of the certificate is in a device or a key service, the handshake waits for it on another thread, and the executor
/// for nothing (TPM-46): see [`max_waiting_for_keys`](Self::max_waiting_for_keys).
///
/// ```no_run
/// use std::time::Duration;
/// use aims::Connector;
/// use aims::tls::TlsClient;
///
/// # async fn connect(client: TlsClient) -> Result<(), Box<dyn std::error::Error>> {
/// let connector = Connector::new(client).grace(Duration::from_secs(30));
/// let stream = connector.connect(&"https://tools.example".parse()?).await?;
/// println!("connected to {}", stream.peer().subject());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    client: TlsClient,
    tls: Arc<rustls::ClientConfig>,
    upkeep: Upkeep,
}

impl Connector {
    /// Makes connections as `client` does, and offers HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn new(client: TlsClient) -> Self {
        let tls = Arc::clone(client.config());
        Self { client, tls, upkeep: Upkeep::default() }.protocols(["h2", "http/1.1"])
    }

    /// The protocols to offer (ALPN), the best one first. Default: `h2`, `http/1.1`.
    #[must_use]
    pub fn protocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Arc::make_mut(&mut self.tls).alpn_protocols = names.into_iter().map(Into::into).collect();
        self
    }

    options!();

    /// Connects to the host and port of an `https` URI, and shakes hands. For a way of your own to the server, a Unix socket or a
    /// proxy, there is [`handshake`](Self::handshake).
    ///
    /// # Errors
    ///
    /// [`ConnectionError`].
    pub async fn connect(&self, target: &Uri) -> Result<ConnectedStream<TcpStream>, ConnectionError> {
        if target.scheme() != Some(&Scheme::HTTPS) {
            return Err(ConnectionError::NotHttps);
        }
        let host = target.host().ok_or(ConnectionError::NotHttps)?;
        // An IPv6 address stands in brackets there.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = server_name(host)?;
        let port = target.port_u16().unwrap_or(443);
        let connect = async {
            let tcp = TcpStream::connect((host, port)).await.map_err(ConnectionError::Io)?;
            // Requests and answers are small, and each waits for the other.
            tcp.set_nodelay(true).map_err(ConnectionError::Io)?;
            self.shake_hands(name, tcp).await
        };
        timeout(self.upkeep.handshake_timeout, connect).await.map_err(|_| ConnectionError::TimedOut)?
    }

    /// Shakes hands with the server at the other end of `io`, which is reached by the name `host`.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`]. A server refuses a client after the client's own handshake is finished: that is an error of the
    /// first read.
    pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        io: S,
    ) -> Result<ConnectedStream<S>, ConnectionError> {
        let handshake = self.shake_hands(server_name(host)?, io);
        timeout(self.upkeep.handshake_timeout, handshake).await.map_err(|_| ConnectionError::TimedOut)?
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        name: ServerName<'static>,
        io: S,
    ) -> Result<ConnectedStream<S>, ConnectionError> {
        let stream = self.secure(name, io).await.map_err(ConnectionError::handshake)?;
        let peer = self.client.peer(stream.get_ref().1, self.upkeep.now()?)?;
        Ok(ConnectedStream::new(stream, self.client.clone(), peer, self.upkeep.clone()))
    }

    async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        name: ServerName<'static>,
        mut io: S,
    ) -> io::Result<TlsStream<S>> {
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        if !self.client.signs_in_device() {
            return handshake::on_executor(connector.connect(name, io)).await;
        }
        let begun = ClientConnection::new(Arc::clone(&self.tls), name.clone()).map_err(io::Error::other)?;
        // Apart: what it needs room for, a handshake with a software key does not.
        let finished = Box::pin(handshake::on_waiting_threads(begun, &mut io, &self.upkeep.waiting)).await?;
        connector.connect_with(name, io, |connection| *connection = finished).await
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, ConnectionError> {
    ServerName::try_from(host.to_owned()).map_err(|_| ConnectionError::InvalidName)
}
