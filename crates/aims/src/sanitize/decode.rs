//! Encodings of whole texts, wherever they begin, and whatever cuts them.

use std::ops::Range;

use super::reading::{Decoded, Kind, Reading};

/// What base64 or base64url says, in each of the four ways to divide its characters into groups.
pub(super) fn base64(text: &str, visit: &mut dyn FnMut(&Reading)) {
    // Most texts have no `+`, `/`, `-` or `_` in base64, but many are cut by them. So they are read both ways.
    let mut digits: Vec<(u8, usize)> = Vec::with_capacity(text.len());
    let mut with_symbols: Vec<(u8, usize)> = Vec::new();
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        if let Some(value) = sextet(byte) {
            if value < FIRST_SYMBOL {
                digits.push((value, at));
                if !with_symbols.is_empty() {
                    with_symbols.push((value, at));
                }
            } else if sextet(before).is_some() {
                // At the beginning it is a bullet, or joins what is quoted.
                if with_symbols.is_empty() {
                    with_symbols.clone_from(&digits);
                }
                with_symbols.push((value, at));
            }
        }
        before = byte;
    }
    for phase in 0..4 {
        groups(&digits, phase, 6).readings(Kind::Guess, visit);
        groups(&with_symbols, phase, 6).readings(Kind::Guess, &mut |reading| {
            let place = reading.place(&(0..reading.text().len())).unwrap_or_default();
            // Without a symbol it was read above.
            if text.get(place).is_some_and(|from| from.contains(['+', '/', '-', '_'])) {
                visit(reading);
            }
        });
    }
}

/// What hexadecimal digits say; each byte may be cut from the next, and begin with `0x`.
pub(super) fn hex(text: &str, visit: &mut dyn FnMut(&Reading)) {
    let mut digits: Vec<(u8, usize)> = Vec::new();
    let mut flush = |digits: &mut Vec<(u8, usize)>| {
        if digits.len() >= MIN_DIGITS {
            for phase in 0..2 {
                groups(digits, phase, 4).readings(Kind::Guess, visit);
            }
        }
        digits.clear();
    };
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let value = char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
        match value {
            Some(0) if bytes.next_if(|(_, byte)| matches!(byte, b'x' | b'X')).is_some() => {}
            Some(value) => digits.push((value, at)),
            None if byte.is_ascii_alphabetic() => flush(&mut digits),
            None => {}
        }
    }
    flush(&mut digits);
}

/// What numbers say, each for one byte, with whatever between them is no letter.
pub(super) fn codes(text: &str, visit: &mut dyn FnMut(&Reading)) {
    let mut decoded = Decoded::default();
    let mut number: Option<(u32, Range<usize>)> = None;
    for (at, byte) in text.bytes().enumerate().chain([(text.len(), b' ')]) {
        if byte.is_ascii_digit() {
            let (value, start) = number.map_or((0, at), |(value, range)| (value, range.start));
            number = Some((value.saturating_mul(10).saturating_add(u32::from(byte - b'0')), start..at + 1));
            continue;
        }
        if let Some((value, range)) = number.take() {
            // What is no byte ends the text, as one does that is not UTF-8.
            decoded.push(u8::try_from(value).unwrap_or(u8::MAX), range);
        }
        if byte.is_ascii_alphabetic() {
            std::mem::take(&mut decoded).readings(Kind::Guess, visit);
        }
    }
    decoded.readings(Kind::Guess, visit);
}

/// Bytes of digits with so many bits each, of which the first `skip` are left out.
fn groups(digits: &[(u8, usize)], skip: usize, width: u32) -> Decoded {
    let mut decoded = Decoded::default();
    let (mut bits, mut len, mut start) = (0_u16, 0, 0);
    for &(value, at) in digits.iter().skip(skip) {
        if len == 0 {
            start = at;
        }
        bits = bits << width | u16::from(value);
        len += width;
        if len >= 8 {
            len -= 8;
            let [_, byte] = (bits >> len).to_be_bytes();
            decoded.push(byte, start..at + 1);
            bits &= (1 << len) - 1;
            // What is left of this digit begins the next byte.
            start = at;
        }
    }
    decoded
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(FIRST_SYMBOL),
        b'/' | b'_' => Some(FIRST_SYMBOL + 1),
        _ => None,
    }
}

const FIRST_SYMBOL: u8 = 62;

/// Fewer hexadecimal digits say nothing that is looked for.
const MIN_DIGITS: usize = 16;
