//! TLS connections in memory.

use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};

/// Both ends of a connection whose handshake is finished.
#[derive(Debug)]
#[non_exhaustive]
pub struct Handshake {
    /// The connecting end.
    pub client: ClientConnection,
    /// The accepting end.
    pub server: ServerConnection,
}

/// Why a handshake ended early: the first error, by the end whose it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum HandshakeError {
    /// The client refused.
    #[error("the client: {0}")]
    Client(Error),
    /// The server refused.
    #[error("the server: {0}")]
    Server(Error),
}

/// Shakes hands until both ends are done, without a socket.
///
/// # Errors
///
/// [`HandshakeError`].
///
/// # Panics
///
/// When neither end finishes nor fails.
pub fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<Handshake, HandshakeError> {
    use HandshakeError::{Client, Server};

    let io = |error: std::io::Error| Error::General(error.to_string());
    let name = "test.invalid".try_into().map_err(|_| Client(Error::General("a name".into())))?;
    let mut client = ClientConnection::new(Arc::clone(client), name).map_err(Client)?;
    let mut server = ServerConnection::new(Arc::clone(server)).map_err(Server)?;
    for _ in 0..ROUNDS {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).map_err(io).map_err(Client)?;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).map_err(io).map_err(Server)?;
            server.process_new_packets().map_err(Server)?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).map_err(io).map_err(Server)?;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).map_err(io).map_err(Client)?;
            client.process_new_packets().map_err(Client)?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking(), "the handshake does not end");
    Ok(Handshake { client, server })
}

/// More than any handshake takes.
const ROUNDS: usize = 6;
