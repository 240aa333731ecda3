#![cfg(test)]
//! Tests of the public interface.

mod structured_fields;
