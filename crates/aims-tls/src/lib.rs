#![doc = include_str!("../README.md")]

mod error;
mod identity;
mod peer;
mod sign;
mod tls;
mod verify;

pub use crate::error::{PeerError, TlsConfigError};
pub use crate::identity::Identity;
pub use crate::peer::VerifiedPeer;
pub use crate::tls::{MutualTls, TlsClient, TlsServer};
pub use crate::verify::PeerVerifier;
