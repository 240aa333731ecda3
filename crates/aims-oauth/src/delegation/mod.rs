//! Delegation: what comes from a token is good for no more (RFC 8693, design D9 and D10).

mod crossing;
mod derivation;
mod error;
mod narrowing;
mod transcription;
mod within;

pub use self::crossing::{CrossDomain, DerivedGrant};
pub use self::derivation::{Derivation, Derived};
pub use self::error::DerivationError;
pub use self::narrowing::Narrowing;
pub use self::transcription::{ClaimTranscriber, Targets, Transcription};
