#![cfg(test)]
//! Tests of the public interface.

mod access_tokens;
mod authorization;
mod challenges;
mod client_auth;
mod delegation;
mod details;
mod dpop;
mod evidence;
mod forms;
mod grants;
mod introspection;
mod issuer_keys;
mod messages;
mod metadata;
mod names;
mod opaque;
mod resource_server;
mod world;
