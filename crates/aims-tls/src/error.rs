//! Why there is no verified peer.

use aims_credential::x509::SvidError;
use aims_id::WorkloadId;
use rustls::{CertificateError, Error, OtherError};

/// Why the other end of a connection was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Its certificate is not one to be trusted.
    #[error(transparent)]
    Certificate(#[from] SvidError),
    /// The handshake is not finished: nobody has shown to hold a key.
    #[error("the handshake is not finished")]
    Handshaking,
    /// It presented no certificate.
    #[error("the peer presented no certificate")]
    NoCertificate,
    /// It is who it says, and not one of those that are expected.
    #[error("{0} is not one that is expected")]
    Unexpected(WorkloadId),
}

impl PeerError {
    /// Why a handshake failed, if it failed because a [`PeerVerifier`](crate::PeerVerifier) refused the other end: servers log it,
    /// since the client has heard no more than an alert.
    ///
    /// ```
    /// use aims_tls::PeerError;
    ///
    /// /// What `tokio_rustls::TlsAcceptor::accept` gave.
    /// fn log(failed: &std::io::Error) {
    ///     let tls = failed.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    ///     let refused = tls.and_then(PeerError::from_tls);
    ///     eprintln!("{}", refused.as_ref().map_or("handshake", PeerError::code));
    /// }
    /// ```
    #[must_use]
    pub fn from_tls(error: &Error) -> Option<Self> {
        let svid = match error {
            Error::NoCertificatesPresented => return Some(Self::NoCertificate),
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                return other.downcast_ref::<Self>().cloned();
            }
            Error::InvalidCertificate(CertificateError::BadSignature) => SvidError::Signature,
            Error::InvalidCertificate(CertificateError::Expired) => SvidError::Expired,
            Error::InvalidCertificate(CertificateError::NotValidYet) => SvidError::NotYetValid,
            Error::InvalidCertificate(CertificateError::Revoked) => SvidError::Revoked,
            Error::InvalidCertificate(CertificateError::ExpiredRevocationList) => {
                SvidError::RevocationOutdated
            }
            Error::InvalidCertificate(CertificateError::UnknownRevocationStatus) => {
                SvidError::RevocationUnknown
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => SvidError::UnknownIssuer,
            _ => return None,
        };
        Some(Self::Certificate(svid))
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate(error) => error.code(),
            Self::Handshaking => "handshaking",
            Self::NoCertificate => "no_certificate",
            Self::Unexpected(_) => "unexpected_peer",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Certificate(error) => error.rule(),
            Self::Handshaking => "MTLS-7",
            Self::NoCertificate => "MTLS-1",
            Self::Unexpected(_) => "X5V-7",
        }
    }
}

/// Why no TLS configuration was made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the crypto provider does not fit: {0}")]
#[non_exhaustive]
pub struct TlsConfigError(pub(crate) String);

impl TlsConfigError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "tls_provider"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "MTLS-1"
    }
}
