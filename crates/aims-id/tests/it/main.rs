#![cfg(test)]
//! Tests of the public interface.

mod api;
mod origins;
mod patterns;
mod properties;
mod refusals;
#[cfg(feature = "serde")]
mod serialization;
mod vectors;
