//! Grants of other domains: what an authorization server believes that another one says (RFC 7523, identity chaining, ID-JAG).

mod error;
mod issue;
mod profile;
mod redeem;
mod request;
mod verified;
mod verify;

pub use self::error::GrantError;
pub use self::issue::{GrantIssueError, GrantIssuer, IssuedGrant};
pub use self::profile::{GrantProfile, GrantReuse};
pub use self::redeem::Redemption;
pub use self::request::GrantRequest;
pub use self::verified::VerifiedGrant;
pub use self::verify::{GrantVerifier, GrantVerifierBuilder};
