//! Why a relationship is not begun, or an attempt brings no bundle.

use aims_credential::{FetchError, SpiffeBundleError};
use aims_id::Origin;

use super::store::BundleStoreError;

/// Why there is no relationship, or why an attempt to get its bundle failed. What was trusted before stays trusted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FederationError {
    /// There is a relationship with this trust domain.
    #[error("{0} is federated with already")]
    AlreadyFederated(Origin),
    /// The document is not a bundle.
    #[error(transparent)]
    Bundle(#[from] SpiffeBundleError),
    /// The relationship was ended meanwhile.
    #[error("the relationship has ended")]
    Ended,
    /// The document could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The bundle for the first contact is of another trust domain than the endpoint.
    #[error("the first bundle is not of the trust domain of the endpoint")]
    ForeignBootstrap,
    /// The bundle is said to be of another trust domain, by whoever adjusted it.
    #[error("the bundle is of another trust domain")]
    ForeignBundle,
    /// The endpoint is in another trust domain than its bundle where it must be in the same, or in the same where it must be in another.
    #[error("the trust domain of the endpoint does not fit the way it is verified")]
    ForeignEndpoint,
    /// There is no relationship with this trust domain.
    #[error("{0} is not federated with")]
    NotFederated(Origin),
    /// The document is an older edition than the one that is stored.
    #[error("the bundle has sequence number {fetched}, after {stored}")]
    Older {
        /// The sequence number of the one that stays.
        stored: u64,
        /// The sequence number of the one that was fetched.
        fetched: u64,
    },
    /// Whoever was to do the work is gone: it panicked, or the runtime shut down.
    #[error("the work was broken off")]
    Stopped,
    /// The bundle could not be stored or loaded. One that was fetched counts all the same, until the process ends.
    #[error(transparent)]
    Store(#[from] BundleStoreError),
    /// The crypto provider has no cipher suite or key exchange that endpoints are reached with.
    #[error("the crypto provider does not fit")]
    TlsProvider,
}

impl FederationError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyFederated(_) => "already_federated",
            Self::Bundle(error) => error.code(),
            Self::Ended => "federation_ended",
            Self::Fetch(error) => error.code(),
            Self::ForeignBootstrap => "foreign_bootstrap",
            Self::ForeignBundle => "foreign_bundle",
            Self::ForeignEndpoint => "foreign_endpoint",
            Self::NotFederated(_) => "not_federated",
            Self::Older { .. } => "older_bundle",
            Self::Stopped => "stopped",
            Self::Store(error) => error.code(),
            Self::TlsProvider => "tls_provider",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlreadyFederated(_) | Self::ForeignBundle => "FED-11",
            Self::Bundle(error) => error.rule(),
            Self::Ended | Self::NotFederated(_) => "FED-12",
            Self::Fetch(error) => error.rule(),
            Self::ForeignBootstrap | Self::ForeignEndpoint => "FED-4",
            Self::Older { .. } => "BND-8",
            Self::Stopped => "FED-8",
            Self::Store(error) => error.rule(),
            Self::TlsProvider => "FED-13",
        }
    }
}
