#![cfg(test)]
//! The Workload API: client, server, and both together.

#[cfg(feature = "grpc")]
mod abuse;
#[cfg(feature = "grpc")]
mod both;
#[cfg(feature = "grpc")]
mod endpoint;
mod evidence;
#[cfg(feature = "grpc")]
mod fake;
#[cfg(feature = "federation")]
mod federation;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "grpc")]
mod held_key_source;
mod key_holder;
#[cfg(feature = "grpc")]
mod lost;
#[cfg(feature = "grpc")]
mod mount;
#[cfg(feature = "grpc")]
mod response;
#[cfg(feature = "grpc")]
mod secrets;
#[cfg(feature = "grpc")]
mod server;
#[cfg(feature = "grpc")]
mod source;
#[cfg(feature = "grpc")]
mod support;
#[cfg(all(feature = "grpc", target_os = "linux"))]
mod unix;
#[cfg(feature = "grpc")]
mod wire;
