#![doc = include_str!("../README.md")]

#[cfg(feature = "federation")]
pub mod federation;
#[cfg(feature = "fetch")]
pub mod fetch;
