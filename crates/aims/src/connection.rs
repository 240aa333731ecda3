//! Who is at the other end of a TLS connection.

use std::fmt;

use aims_credential::x509::SvidError;
use aims_credential::{Lapsed, Marks};
use aims_keys::UnixTime;
use aims_tls::{PeerError, TlsServer, VerifiedPeer};
use http::Extensions;
use rustls::CommonState;

/// The workload at the other end of a TLS connection, for a [`Guard`](crate::Guard): put it among the extensions of every request
/// that comes over the connection.
///
/// The guard asks at each request whether it is still trusted, and records it beside a caller who proves to be somebody by a token:
/// two facts, never one (ARCH-1). Cloning is cheap.
///
/// ```
/// use aims::{Clock, Connection, SystemClock};
/// use aims::tls::{PeerError, TlsServer};
///
/// /// After the handshake; with axum, `router.layer(Extension(connection))` is what serves it then.
/// fn accepted(server: &TlsServer, tls: &rustls::ServerConnection) -> Result<Connection, Box<dyn std::error::Error>> {
///     Ok(Connection::accepted(server, tls, SystemClock::default().now().try_into()?)?)
/// }
/// ```
#[derive(Clone)]
pub struct Connection {
    server: TlsServer,
    peer: VerifiedPeer,
}

impl Connection {
    /// The client of a connection whose handshake is finished.
    ///
    /// # Errors
    ///
    /// [`PeerError`]; whoever gets one closes the connection.
    pub fn accepted(server: &TlsServer, connection: &CommonState, now: UnixTime) -> Result<Self, PeerError> {
        Ok(Self { server: server.clone(), peer: server.peer(connection, now)? })
    }

    /// The connection that a request came over, if it is known: a `Connection` among its extensions, or, with the feature `axum`, the
    /// `ConnectInfo` that `Router::into_make_service_with_connect_info::<Connection>` puts there.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        let known = extensions.get::<Self>();
        #[cfg(feature = "axum")]
        let known = known.or_else(|| {
            let info = extensions.get::<axum::extract::ConnectInfo<Self>>()?;
            Some(&info.0)
        });
        known
    }

    /// The client, as it was when the connection was accepted.
    #[must_use]
    pub fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// Whether the connection may go on: the client is verified again, with what is trusted now. A server asks now and then of
    /// connections that are long quiet, or stream; a [`Guard`](crate::Guard) asks at each request.
    ///
    /// # Errors
    ///
    /// [`PeerError`]; whoever gets one closes the connection.
    pub fn check(&self, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
        self.server.peer_again(&self.peer, now)
    }

    /// As [`check`](Self::check), and by these marks, too.
    pub(crate) fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        let peer = self.check(now).map_err(|error| match error {
            PeerError::Certificate(error) => lapsed(&error),
            _ => Lapsed::Untrusted,
        })?;
        peer.still_valid(now, marks)
    }
}

/// What has ended a certificate that was verified before.
pub(crate) fn lapsed(error: &SvidError) -> Lapsed {
    match error {
        SvidError::Expired => Lapsed::Expired,
        SvidError::NotYetValid => Lapsed::NotYetValid,
        SvidError::Revoked => Lapsed::Dead,
        SvidError::Lapsed(lapsed) => *lapsed,
        _ => Lapsed::Untrusted,
    }
}

/// Shows the client.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.peer).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_a_certificate_is_said_as_exactly_as_it_is_known() {
        for (error, ended) in [
            (SvidError::Expired, Lapsed::Expired),
            (SvidError::NotYetValid, Lapsed::NotYetValid),
            (SvidError::Revoked, Lapsed::Dead),
            (SvidError::Lapsed(Lapsed::Suspended), Lapsed::Suspended),
            (SvidError::UnknownIssuer, Lapsed::Untrusted),
        ] {
            assert_eq!(lapsed(&error), ended, "{error}");
        }
    }
}
