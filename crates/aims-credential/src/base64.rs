//! Strict base64 with padding (RFC 4648 §4), as `x5c` has it: one spelling per byte string.

use aims_jose::base64url::{self, Base64Error};

/// The bytes of `text`.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
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
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bnd_14_x5c_has_one_spelling() {
        // RFC 4648 §10, and the two characters of this alphabet alone.
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
        ] {
            assert_eq!(decode(text).unwrap(), bytes);
            assert_eq!(encode(bytes), text);
        }
        for (text, reason) in [
            ("Zg", Base64Error::Length),
            ("Zg=", Base64Error::Length),
            ("Zg===", Base64Error::Length),
            ("Z===", Base64Error::Character),
            ("====", Base64Error::Character),
            ("Zm9v====", Base64Error::Character),
            ("Zm=v", Base64Error::Character),
            ("-_-_", Base64Error::Character),
            ("Zm9\n", Base64Error::Character),
            (" Zm9", Base64Error::Character),
            ("Zh==", Base64Error::TrailingBits),
            ("Zm9=", Base64Error::TrailingBits),
        ] {
            assert_eq!(decode(text), Err(reason), "{text:?}");
        }
    }
}
