#![cfg(test)]
//! Entries, posture, issuing, rotation.

mod authority;
mod entries;
mod evidence;
mod join_token;
mod possession;
mod posture;
mod provisioner;
#[cfg(feature = "toml")]
mod registration;
mod rotation;
mod support;
#[cfg(all(feature = "unix-peer", target_os = "linux"))]
mod unix_peer;
