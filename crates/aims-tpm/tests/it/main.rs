//! Keys and evidence of a software TPM, each test with one of its own.
#![cfg(test)]
#![cfg(unix)]

mod between;
mod connection;
mod credential;
mod errors;
mod evidence;
mod example;
mod hierarchy;
mod hostile;
mod policy;
mod proxy;
mod queue;
mod sealed;
mod store;
mod support;
mod tcti;
mod tools;
