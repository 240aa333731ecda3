#![cfg(test)]
//! Requirements of `docs/spec/jose.md`, by their identifiers.

mod algorithms;
mod base64;
mod base64url;
#[cfg(feature = "canonical")]
mod canonical;
mod claims;
mod evidence;
mod form;
mod header;
mod json;
#[cfg(feature = "jwe")]
mod jwe;
mod keys;
mod memo;
mod private;
mod properties;
mod sign;
mod support;
mod vectors;
