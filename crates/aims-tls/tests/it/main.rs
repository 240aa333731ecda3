#![cfg(test)]
//! Tests of the public API: handshakes in memory.

mod handshake;
mod refusals;
mod rotation;
mod support;
