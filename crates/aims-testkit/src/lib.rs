#![doc = include_str!("../README.md")]

#[cfg(feature = "authority")]
mod authority;
#[cfg(feature = "authority")]
mod clock;
mod refusal;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "vectors")]
pub mod vectors;

#[cfg(feature = "authority")]
pub use crate::authority::{TestAgent, TestAuthority};
#[cfg(feature = "authority")]
pub use crate::clock::TestClock;
#[cfg(feature = "tls")]
pub use crate::tls::{Handshake, HandshakeError, handshake};
