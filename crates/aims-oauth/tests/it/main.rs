#![cfg(test)]
//! Tests of the public interface.

mod access_tokens;
mod challenges;
mod details;
mod dpop;
mod forms;
mod introspection;
mod names;
mod world;
