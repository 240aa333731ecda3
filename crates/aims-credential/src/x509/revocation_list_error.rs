//! Why a revocation list was not read.

/// Why a certificate revocation list is refused, one reason per check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// It is not one list of version 2 in DER, with `nextUpdate` and extensions.
    #[error("the revocation list is malformed")]
    Malformed,
    /// It is longer than [`RevocationList::MAX_LEN`](super::RevocationList::MAX_LEN).
    #[error("the revocation list is too large")]
    TooLarge,
    /// It says only a part of what its issuer revoked, or for another issuer, or has a critical extension that is not known.
    #[error("the revocation list is of a kind that is not processed")]
    Unsupported,
}

impl RevocationListError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed_revocation_list",
            Self::TooLarge => "revocation_list_too_large",
            Self::Unsupported => "unsupported_revocation_list",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "X5V-3"
    }
}
