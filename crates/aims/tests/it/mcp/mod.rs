//! The Model Context Protocol, at both ends.

mod messages;
mod server;
mod streams;
mod world;
