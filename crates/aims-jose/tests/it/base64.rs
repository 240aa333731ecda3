//! Base64 with padding.

use aims_jose::base64::{decode, encode};
use aims_jose::base64url::Base64Error;

#[test]
fn bnd_14_x5c_has_one_spelling() {
    // RFC 4648 §10, and the two characters of this alphabet alone.
    for (text, bytes) in [
        ("", &b""[..]),
        ("Zg==", b"f"),
        ("Zm8=", b"fo"),
        ("Zm9v", b"foo"),
        ("Zm9vYg==", b"foob"),
        ("+/+/", &[0xfb, 0xff, 0xbf]),
    ] {
        assert_eq!(decode(text).unwrap(), bytes);
        assert_eq!(encode(bytes), text);
    }
    for (text, reason) in [
        ("Zg", Base64Error::Length),
        ("Zg=", Base64Error::Length),
        ("Zg===", Base64Error::Length),
        ("Z===", Base64Error::Character),
        ("====", Base64Error::Character),
        ("Zm9v====", Base64Error::Character),
        ("Zm=v", Base64Error::Character),
        ("-_-_", Base64Error::Character),
        ("Zm9\n", Base64Error::Character),
        (" Zm9", Base64Error::Character),
        ("Zh==", Base64Error::TrailingBits),
        ("Zm9=", Base64Error::TrailingBits),
    ] {
        assert_eq!(decode(text), Err(reason), "{text:?}");
    }
}
