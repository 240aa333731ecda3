#![doc = include_str!("../README.md")]

mod refusal;
#[cfg(feature = "vectors")]
pub mod vectors;
