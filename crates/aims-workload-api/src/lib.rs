#![doc = include_str!("../README.md")]

mod client;
mod endpoint;
#[cfg(feature = "federation")]
pub mod federation;
#[cfg(feature = "fetch")]
pub mod fetch;
mod key_holder;
pub mod proto;
mod random;
mod revisions;
mod server;
mod source;

pub use crate::client::response::{JwtIdentity, WorkloadIdentity, X509Context};
pub use crate::client::{ResponseError, WorkloadApi, WorkloadApiError, response};
pub use crate::endpoint::{ENDPOINT_VARIABLE, Endpoint, EndpointError};
pub use crate::key_holder::{
    HeldKeySource, HeldKeySourceBuilder, IssuedForKey, KeyHolderApi, KeyHolderError, KeyRequest,
};
pub use crate::revisions::SPEC_REVISIONS;
#[cfg(target_os = "linux")]
pub use crate::server::UnixAttestor;
pub use crate::server::{
    Attested, Attestor, NotAttested, ServerStatus, Socket, Unattested, WorkloadApiServer,
    WorkloadApiServerBuilder,
};
pub use crate::source::{SourceStatus, StreamStatus, WorkloadSource, WorkloadSourceBuilder};
