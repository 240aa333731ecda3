//! Strict base64 with padding (RFC 4648 §4), for `x5c` and what else is written so: one spelling per byte string.
//!
//! ```
//! use aims_jose::base64;
//!
//! assert_eq!(base64::encode(b"wit+jwt"), "d2l0K2p3dA==");
//! assert_eq!(base64::decode("d2l0K2p3dA==")?, b"wit+jwt");
//! assert_eq!(base64::decode("d2l0K2p3dA").unwrap_err().code(), "base64_length");
//! # Ok::<(), aims_jose::base64url::Base64Error>(())
//! ```

use crate::base64url::{self, Base64Error};

/// The bytes of `text`.
///
/// # Errors
///
/// [`Base64Error`]: padding that is missing, a character of another alphabet, unused bits that are not zero.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    if !text.len().is_multiple_of(4) {
        return Err(Base64Error::Length);
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    // The two alphabets differ in two characters. What is of the other one becomes a character of neither.
    let digits: Vec<u8> = digits
        .bytes()
        .map(|digit| match digit {
            b'+' => b'-',
            b'/' => b'_',
            b'-' | b'_' => b'=',
            other => other,
        })
        .collect();
    base64url::decode(digits)
}

/// The text of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
