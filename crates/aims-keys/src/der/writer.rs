//! Writing DER that may hold private keys.

use zeroize::Zeroizing;

use super::INTEGER;

/// One element: tag, length, and the parts of its content.
///
/// INVARIANT: the content is below 64 KiB; all callers write keys and signatures, which are below 8 KiB.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut out = Zeroizing::new(Vec::with_capacity(len + 4));
    let [.., high, low] = len.to_be_bytes();
    out.push(tag);
    match (high, low) {
        (0, 0..=0x7f) => out.push(low),
        (0, _) => out.extend_from_slice(&[0x81, low]),
        _ => out.extend_from_slice(&[0x82, high, low]),
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A big-endian number as an INTEGER.
pub(crate) fn unsigned(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    // A byte for the sign, where the number is zero or its highest bit is set.
    let sign: &[u8] = if number.first().is_none_or(|&byte| byte >= 0x80) { &[0] } else { &[] };
    tlv(INTEGER, &[sign, number])
}
