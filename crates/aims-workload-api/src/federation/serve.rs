//! A server for a bundle endpoint.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::{BundleEndpoint, EndpointTls};

/// Serves a [`BundleEndpoint`] over TLS, to anybody.
///
/// It speaks HTTP/1.1, one request for each connection. A connection ends after 10 s, whatever is under way; where there are too
/// many, the oldest gives way to the newest.
pub struct BundleServer {
    endpoint: BundleEndpoint,
    tls: ArcSwap<ServerConfig>,
    max_connections: usize,
    timeout: Duration,
}

impl BundleServer {
    /// Serves `endpoint`, which shows who it is by `tls`.
    #[must_use]
    pub fn new(endpoint: BundleEndpoint, tls: EndpointTls) -> Self {
        Self { endpoint, tls: ArcSwap::new(tls.0), max_connections: 512, timeout: DEFAULT_TIMEOUT }
    }

    /// How many connections there may be at once. Default: 512.
    #[must_use]
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max.max(1);
        self
    }

    /// How long a connection may last, handshake included. Default: 10 s.
    #[must_use]
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Shows who it is by `tls` from the next connection on: a certificate of the web was renewed. X.509-SVIDs are renewed in their
    /// source.
    pub fn set_tls(&self, tls: EndpointTls) {
        self.tls.store(tls.0);
    }

    /// Accepts connections for as long as the future is polled; dropping it ends those under way.
    pub async fn serve(&self, tcp: TcpListener) {
        let mut connections = JoinSet::new();
        let mut begun: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                // What is over makes room.
                Some(_) = connections.join_next() => continue,
                accepted = tcp.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    begun.retain(|connection| !connection.is_finished());
                    while begun.len() >= self.max_connections {
                        let Some(oldest) = begun.pop_front() else { break };
                        oldest.abort();
                    }
                    begun.push_back(connections.spawn(self.connection(stream)));
                }
                Err(error) if is_of_client(&error) => {}
                // Of this process, which has no files left: others may be closed meanwhile.
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        }
    }

    fn connection(&self, stream: TcpStream) -> impl Future<Output = ()> + use<> {
        let acceptor = TlsAcceptor::from(self.tls.load_full());
        let (endpoint, time) = (self.endpoint.clone(), self.timeout);
        let connection = async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answer = service_fn(move |request| {
                let response = endpoint.respond(&request);
                drop::<http::Request<hyper::body::Incoming>>(request);
                ready(Ok::<_, Infallible>(response))
            });
            // What a client breaks off is its own affair.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(time)
                .keep_alive(false)
                .max_headers(MAX_HEADERS)
                .max_buf_size(MAX_BUFFER)
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        };
        async move {
            let _ = timeout(time, connection).await;
        }
    }
}

/// Shows what is served.
impl fmt::Debug for BundleServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleServer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 64;
const MAX_BUFFER: usize = 16 * 1024;
