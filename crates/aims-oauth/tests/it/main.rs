#![cfg(test)]
//! Tests of the public interface.

mod access_tokens;
mod actions;
mod answering;
mod authorization;
mod backchannel;
mod challenges;
mod client;
mod client_auth;
mod crossing;
mod delegation;
mod details;
mod dpop;
#[cfg(feature = "jwe")]
mod encrypted;
mod evidence;
mod exchanges;
mod forms;
mod grants;
mod id_tokens;
mod introspection;
mod issuer_keys;
mod kinds;
mod messages;
mod metadata;
mod names;
mod once;
mod opaque;
mod request_objects;
mod resource_server;
mod world;
