//! Fuzz targets: one plain function per parser and verifier.
//!
//! A target takes any bytes and panics when something is wrong: when the code under test panics, or when one of the
//! properties does not hold that are asserted here (what is accepted has one spelling; what was tampered with is
//! refused). [`run`](crate::run) drives them with mutations of good inputs; any other fuzzer can call the same functions.

pub mod run;
pub mod targets;

pub use crate::targets::{TARGETS, Target};
