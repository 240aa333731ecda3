//! Strict base64url: what is accepted is the one spelling of its bytes.

use aims_jose::base64url;

pub(super) fn run(input: &[u8]) {
    if let Ok(bytes) = base64url::decode(input) {
        assert_eq!(base64url::encode(&bytes).as_bytes(), input, "a second spelling was accepted");
        assert_eq!(base64url::decoded_len(input.len()), Some(bytes.len()));
    }
    let encoded = base64url::encode(input);
    assert_eq!(base64url::decode(&encoded).as_deref(), Ok(input), "the round trip changed the bytes");

    let mut small = [0; 16];
    match base64url::decode_into(input, &mut small) {
        Ok(len) => assert_eq!(base64url::decode(input).as_deref(), Ok(&small[..len])),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&["", "AA", "AAA", "AAAA", "eyJhbGciOiJFUzI1NiJ9", "_-_-", "QQ==", "QR"])
}
