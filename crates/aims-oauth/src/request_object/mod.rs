//! Signed authorization requests: the parameters as a JWT of the client's (RFC 9101), which nobody between client and server changes (JAR-1).

mod error;
mod make;
mod parameters;
mod presented;
mod verify;

pub use self::error::RequestObjectError;
pub use self::make::{NewRequestObject, RequestObject, UnsignedRequestObject};
pub use self::presented::PresentedRequestObject;
pub use self::verify::{RequestObjectVerifier, RequestObjectVerifierBuilder, VerifiedRequestObject};

/// `typ` (JAR-2).
pub(crate) const REQUEST_OBJECT_TYPE: &str = "oauth-authz-req+jwt";
