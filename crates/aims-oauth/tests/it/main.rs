#![cfg(test)]
//! Tests of the public interface.

mod challenges;
mod forms;
mod names;
