//! The Model Context Protocol, at both ends.

mod agent;
mod beside;
mod disguised;
mod input;
mod messages;
mod server;
mod states;
mod streams;
mod world;
