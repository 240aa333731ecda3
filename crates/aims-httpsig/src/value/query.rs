//! One parameter of the query (RFC 9421 section 2.2.8).

use std::borrow::Cow;

use crate::ComponentError;

/// Appends the value of the parameter with this encoded name, encoded anew (HS-VAL-14). There must be exactly one.
pub(super) fn write(query: &str, name: &str, to: &mut String) -> Result<(), ComponentError> {
    let mut found = None;
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (own, value) = piece.split_once('=').unwrap_or((piece, ""));
        if is_named(own, name) && found.replace(value).is_some() {
            return Err(ComponentError::QueryParamRepeated);
        }
    }
    encode(&decode(found.ok_or(ComponentError::QueryParamAbsent)?), to);
    Ok(())
}

/// Whether the name of a parameter, encoded anew, is this one.
fn is_named(own: &str, name: &str) -> bool {
    let mut encoded = String::with_capacity(own.len());
    encode(&decode(own), &mut encoded);
    encoded == name
}

/// As forms are decoded: `+` is a space, what is no escape stands for itself, and what is no UTF-8 becomes U+FFFD.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        bytes.push(match (first, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, behind @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = behind;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *first,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The percent-encode set of forms, and `%20` for a space.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            to.push(byte.into());
        } else {
            to.push('%');
            for digit in [byte >> 4, byte & 15] {
                to.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
}
