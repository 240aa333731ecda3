#![cfg(test)]
//! Tests of the public API, over every backend of the build.

mod attacks;
mod blocking;
#[cfg(all(feature = "file-store", unix))]
mod file_store;
mod import;
mod store;
mod support;
mod wycheproof;
