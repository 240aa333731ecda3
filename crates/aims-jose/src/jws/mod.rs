//! JWS in its compact form: parse, verify, sign.
//!
//! There is no JSON serialization, no `none`, no MAC and no unencoded payload: not a switch, but no code.

mod error;
mod header;
mod limits;
mod sign;
mod token;

pub use self::error::JwsError;
pub use self::header::Header;
pub use self::limits::Limits;
pub use self::sign::{NewHeader, UnsignedJws};
pub use self::token::{PeekedJws, UnverifiedJws, VerifiedJws};

/// Whether a text may stand as a `kid` (JO-HDR-05).
pub(crate) fn is_key_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_KEY_ID && !text.chars().any(char::is_control)
}

/// The longest `kid`, in bytes (JO-HDR-05).
const MAX_KEY_ID: usize = 256;
