#![cfg(test)]
//! Tests of the public interface.

mod access_tokens;
mod challenges;
mod details;
mod dpop;
mod forms;
mod metadata;
mod names;
mod world;
