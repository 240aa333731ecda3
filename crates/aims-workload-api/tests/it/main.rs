#![cfg(test)]
//! The Workload API: client, server, and both together.

mod abuse;
mod both;
mod endpoint;
mod fake;
#[cfg(feature = "federation")]
mod federation;
#[cfg(feature = "fetch")]
mod fetch;
mod key_holder;
mod lost;
mod response;
mod secrets;
mod server;
mod source;
mod support;
#[cfg(target_os = "linux")]
mod unix;
mod wire;
