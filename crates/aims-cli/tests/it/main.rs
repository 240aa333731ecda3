#![cfg(test)]
//! The `aims` program, from outside.

mod tour;
