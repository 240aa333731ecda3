//! The messages and services as they are on the wire.
//!
//! For tests, and for programs that speak the Workload API in ways of their own. What is in these messages is not verified: the
//! [client](crate::WorkloadApi) and the [server](crate::WorkloadApiServer) are built on top. Messages that hold secrets do not show them in `Debug`,
//! and overwrite private keys when they are dropped.

mod codec;
mod secrets;

/// The SPIFFE Workload API: `proto/workload.proto`.
#[rustfmt::skip]
#[allow(
    clippy::all, clippy::allow_attributes_without_reason, clippy::pedantic, clippy::exhaustive_structs, missing_docs, unnameable_types, unreachable_pub,
    reason = "generated"
)]
#[path = "generated/workload.rs"]
pub mod workload;

/// The service for workloads that keep their own keys: `proto/key_holder.proto`.
#[rustfmt::skip]
#[allow(
    clippy::all, clippy::allow_attributes_without_reason, clippy::pedantic, clippy::exhaustive_structs, clippy::exhaustive_enums, missing_docs, unnameable_types,
    unreachable_pub,
    reason = "generated"
)]
#[path = "generated/key_holder.rs"]
pub mod key_holder;

/// `proto/workload.proto` and what it imports, as a `FileDescriptorSet`.
#[cfg(feature = "reflection")]
pub(crate) const WORKLOAD_DESCRIPTORS: &[u8] = include_bytes!("generated/workload.bin");

/// `proto/key_holder.proto`, likewise.
#[cfg(feature = "reflection")]
pub(crate) const KEY_HOLDER_DESCRIPTORS: &[u8] = include_bytes!("generated/key_holder.bin");
