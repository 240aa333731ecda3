//! JWS in its compact form: parse, verify, sign.
//!
//! There is no JSON serialization, no `none`, no MAC and no unencoded payload: not a switch, but no code.

mod error;
mod header;
mod limits;
mod memo;
mod sign;
mod token;

pub use self::error::JwsError;
pub use self::header::Header;
pub use self::limits::Limits;
pub use self::memo::HeaderMemo;
pub use self::sign::{NewHeader, UnsignedJws, is_restricted_name};
pub use self::token::{PeekedJws, UnverifiedJws, UnverifiedSignature, VerifiedJws};

/// Whether a text may stand as a `kid` (JO-HDR-05).
pub(crate) fn is_key_id(text: &str) -> bool {
    if text.is_empty() || text.len() > MAX_KEY_ID {
        return false;
    }
    // Most are ASCII, of which the control characters are found without decoding UTF-8.
    if text.is_ascii() {
        !text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        !text.chars().any(char::is_control)
    }
}

/// The longest `kid`, in bytes (JO-HDR-05).
const MAX_KEY_ID: usize = 256;
