//! The token endpoint: what is asked for, and what is answered.

mod about;
mod error;
mod error_response;
mod request;
mod response;
mod token_type;

pub use self::about::{TokenHint, TokenQuery};
pub use self::error::MessageError;
pub(crate) use self::error_response::Said;
pub use self::error_response::{ErrorResponse, ErrorText};
pub use self::request::{CodeGrant, Grant, TokenExchange, TokenRequest, TypedToken};
pub use self::response::{TokenResponse, TokenUse};
pub use self::token_type::TokenTypeUrn;

use aims_jose::json;

pub(crate) use crate::secret::SecurityToken;

/// Of what a server answers: tokens of 16 KiB, a few of them (WIR-9).
pub(crate) const RESPONSE_LIMITS: json::Limits =
    json::Limits::new().bytes(64 * 1024).depth(32).string(16 * 1024);
