//! Web Bot Auth: bots and sites (`docs/spec/http-signatures.md` section 15).

mod agents;
mod attacks;
mod directories;
mod directory;
mod flights;
mod outcomes;
mod sign;
mod support;
mod unaffiliated;
mod vectors;
mod verify;
