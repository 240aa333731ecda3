#![cfg(test)]
//! Tests of the public API, named after the requirements they exercise.

#[cfg(feature = "federation")]
mod federation;
#[cfg(feature = "fetch")]
mod fetch;
