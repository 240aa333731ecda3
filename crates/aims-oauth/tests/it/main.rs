#![cfg(test)]
//! Tests of the public interface.

mod access_tokens;
mod challenges;
mod client_auth;
mod details;
mod dpop;
mod forms;
mod names;
mod world;
