//! PEM of one key, in the strict form of RFC 7468 §3.
//!
//! The text of a private key is secret: neither direction branches on, or indexes a table by, its base64 characters.

use zeroize::Zeroizing;

/// The lines around a key.
pub(crate) struct Frame {
    begin: &'static str,
    end: &'static str,
}

/// Around PKCS#8.
pub(crate) const PRIVATE_KEY: Frame =
    Frame { begin: "-----BEGIN PRIVATE KEY-----", end: "-----END PRIVATE KEY-----" };

/// Around a `SubjectPublicKeyInfo` (RFC 7468 §13).
pub(crate) const PUBLIC_KEY: Frame =
    Frame { begin: "-----BEGIN PUBLIC KEY-----", end: "-----END PUBLIC KEY-----" };

const LINE: usize = 64;
/// More than the PEM of an RSA key of 8192 bits.
const MAX_TEXT: usize = 24 * 1024;

/// The bytes of the one block in this frame that the text is.
pub(crate) fn read(frame: &Frame, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > MAX_TEXT {
        return None;
    }
    // Lines end with LF, or all with CRLF; the last line end may be missing. Nothing stands before or after the block.
    let end = if text.strip_prefix(frame.begin)?.starts_with('\r') { "\r" } else { "" };
    let (text, last_end) = match text.strip_suffix('\n') {
        Some(text) => (text, end),
        None => (text, ""),
    };
    // At LF alone: a search for two characters would look the others up in a table.
    let mut lines = text.split('\n');
    if lines.next()?.strip_suffix(end)? != frame.begin
        || lines.next_back()?.strip_suffix(last_end)? != frame.end
    {
        return None;
    }

    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut last = LINE;
    for line in lines {
        let line = line.strip_suffix(end)?;
        // Every line but the last is full, and padding is at the very end: a line after either is refused.
        if last != LINE || line.is_empty() || line.len() > LINE {
            return None;
        }
        last = if line.ends_with('=') { 0 } else { line.len() };
        decode_line(line.as_bytes(), &mut bytes)?;
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// The block around the bytes.
pub(crate) fn write(frame: &Frame, bytes: &[u8]) -> Zeroizing<String> {
    let encoded_len = bytes.len().div_ceil(3) * 4;
    let len = frame.begin.len() + frame.end.len() + 3 + encoded_len + encoded_len.div_ceil(LINE);
    let mut text = Zeroizing::new(String::with_capacity(len));
    text.push_str(frame.begin);
    text.push('\n');
    for line in bytes.chunks(LINE / 4 * 3) {
        for group in line.chunks(3) {
            let mut padded = [0; 3];
            for (to, from) in padded.iter_mut().zip(group) {
                *to = *from;
            }
            let [a, b, c] = padded;
            let sextets = [a >> 2, (a << 4 | b >> 4) & 0x3f, (b << 2 | c >> 6) & 0x3f, c & 0x3f];
            for (position, sextet) in sextets.into_iter().enumerate() {
                text.push(if position > group.len() { '=' } else { char::from(encode(sextet)) });
            }
        }
        text.push('\n');
    }
    text.push_str(frame.end);
    text.push('\n');
    text
}

fn decode_line(line: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let (groups, []) = line.as_chunks::<4>() else {
        return None;
    };
    let (last, full) = groups.split_last()?;
    for &group in full {
        bytes.extend_from_slice(&decode(group)?);
    }
    // Unused bits are zero, so that a key has one spelling.
    match *last {
        [a, b, b'=', b'='] => match decode([a, b, b'A', b'A'])? {
            [first, 0, 0] => bytes.push(first),
            _ => return None,
        },
        [a, b, c, b'='] => match decode([a, b, c, b'A'])? {
            [first, second, 0] => bytes.extend_from_slice(&[first, second]),
            _ => return None,
        },
        group => bytes.extend_from_slice(&decode(group)?),
    }
    Some(())
}

fn decode(group: [u8; 4]) -> Option<[u8; 3]> {
    let [a, b, c, d] = group.map(sextet);
    // Only a character outside the alphabet is negative.
    if a | b | c | d < 0 {
        return None;
    }
    let [_, bytes @ ..] =
        (i32::from(a) << 18 | i32::from(b) << 12 | i32::from(c) << 6 | i32::from(d)).to_be_bytes();
    Some(bytes)
}

/// The value of a base64 character; -1 for any other.
fn sextet(character: u8) -> i16 {
    let character = i16::from(character);
    // All ones where `low <= character <= high`.
    let within = |low: i16, high: i16| !((character - low) >> 8) & !((high - character) >> 8);
    let mut value = -1;
    value += within(0x41, 0x5a) & (character - 0x41 + 1);
    value += within(0x61, 0x7a) & (character - 0x61 + 27);
    value += within(0x30, 0x39) & (character - 0x30 + 53);
    value += within(0x2b, 0x2b) & 63;
    value += within(0x2f, 0x2f) & 64;
    value
}

/// The base64 character of a value below 64.
fn encode(sextet: u8) -> u8 {
    let value = i16::from(sextet);
    // All ones where `value >= from`.
    let reached = |from: i16| !((value - from) >> 8);
    let mut character = value + 0x41;
    character += reached(26) & (0x61 - 0x41 - 26);
    character += reached(52) & (0x30 - 0x61 - 26);
    character += reached(62) & (0x2b - 0x30 - 10);
    character += reached(63) & (0x2f - 0x2b - 1);
    character.to_be_bytes()[1]
}
