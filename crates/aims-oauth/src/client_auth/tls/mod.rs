//! Clients that their certificate speaks for: mutual TLS (RFC 8705 §2).

mod certificate;
mod dn;
mod error;
mod names;

pub use self::certificate::PeerCertificate;
pub use self::dn::{SubjectDn, SubjectDnError};
pub use self::error::CertificateError;
pub use self::names::TlsClientName;

pub(super) use self::certificate::Peer;
