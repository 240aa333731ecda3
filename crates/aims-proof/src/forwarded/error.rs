//! Why nobody is known behind a proxy.

use aims_credential::x509::SvidError;

/// Why what a proxy forwards was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardedError {
    /// The field stands twice, or names several clients: which of them the proxy has seen, nobody can tell.
    #[error("the proxy forwards more than one client")]
    Ambiguous,
    /// The field contradicts itself, or names another proxy than the one at the other end.
    #[error("what the proxy forwards does not fit together")]
    Contradiction,
    /// The field is not what its specification says.
    #[error("what the proxy forwards is malformed")]
    Malformed,
    /// The proxy names no client.
    #[error("the proxy forwards no client")]
    Missing,
    /// The proxy forwards a name without a certificate.
    #[error("the proxy forwards a name without a certificate")]
    NoCertificate,
    /// The other end of the connection is no proxy: whatever it says of others counts for nothing.
    #[error("the other end of the connection is not a proxy")]
    NotProxy,
    /// The client's certificate is not one to be trusted.
    #[error(transparent)]
    Svid(#[from] SvidError),
    /// The field is longer than is read.
    #[error("what the proxy forwards is too long")]
    TooLarge,
}

impl ForwardedError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous => "forwarded_ambiguous",
            Self::Contradiction => "forwarded_contradiction",
            Self::Malformed => "forwarded_malformed",
            Self::Missing => "forwarded_missing",
            Self::NoCertificate => "forwarded_without_certificate",
            Self::NotProxy => "not_a_proxy",
            Self::Svid(error) => error.code(),
            Self::TooLarge => "forwarded_too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Svid(error) => error.rule(),
            _ => "MTLS-8",
        }
    }
}
