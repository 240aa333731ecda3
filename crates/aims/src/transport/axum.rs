//! Connections for axum.

use std::io;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpStream;

use super::listen::Listener;
use super::stream::AcceptedStream;
use crate::connection::Connection;

/// For `axum::serve`.
impl axum::serve::Listener for Listener {
    type Io = AcceptedStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        Self::accept(self).await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Self::local_addr(self)
    }
}

/// For `Router::into_make_service_with_connect_info::<Connection>`.
impl Connected<IncomingStream<'_, Listener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().connection().clone()
    }
}
