//! Hexadecimal digits.

use std::fmt::Write;

/// Lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The inverse: pairs of lower-case digits, and no other spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// 32 bytes, as an argument of the command line.
pub(crate) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let bytes = decode(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| "a SHA-256 is 64 lower-case hexadecimal digits".into())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, sha256};

    #[test]
    fn digits_have_one_spelling() {
        assert_eq!(decode(&encode(&[0, 0x7f, 0xab])), Some(vec![0, 0x7f, 0xab]));
        assert_eq!(decode(""), Some(Vec::new()));
        for bad in ["0", "AB", "0x", "+1", " 1", "ä"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(sha256(&"ab".repeat(32)), Ok([0xab; 32]));
        assert!(sha256(&"ab".repeat(31)).is_err());
    }
}
