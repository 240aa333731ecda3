//! JWT-SVIDs: bearer tokens of SPIFFE, issued, held and verified.

mod claims;
mod error;
mod issue;
mod issue_error;
mod request;
mod source;
mod token;
mod verified;
mod verify;

pub use self::error::JwtSvidError;
pub use self::issue::{JwtSvidIssuer, UnsignedJwtSvid};
pub use self::issue_error::JwtSvidIssueError;
pub use self::request::JwtSvidRequest;
pub use self::source::{JwtSvidSource, JwtSvidUnavailable};
pub use self::token::JwtSvid;
pub use self::verified::VerifiedJwtSvid;
pub use self::verify::{JwtSvidVerifier, JwtSvidVerifierBuilder};

/// `typ` of the JWT-SVIDs issued here.
const JWT_TYPE: &str = "JWT";

/// The other `typ` that a JWT-SVID may have (JS-5).
const JOSE_TYPE: &str = "JOSE";
