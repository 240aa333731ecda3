//! Client assertions: JWTs by which a client says who it is (RFC 7521 §4.2, RFC 7523 §2.2, draft-ietf-oauth-rfc7523bis).

mod audience;
mod decoy;
mod error;
mod keys;
mod made;
mod make;
mod presented;
mod verify;

pub use self::audience::AudiencePolicy;
pub use self::error::ClientAssertionError;
pub use self::keys::ClientKeys;
pub use self::made::ClientAssertion;
pub use self::make::{ClientKey, NewClientAssertion, UnsignedClientAssertion};

pub(super) use self::presented::PresentedAssertion;
pub(super) use self::verify::{AssertionVerifier, Keys};

/// `client_assertion_type` of a JWT by a key of the client.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `client_assertion_type` of a JWT-SVID (OSC-1).
pub(super) const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// `typ` of a client assertion (CJA-4).
const ASSERTION_TYPE: &str = "client-authentication+jwt";
