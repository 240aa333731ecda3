//! Bundles of other trust domains, kept up to date; and an endpoint that gives out one's own.

mod endpoint;
mod error;
mod federations;
#[cfg(unix)]
mod file_store;
mod parameters;
mod relationship;
mod serve;
mod state;
mod store;
mod tls;

pub use self::endpoint::BundleEndpoint;
pub use self::error::FederationError;
pub use self::federations::{Federations, FederationsBuilder};
#[cfg(unix)]
pub use self::file_store::FileBundleStore;
pub use self::parameters::Federation;
pub use self::serve::BundleServer;
pub use self::state::FederationState;
pub use self::store::{BundleStore, BundleStoreError, MemoryBundleStore};
pub use self::tls::{EndpointTls, EndpointTlsError};
