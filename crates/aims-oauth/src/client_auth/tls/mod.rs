//! Clients that their certificate speaks for: mutual TLS (RFC 8705 §2).

#[cfg(feature = "mtls")]
mod certificate;
mod dn;
#[cfg(feature = "mtls")]
mod error;
#[cfg(feature = "mtls")]
mod matching;
mod names;

#[cfg(feature = "mtls")]
pub use self::certificate::PeerCertificate;
pub use self::dn::{SubjectDn, SubjectDnError};
#[cfg(feature = "mtls")]
pub use self::error::CertificateError;
pub use self::names::TlsClientName;

#[cfg(feature = "mtls")]
pub(super) use self::certificate::Peer;
