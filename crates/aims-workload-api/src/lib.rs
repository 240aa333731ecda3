#![doc = include_str!("../README.md")]

#[cfg(feature = "fetch")]
pub mod fetch;
