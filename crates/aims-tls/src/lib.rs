#![doc = include_str!("../README.md")]

mod error;
mod identity;
mod peer;
mod revisions;
mod server_only;
mod sign;
mod tls;
mod verify;

pub use crate::error::{PeerError, TlsConfigError};
pub use crate::identity::Identity;
pub use crate::peer::VerifiedPeer;
pub use crate::revisions::SPEC_REVISIONS;
pub use crate::server_only::{AnonymousTls, PublicTls};
pub use crate::sign::on_executor;
pub use crate::tls::{MutualTls, TlsClient, TlsServer};
pub use crate::verify::PeerVerifier;
