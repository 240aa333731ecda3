#![doc = include_str!("../README.md")]

mod agent;
mod body;
mod caller;
#[cfg(feature = "mtls")]
mod connection;
mod decide;
mod guard;
mod hardware;
#[cfg(feature = "mcp")]
pub mod mcp;
mod permit;
mod record;
mod sanitize;
#[cfg(feature = "tokio")]
mod transport;

pub use aims_credential::{
    BundleSet, BundleSource, CredentialSource, CurrentCredential, Holder, TrustBundle, Wit,
};
pub use aims_keys::{Clock, SystemClock, backend};
#[cfg(feature = "oauth")]
pub use aims_oauth as oauth;
pub use aims_proof::{Audiences, Authenticated, WptProfile};
#[cfg(feature = "mtls")]
pub use aims_proof::{ForwardedError, ForwardedPeer, ForwardedVerifier};
#[cfg(feature = "mtls")]
pub use aims_tls as tls;
#[cfg(any(feature = "federation", feature = "workload-api"))]
pub use aims_workload_api as workload_api;
pub use {
    aims_credential as credential, aims_httpsig as httpsig, aims_id as id, aims_jose as jose,
    aims_keys as keys, aims_proof as proof,
};

pub use crate::agent::{
    Agent, AgentError, AgentFuture, AgentLayer, AgentService, AttachError, Expected, SigningAgent,
    SigningLayer, SigningService,
};
#[cfg(feature = "oauth")]
pub use crate::agent::{TokenAgent, TokenLayer, TokenService};
pub use crate::body::HeldBody;
pub use crate::caller::Caller;
#[cfg(feature = "mtls")]
pub use crate::connection::Connection;
pub use crate::decide::{Callers, Decide, Decision, Question};
pub use crate::guard::{
    Accept, ContentError, Guard, GuardBuilder, GuardError, GuardFuture, GuardLayer, GuardService,
    GuardedBody, Refusal,
};
#[cfg(feature = "mcp")]
pub use crate::guard::{McpError, McpLayer, McpService};
pub use crate::hardware::HardwareKeys;
pub use crate::permit::{Authorized, Permit};
pub use crate::record::{
    JsonLines, KeptRecord, KeptRefusal, Outcome, ParseTraceParentError, Record, RecordError, RecordMemory,
    Recorder, TraceParent,
};
pub use crate::sanitize::Sanitizer;
#[cfg(feature = "hyper")]
pub use crate::transport::ConnectFuture;
#[cfg(feature = "tokio")]
pub use crate::transport::{
    AcceptedStream, Acceptor, ConnectedStream, ConnectionError, Connector, Listener, RefusedConnection,
};
