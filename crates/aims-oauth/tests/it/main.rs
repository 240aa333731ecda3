#![cfg(test)]
//! Tests of the public interface.

mod access_tokens;
mod challenges;
mod forms;
mod names;
