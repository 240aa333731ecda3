//! Connections over mutual TLS, from the first byte to the last.

mod accept;
#[cfg(feature = "axum")]
mod axum;
mod connect;
mod error;
mod handshake;
#[cfg(feature = "hyper")]
mod hyper;
mod listen;
mod live;
mod stream;
#[cfg(feature = "tonic")]
mod tonic;
mod upkeep;

pub use self::accept::Acceptor;
pub use self::connect::Connector;
pub use self::error::ConnectionError;
#[cfg(feature = "hyper")]
pub use self::hyper::ConnectFuture;
pub use self::listen::{Listener, RefusedConnection};
pub use self::stream::{AcceptedStream, ConnectedStream};
