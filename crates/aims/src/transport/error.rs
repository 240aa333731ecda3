//! Why there is no connection, or none any more.

use std::io;

use aims_credential::Lapsed;
use aims_credential::x509::SvidError;
use aims_keys::BeforeEpoch;
use aims_tls::PeerError;

/// Why a connection was not made, or has ended.
///
/// A stream that ends for such a reason gives it inside an [`io::Error`] of the kind [`ConnectionAborted`](io::ErrorKind); a client
/// on top of it has that somewhere among its sources:
///
/// ```
/// use std::error::Error;
/// use aims::ConnectionError;
///
/// fn reason<'a>(failed: &'a (dyn Error + 'static)) -> Option<&'a ConnectionError> {
///     let io = failed.downcast_ref::<std::io::Error>();
///     let found = io.and_then(|io| io.get_ref()?.downcast_ref::<ConnectionError>());
///     found.or_else(|| reason(failed.source()?))
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The clock stands before 1970: nobody can say what is valid.
    #[error(transparent)]
    Clock(#[from] BeforeEpoch),
    /// It had not finished its handshake when there were too many.
    #[error("there were too many handshakes")]
    Crowded,
    /// The network failed, or the other end broke the protocol, or refused this one.
    #[error("the connection failed: {0}")]
    Io(#[source] io::Error),
    /// The server is to be reached by what is neither a host name nor an address.
    #[error("the name of the server is neither a host name nor an address")]
    InvalidName,
    /// The target is not an `https` URI with a host.
    #[error("the target is not an https URI with a host")]
    NotHttps,
    /// The other end is not, or not any more, one to talk to.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Connecting and the handshake took too long.
    #[error("the handshake took too long")]
    TimedOut,
}

impl ConnectionError {
    /// What tokio-rustls says of a handshake.
    pub(super) fn handshake(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match tls.and_then(PeerError::from_tls) {
            Some(refused) => Self::Peer(refused),
            None => Self::Io(error),
        }
    }

    /// Whether what is under way may go on for a while. What somebody cut off may not.
    pub(super) fn allows_grace(&self) -> bool {
        let Self::Peer(PeerError::Certificate(error)) = self else { return false };
        match error {
            SvidError::Expired
            | SvidError::RevocationOutdated
            | SvidError::UnknownIssuer
            | SvidError::UnknownTrustDomain => true,
            SvidError::Lapsed(lapsed) => {
                matches!(lapsed, Lapsed::Expired | Lapsed::MarksUnavailable | Lapsed::Untrusted)
            }
            _ => false,
        }
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Clock(error) => error.code(),
            Self::Crowded => "too_many_handshakes",
            Self::Io(_) => "connection_failed",
            Self::InvalidName => "invalid_server_name",
            Self::NotHttps => "not_https",
            Self::Peer(error) => error.code(),
            Self::TimedOut => "handshake_timeout",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Clock(error) => error.rule(),
            Self::Peer(error) => error.rule(),
            Self::Crowded | Self::InvalidName | Self::Io(_) | Self::NotHttps | Self::TimedOut => "MTLS-1",
        }
    }
}
