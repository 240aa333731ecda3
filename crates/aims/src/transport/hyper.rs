//! Connections for the clients of hyper and tonic.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aims_keys::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::connect::Connector;
use super::error::ConnectionError;
use super::stream::ConnectedStream;

/// For `hyper_util::client::legacy::Client`, and tonic's `Endpoint::connect_with_connector`.
impl Service<Uri> for Connector {
    type Response = TokioIo<ConnectedStream<TcpStream>>;
    type Error = ConnectionError;
    type Future = ConnectFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> ConnectFuture {
        let connector = self.clone();
        ConnectFuture(Box::pin(async move { connector.connect(&target).await.map(TokioIo::new) }))
    }
}

impl Connection for ConnectedStream<TcpStream> {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.protocol() == Some(b"h2") { connected.negotiated_h2() } else { connected }
    }
}

/// A connection, when it is made.
#[must_use = "futures do nothing unless polled"]
pub struct ConnectFuture(BoxFuture<'static, Result<TokioIo<ConnectedStream<TcpStream>>, ConnectionError>>);

impl Future for ConnectFuture {
    type Output = Result<TokioIo<ConnectedStream<TcpStream>>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ConnectFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectFuture").finish_non_exhaustive()
    }
}
