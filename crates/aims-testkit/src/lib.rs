#![doc = include_str!("../README.md")]

#[cfg(feature = "authority")]
mod authority;
#[cfg(feature = "oauth")]
mod authorization_server;
#[cfg(feature = "certificates")]
mod certificates;
#[cfg(feature = "authority")]
mod clock;
#[cfg(feature = "authority")]
mod device;
#[cfg(feature = "oauth")]
mod introspection;
mod refusal;
#[cfg(all(feature = "swtpm", unix))]
mod swtpm;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tpm")]
mod tpm;
#[cfg(feature = "vectors")]
pub mod vectors;

#[cfg(feature = "authority")]
pub use crate::authority::{TestAgent, TestAuthority};
#[cfg(feature = "oauth")]
pub use crate::authorization_server::{TestAnswer, TestAuthorizationServer, TestAuthorizationServerBuilder};
#[cfg(feature = "certificates")]
pub use crate::certificates::TestCertificates;
#[cfg(feature = "authority")]
pub use crate::clock::TestClock;
#[cfg(feature = "authority")]
pub use crate::device::TestDevice;
#[cfg(feature = "oauth")]
pub use crate::introspection::TestIntrospection;
#[cfg(all(feature = "swtpm", unix))]
pub use crate::swtpm::{SoftTpm, SoftTpmCa};
#[cfg(feature = "tls")]
pub use crate::tls::{Handshake, HandshakeError, handshake};
#[cfg(feature = "tpm")]
pub use crate::tpm::TestTpm;
