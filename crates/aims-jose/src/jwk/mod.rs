//! JSON Web Keys (RFC 7517): reading, writing, sets of them, thumbprints.

mod error;
mod key;
pub(crate) mod members;
mod private;
mod set;
mod thumbprint;

#[cfg(feature = "jwe")]
pub(crate) use self::set::read_set;

pub use self::error::JwkError;
pub use self::key::Jwk;
pub use self::private::PrivateJwk;
pub use self::set::{JwkSet, SkippedKey};
pub use self::thumbprint::{ParseThumbprintError, Thumbprint};
