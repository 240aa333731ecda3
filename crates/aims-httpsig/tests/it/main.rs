#![cfg(test)]
//! Tests of the public interface.

mod components;
mod structured_fields;
mod support;
