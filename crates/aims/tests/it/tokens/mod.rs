//! Access tokens beside the proof of who calls.

mod accepted;
mod chains;
mod dpop;
mod issuers;
mod metadata;
mod opaque;
#[cfg(all(feature = "axum", feature = "hyper"))]
mod over_tls;
mod pairs;
mod passed_on;
mod scope;
mod signed;
mod world;
