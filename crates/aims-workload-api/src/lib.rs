#![doc = include_str!("../README.md")]

#[cfg(feature = "grpc")]
mod client;
#[cfg(feature = "grpc")]
mod endpoint;
#[cfg(feature = "federation")]
pub mod federation;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(feature = "grpc")]
mod key_holder;
#[cfg(feature = "grpc")]
pub mod proto;
#[cfg(feature = "grpc")]
mod random;
mod revisions;
#[cfg(feature = "grpc")]
mod server;
#[cfg(feature = "grpc")]
mod source;

#[cfg(feature = "grpc")]
pub use crate::client::response::{JwtIdentity, WorkloadIdentity, X509Context};
#[cfg(feature = "grpc")]
pub use crate::client::{ResponseError, WorkloadApi, WorkloadApiError, response};
#[cfg(feature = "grpc")]
pub use crate::endpoint::{ENDPOINT_VARIABLE, Endpoint, EndpointError};
#[cfg(feature = "grpc")]
pub use crate::key_holder::{
    HeldKeySource, HeldKeySourceBuilder, IssuedForKey, KeyHolderApi, KeyHolderError, KeyRequest,
};
pub use crate::revisions::SPEC_REVISIONS;
#[cfg(all(feature = "grpc", target_os = "linux"))]
pub use crate::server::UnixAttestor;
#[cfg(feature = "grpc")]
pub use crate::server::{
    Accepted, Attested, Attestor, Caller, Listener, NotAttested, ServerStatus, Socket, Unattested,
    WorkloadApiServer, WorkloadApiServerBuilder,
};
#[cfg(feature = "grpc")]
pub use crate::source::{SourceStatus, StreamStatus, WorkloadSource, WorkloadSourceBuilder};
