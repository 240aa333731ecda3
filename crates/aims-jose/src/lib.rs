#![doc = include_str!("../README.md")]

pub mod base64;
pub mod base64url;
pub mod json;
#[cfg(feature = "jwe-parse")]
pub mod jwe;
mod jwk;
mod jws;
pub mod jwt;
mod short;

pub use crate::jwk::{Jwk, JwkError, JwkSet, ParseThumbprintError, PrivateJwk, SkippedKey, Thumbprint};
pub use crate::jws::{
    Header, HeaderMemo, JwsError, Limits, NewHeader, PeekedJws, UnsignedJws, UnverifiedJws,
    UnverifiedSignature, VerifiedJws, is_restricted_name,
};
pub use crate::jwt::{
    Claims, ClaimsError, Confirmation, JwtError, JwtVerifier, JwtVerifierBuilder, NewClaims, UntrustedToken,
    VerifiedJwt,
};
