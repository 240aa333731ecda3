//! Keys and evidence of a software TPM, each test with one of its own.
#![cfg(all(test, unix))]

mod store;
mod support;
