#![cfg(test)]
//! Tests of the public API, over every backend of the build.

mod blocking;
mod import;
mod support;
