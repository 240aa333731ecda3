//! Why a certificate is not an authority.

use aims_keys::KeyError;

/// Why a certificate of a bundle vouches for nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum X509AuthorityError {
    /// Its key is one that is refused everywhere.
    #[error("the key of the certificate is not acceptable")]
    Key(#[source] KeyError),
    /// It is not one certificate of version 3 in DER.
    #[error("the certificate is malformed")]
    Malformed,
    /// It may not sign certificates: `cA` or `keyCertSign` is missing.
    #[error("the certificate is not one of an authority")]
    NotAnAuthority,
    /// It is longer than 16 KiB.
    #[error("the certificate is too large")]
    TooLarge,
}

impl X509AuthorityError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::Malformed => "malformed_certificate",
            Self::NotAnAuthority => "not_an_authority",
            Self::TooLarge => "certificate_too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Key(_) => "X5V-3",
            Self::Malformed | Self::NotAnAuthority | Self::TooLarge => "X5V-9",
        }
    }
}
