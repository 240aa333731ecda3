//! Grants of other domains: what an authorization server believes that another one says (RFC 7523, identity chaining, ID-JAG).

mod error;
mod issue;
mod profile;
mod verified;
mod verify;

pub use self::error::GrantError;
pub use self::issue::{GrantIssueError, GrantIssuer, GrantRequest, IssuedGrant};
pub use self::profile::{GrantProfile, GrantReuse};
pub use self::verified::{Ceiling, VerifiedGrant};
pub use self::verify::{GrantVerifier, GrantVerifierBuilder};
