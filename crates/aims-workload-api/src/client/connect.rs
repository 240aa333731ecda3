//! The way to a Workload API.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint as Target, Uri};
use tower::service_fn;

use crate::Endpoint;

/// A connection that is made when it is needed, and again when it was lost.
pub(crate) fn channel(endpoint: &Endpoint) -> Channel {
    match endpoint {
        Endpoint::Tcp(address) => match Target::from_shared(format!("http://{address}")) {
            Ok(target) => with_limits(target).connect_lazy(),
            // An address is always an authority.
            Err(_) => unix(PathBuf::new()),
        },
        Endpoint::Unix(path) => unix(path.clone()),
    }
}

fn unix(path: PathBuf) -> Channel {
    let path = Arc::new(path);
    let connect = service_fn(move |_: Uri| {
        let path = Arc::clone(&path);
        async move { UnixStream::connect(&*path).await.map(TokioIo::new) }
    });
    // The name goes into `:authority` and means nothing.
    with_limits(Target::from_static("http://localhost")).connect_with_connector_lazy(connect)
}

/// Inside TLS, to a server that is who `host` says.
#[cfg(feature = "tls")]
pub(crate) fn tls_channel(host: &TlsHost) -> Channel {
    let host = host.clone();
    let connect = service_fn(move |_: Uri| {
        let host = host.clone();
        async move {
            let stream = tokio::net::TcpStream::connect((&*host.name.to_str(), host.port)).await?;
            stream.set_nodelay(true)?;
            let connector = tokio_rustls::TlsConnector::from(host.config);
            connector.connect(host.name, stream).await.map(TokioIo::new)
        }
    });
    with_limits(Target::from_static("https://localhost")).connect_with_connector_lazy(connect)
}

/// A server on another machine, and by what it is known.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
pub(crate) struct TlsHost {
    pub(crate) name: rustls::pki_types::ServerName<'static>,
    pub(crate) port: u16,
    pub(crate) config: Arc<rustls::ClientConfig>,
}

fn with_limits(target: Target) -> Target {
    target
        .connect_timeout(Duration::from_secs(5))
        // A server that hangs is found out, though nothing is sent for an hour.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
}
