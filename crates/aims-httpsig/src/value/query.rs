//! One parameter of the query (RFC 9421 section 2.2.8).

use std::borrow::Cow;
use std::collections::HashMap;

use crate::ComponentError;

/// The queries that components of one signature are taken from: of the message, and of the request that it answers. Each is read once, however many of its
/// parameters are covered (HS-BASE-07).
#[derive(Debug, Default)]
pub(crate) struct Queries<'q> {
    pub(super) own: Option<Parameters<'q>>,
    pub(super) of_request: Option<Parameters<'q>>,
}

/// The values of a query, by the names of its parameters, encoded anew; none for a name that is there again.
#[derive(Debug)]
pub(super) struct Parameters<'q>(HashMap<String, Option<&'q str>>);

impl<'q> Parameters<'q> {
    pub(super) fn of(query: &'q str) -> Self {
        let mut parameters = HashMap::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let mut encoded = String::with_capacity(name.len());
            encode(&decode(name), &mut encoded);
            parameters.entry(encoded).and_modify(|known| *known = None).or_insert(Some(value));
        }
        Self(parameters)
    }

    /// Appends the value of the parameter with this encoded name, encoded anew (HS-VAL-14). There must be exactly one.
    pub(super) fn write(&self, name: &str, to: &mut String) -> Result<(), ComponentError> {
        let value = self.0.get(name).ok_or(ComponentError::QueryParamAbsent)?;
        encode(&decode(value.ok_or(ComponentError::QueryParamRepeated)?), to);
        Ok(())
    }
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
