//! Fetching documents without being led astray.

mod address;
mod exchange;
mod guard;
mod guarded;
mod resolve;
mod trust;

pub use self::address::{IpNetwork, ParseNetworkError};
pub use self::guarded::{GuardedFetch, GuardedFetchBuilder};
pub use self::resolve::{Resolve, SystemResolver};
pub use self::trust::{WebTrust, WebTrustError};
