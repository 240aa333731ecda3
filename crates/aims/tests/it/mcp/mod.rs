//! The Model Context Protocol, at both ends.

mod agent;
mod input;
mod messages;
mod server;
mod states;
mod streams;
mod world;
