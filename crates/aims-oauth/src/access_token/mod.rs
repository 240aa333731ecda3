//! Access tokens as JWTs (RFC 9068): who acts, for whom, on what.

mod actors;
mod claims;
mod error;
mod issue;
mod issuers;
mod new_actor;
mod respond;
mod verified;
mod verify;

pub(crate) use self::actors::MAX_DEPTH as MAX_ACTORS;
pub(crate) use self::actors::check as check_actors;
pub use self::actors::{Actor, ActorChain};
pub use self::claims::TokenBinding;
pub use self::error::AccessTokenError;
pub use self::issue::{
    AccessTokenIssueError, AccessTokenIssuer, AccessTokenRequest, IssuedAccessToken, UnsignedAccessToken,
};
pub use self::new_actor::NewActor;
pub use self::respond::IntrospectionResponse;
pub use self::verified::VerifiedAccessToken;
pub(crate) use self::verify::MAX_ANSWER;
pub use self::verify::{AccessTokenVerifier, AccessTokenVerifierBuilder};

const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// Of what a server says of a token, signed (RFC 9701).
pub(crate) const INTROSPECTION_TYPE: &str = "token-introspection+jwt";
