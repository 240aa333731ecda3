#![cfg(test)]
//! Tests of the public interface.

mod components;
mod digests;
mod fields;
mod messages;
mod structured_fields;
mod support;
