//! Workload Identity Tokens: issued, held and verified.

mod attested;
mod cache;
mod claims;
mod error;
mod issue;
mod issue_error;
mod profile;
mod request;
mod token;
mod verify;

pub use self::attested::Attested;
pub use self::cache::WitCache;
pub use self::error::WitError;
pub use self::issue::{UnsignedWit, WitIssuer};
pub use self::issue_error::IssueError;
pub use self::profile::WitProfile;
pub use self::request::{ClaimValue, WitRequest};
pub use self::token::Wit;
pub use self::verify::{VerifiedWit, WitVerifier, WitVerifierBuilder};

/// The HTTP field that carries a WIT, in lower case.
pub const WIT_FIELD: &str = "workload-identity-token";

/// `typ` of a WIT.
const WIT_TYPE: &str = "wit+jwt";

/// The longest lifetime of a WIT (`docs/spec/wimse.md` section 8).
const MAX_LIFETIME: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
