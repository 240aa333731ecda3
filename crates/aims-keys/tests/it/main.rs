#![cfg(test)]
//! Tests of the public API, over every backend of the build.

mod agreement;
mod algorithms;
mod attacks;
mod backends;
mod blocking;
mod curve;
#[cfg(all(feature = "file-store", unix))]
mod file_store;
mod import;
#[cfg(all(feature = "pkcs11", unix))]
mod pkcs11;
mod sealing;
mod signature_form;
mod spki;
mod store;
mod support;
mod time;
mod wycheproof;
