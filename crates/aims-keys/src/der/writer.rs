//! Writing DER.

use zeroize::Zeroizing;

use super::INTEGER;

/// Writes one element: tag, length, and the parts of its content, one after the other.
///
/// ```
/// use aims_keys::der::{INTEGER, SEQUENCE, write};
///
/// assert_eq!(write(SEQUENCE, &[&write(INTEGER, &[&[5]])]), [0x30, 0x03, 0x02, 0x01, 0x05]);
/// ```
#[must_use]
pub fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut out = Vec::with_capacity(len + 2 + size_of::<usize>());
    out.push(tag);
    if let Ok(short @ 0..=0x7f) = u8::try_from(len) {
        out.push(short);
    } else {
        let bytes = len.to_be_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        // At most eight bytes of length, so that the sum stays a byte.
        out.push(u8::try_from(bytes.len() - zeros).map_or(u8::MAX, |count| 0x80 | count));
        out.extend(bytes.iter().skip(zeros));
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// As [`write`], for what may hold a private key.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(write(tag, parts))
}

/// A big-endian number as an INTEGER.
pub(crate) fn unsigned(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    // A byte for the sign, where the number is zero or its highest bit is set.
    let sign: &[u8] = if number.first().is_none_or(|&byte| byte >= 0x80) { &[0] } else { &[] };
    tlv(INTEGER, &[sign, number])
}
