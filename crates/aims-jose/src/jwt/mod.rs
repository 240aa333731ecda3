//! JWT: claims, the checks that every kind of token shares, and a verifier for tokens that need no more than those.

pub mod claim;
mod claims;
mod confirmation;
mod error;
mod new_claims;
mod untrusted;
mod verifier;

pub use self::claims::Claims;
pub use self::confirmation::Confirmation;
pub use self::error::ClaimsError;
pub use self::new_claims::NewClaims;
pub use self::untrusted::UntrustedToken;
pub use self::verifier::{JwtError, JwtVerifier, JwtVerifierBuilder, VerifiedJwt};
