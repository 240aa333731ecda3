#![cfg(test)]
//! The `aims` program, from outside.

mod id;
mod input;
mod jwk;
mod key;
mod output;
mod readme;
mod support;
mod tour;
mod vectors;
mod wit;
mod wpt;
