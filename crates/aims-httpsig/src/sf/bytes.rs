//! Base64 in byte sequences.

/// The bytes of base64 text. Padding may be missing and bits behind the last byte may be set (HS-SF-07); nothing else is forgiven.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    // Padding, where there is some, fills the last group.
    if digits.len() != text.len() && !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len().div_ceil(4) * 3);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            let value = *VALUES.get(usize::from(digit))?;
            if value == NONE {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        let count = group.len() * 6 / 8;
        bits <<= 6 * (4 - group.len());
        let [_, all @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(all.get(..count)?);
    }
    Some(bytes)
}

/// Base64 with padding.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    text.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut all = [0; 4];
        for (to, from) in all.iter_mut().skip(1).zip(group) {
            *to = *from;
        }
        let bits = u32::from_be_bytes(all);
        let mut digits = [b'='; 4];
        for (at, digit) in digits.iter_mut().enumerate().take(group.len() + 1) {
            // INVARIANT: there are 64 digits.
            *digit = DIGITS.get((bits >> (18 - 6 * at) & 63) as usize).copied().unwrap_or_default();
        }
        text.push_str(str::from_utf8(&digits).unwrap_or_default());
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const NONE: u8 = 0xff;

static VALUES: [u8; 256] = values();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 64_u8 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
}
