//! JWT: claims, the checks that every kind of token shares, and a verifier for tokens that need no more than those.

pub mod claim;
mod claims;
mod error;
mod verifier;

pub use self::claims::Claims;
pub use self::error::ClaimsError;
pub use self::verifier::{JwtError, JwtVerifier, JwtVerifierBuilder, VerifiedJwt};
