//! Access tokens beside the proof of who calls.

mod passed_on;
mod signed;
mod world;
