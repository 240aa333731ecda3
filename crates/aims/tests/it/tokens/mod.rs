//! Access tokens beside the proof of who calls.

mod dpop;
mod metadata;
mod passed_on;
mod signed;
mod world;
