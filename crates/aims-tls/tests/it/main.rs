#![cfg(test)]
//! Tests of the public API: handshakes in memory.

mod devices;
mod handshake;
mod refusals;
mod revocation;
mod rotation;
mod server_only;
mod support;
