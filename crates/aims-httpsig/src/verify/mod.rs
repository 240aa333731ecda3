//! Verifying (RFC 9421 section 3.2).

mod candidate;
mod error;
mod fields;
mod outline;
mod policy;
mod verified;

pub use self::candidate::Candidate;
pub use self::error::VerifyError;
pub use self::fields::{MAX_SIGNATURES, SignatureFields};
pub use self::outline::SignatureOutline;
pub use self::policy::{Policy, Tag};
pub use self::verified::{
    ContentCheck, Covered, Headers, Streamed, Verified, WithContent, WithRepresentation,
};
