//! The authorization endpoint: a user is asked.

mod pkce;
mod pushed;
mod request;
mod response;

pub use self::pkce::{CodeChallenge, CodeVerifier, PkceError};
pub use self::pushed::{PushedResponse, RequestUri};
pub use self::request::{AuthorizationRequest, RequestOrigin};
pub use self::response::{AuthorizationError, AuthorizationResponse, ExpectedAuthorization};
