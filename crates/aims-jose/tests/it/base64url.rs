//! Strict base64url (JO-B64-02, JO-ATK-08): one spelling per byte string.

use aims_jose::base64url::{Base64Error, decode, decode_into, decoded_len, encode, encode_into};
use aims_testkit::assert_refused;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

#[test]
fn rfc_4648_examples_without_padding() {
    // RFC 4648 §10, and RFC 7515 appendix C.
    let cases: [(&[u8], &str); 8] = [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        (&[3, 236, 255, 224, 193], "A-z_4ME"),
    ];
    for (bytes, text) in cases {
        assert_eq!(encode(bytes), text);
        assert_eq!(decode(text).as_deref(), Ok(bytes), "{text}");
        assert_eq!(decoded_len(text.len()), Some(bytes.len()));
    }
}

#[test]
fn jo_b64_02_jo_atk_08_second_spellings_are_refused() {
    // Of `QUJDRA` (ABCD), `QUI` (AB) and their neighbours.
    let cases = [
        ("QUJDRA==", "base64_character"),
        ("QUI=", "base64_character"),
        ("QUJDRA=", "base64_character"),
        ("====", "base64_character"),
        ("-_+_", "base64_character"),
        ("-_/_", "base64_character"),
        ("QUJD RA", "base64_character"),
        (" QUJDRA", "base64_character"),
        ("QUJDRA\n", "base64_character"),
        ("QUJDRA\r\n", "base64_character"),
        ("QUJ\nRA", "base64_character"),
        ("QUJ\0RA", "base64_character"),
        ("\0\0", "base64_character"),
        ("QU.D", "base64_character"),
        ("QU~D", "base64_character"),
        ("QU%3D", "base64_length"),
        ("QU?D", "base64_character"),
        // Full-width A: no byte above ASCII is in the alphabet.
        ("Q\u{ff21}", "base64_character"),
        ("\u{feff}Q", "base64_character"),
        ("A", "base64_length"),
        ("QUJDR", "base64_length"),
        ("QUJDRAA==", "base64_length"),
        ("QUJDRB", "base64_trailing_bits"),
        ("QUJDRP", "base64_trailing_bits"),
        ("QUJ", "base64_trailing_bits"),
        ("QUL", "base64_trailing_bits"),
        ("AB", "base64_trailing_bits"),
        ("__", "base64_trailing_bits"),
    ];
    for (text, code) in cases {
        assert_refused!(decode(text), code, "JO-B64-02", "{text:?}");
        let mut buffer = [0; 16];
        assert_refused!(decode_into(text, &mut buffer), code, "JO-B64-02", "{text:?} into a buffer");
    }
}

#[test]
fn jo_b64_02_the_alphabet_is_64_characters_in_every_place() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for place in 0..4 {
        for character in 0..=255_u8 {
            let mut text = *b"AAAA";
            text[place] = character;
            if ALPHABET.contains(&character) {
                assert_eq!(encode(decode(text).unwrap()).as_bytes(), text);
            } else {
                assert_refused!(decode(text), "base64_character", "JO-B64-02", "{text:?}");
            }
        }
    }
}

#[test]
fn jo_b64_02_each_byte_string_of_two_has_one_text() {
    // Every text of three characters: those that decode are as many as there are byte strings.
    let characters: Vec<u8> = (0..64).map(|n| encode([n << 2, 0, 0]).as_bytes()[0]).collect();
    let mut accepted = 0;
    for &a in &characters {
        for &b in &characters {
            for &c in &characters {
                match decode([a, b, c]) {
                    Ok(bytes) => {
                        accepted += 1;
                        assert_eq!(encode(bytes).as_bytes(), [a, b, c]);
                    }
                    Err(e) => assert_eq!(e, Base64Error::TrailingBits),
                }
            }
        }
    }
    assert_eq!(accepted, 1 << 16);
}

#[test]
fn jo_b64_01_a_buffer_bounds_the_text() {
    let mut buffer = [0; 4];
    assert_eq!(decode_into("QUJDRA", &mut buffer), Ok(4));
    assert_eq!(&buffer, b"ABCD");
    assert_eq!(decode_into("QUI", &mut buffer), Ok(2));
    assert_refused!(decode_into("QUJDREU", &mut buffer), "base64_too_long", "JO-B64-01");
    // The bound comes before the characters: a long text costs nothing.
    assert_refused!(decode_into("!".repeat(1 << 20), &mut buffer), "base64_too_long", "JO-B64-01");
    assert_eq!(decode_into("", &mut []), Ok(0));
}

#[test]
fn lengths_at_the_edges() {
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6].map(decoded_len),
        [Some(0), None, Some(1), Some(2), Some(3), None, Some(4)]
    );
    assert!(decoded_len(usize::MAX).is_some_and(|len| len < usize::MAX));
    for len in 0..600 {
        let bytes: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap() ^ 0xa5).collect();
        assert_eq!(encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes));
        assert_eq!(decode(encode(&bytes)), Ok(bytes));
    }
}

proptest! {
    #[test]
    fn encodes_and_decodes_as_the_base64_crate(bytes: Vec<u8>) {
        let text = encode(&bytes);
        prop_assert_eq!(&text, &URL_SAFE_NO_PAD.encode(&bytes));
        prop_assert_eq!(decode(&text), Ok(bytes));

        let mut appended = "a.".to_owned();
        encode_into(&mut appended, decode(&text).unwrap());
        prop_assert_eq!(appended, format!("a.{text}"));
    }

    /// JO-B64-02: that crate's unpadded engine is as strict, so the two accept the same texts.
    #[test]
    fn jo_b64_02_accepts_what_the_base64_crate_accepts(text in "[A-Za-z0-9_=+/.\\-]{0,40}|[AQgw_\\-]{0,12}|\\PC{0,12}") {
        let theirs = URL_SAFE_NO_PAD.decode(&text).ok();
        prop_assert_eq!(decode(&text).ok(), theirs.clone());
        let mut buffer = [0; 256];
        let ours = decode_into(&text, &mut buffer).ok().map(|len| buffer[..len].to_vec());
        prop_assert_eq!(ours, theirs);
    }

    /// JO-B64-02: what is accepted is the one spelling of its bytes.
    #[test]
    fn jo_b64_02_tampering_changes_the_bytes_or_is_refused(bytes: Vec<u8>, at: prop::sample::Index, to: u8) {
        let text = encode(&bytes);
        prop_assume!(!text.is_empty());
        let mut other = text.clone().into_bytes();
        let at = at.index(other.len());
        prop_assume!(other[at] != to);
        other[at] = to;
        prop_assert_ne!(decode(other).ok(), Some(bytes));
    }
}
