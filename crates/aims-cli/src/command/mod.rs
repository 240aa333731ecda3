//! The subcommands, one module each.

pub(crate) mod access_token;
pub(crate) mod attest;
pub(crate) mod bundle;
pub(crate) mod http;
pub(crate) mod id;
pub(crate) mod jwk;
pub(crate) mod jwt_svid;
pub(crate) mod key;
pub(crate) mod oauth;
pub(crate) mod revisions;
pub(crate) mod svid;
#[cfg(feature = "tpm")]
pub(crate) mod tpm;
#[cfg(not(feature = "tpm"))]
pub(crate) mod tpm_absent;
pub(crate) mod wit;
pub(crate) mod wpt;

mod anchors;
mod certificate;
mod context;
mod network;
mod public_key;
mod token;
mod trust;

use crate::failure::Failure;

/// Runs what waits for others.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| Failure::io("the runtime", &error))?.block_on(future)
}
