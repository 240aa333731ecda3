//! Why a certificate does not speak for a client.

use aims_keys::KeyError;

use crate::ErrorCode;

/// Why the certificate of a connection does not authenticate a client, one reason per check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It has ended since the connection was made.
    #[error("the certificate has expired")]
    Expired,
    /// Its key is refused.
    #[error("the key of the certificate is refused")]
    Key(#[source] KeyError),
    /// Its key is not one that the client registered.
    #[error("the key of the certificate is not one of the client")]
    KeyMismatch,
    /// It is not a certificate in DER.
    #[error("the certificate is malformed")]
    Malformed,
    /// It has not the name that the client registered.
    #[error("the certificate has not the name of the client")]
    NameMismatch,
    /// Nobody vouches for the names in it.
    #[error("nobody vouches for the certificate")]
    Unverified,
}

impl CertificateError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Key(error) => error.code(),
            Self::KeyMismatch => "certificate_key_mismatch",
            Self::Malformed => "malformed_certificate",
            Self::NameMismatch => "certificate_name_mismatch",
            Self::Unverified => "certificate_unverified",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "MTL-1"
    }

    /// What the client is told: `invalid_client`, whatever the reason (CJA-6).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        ErrorCode::InvalidClient
    }
}
