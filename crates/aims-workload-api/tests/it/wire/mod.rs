//! What is on the wire, byte by byte: other encoders than ours at our client and at our server.
//!
//! What SPIRE's agent answers was taken from its source, `spiffe/spire` at ef8527ec (2026-08-22): messages, order and texts from
//! `pkg/agent/endpoints/workload/handler.go`, `pkg/agent/endpoints/middleware.go` and `ratelimit.go`, certificates from
//! `pkg/server/credtemplate/builder.go`, bundles from `pkg/common/bundleutil/marshal.go`. A SPIRE was not run.

mod garbage;
mod grpc;
mod key_holder;
#[cfg(target_os = "linux")]
mod many;
mod protobuf;
#[cfg(feature = "reflection")]
mod reflection;
mod server;
mod spire;
