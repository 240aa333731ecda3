#![cfg(test)]
//! Requirements of `docs/spec/jose.md`, by their identifiers.

mod base64url;
mod json;
