//! Connections for tonic.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use super::listen::Listener;
use super::stream::AcceptedStream;
use crate::connection::Connection;

/// For `tonic::transport::Server::serve_with_incoming`. It never ends, and has no errors.
impl Stream for Listener {
    type Item = io::Result<AcceptedStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (stream, _) = ready!(self.poll_accept(cx));
        Poll::Ready(Some(Ok(stream)))
    }
}

/// The [`Connection`] is among the extensions of every request.
impl Connected for AcceptedStream<TcpStream> {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection().clone()
    }
}
