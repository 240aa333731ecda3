#![cfg(test)]
//! Tests of the public API, over every backend of the build.

mod import;
mod support;
