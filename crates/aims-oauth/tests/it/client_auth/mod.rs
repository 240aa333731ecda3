//! Clients that authenticate, and others that would like to.

mod assertions;
mod attestations;
mod by_metadata;
mod presented;
#[cfg(feature = "client-secret")]
mod secrets;
mod spiffe;
pub(crate) mod support;
#[cfg(feature = "mtls")]
mod tls;
mod vectors;
#[cfg(feature = "wit-svid")]
mod wits;
