//! What was decrypted is not verified.

use aims_jose::jwe::{EncryptedJws, NestedJws};
use aims_jose::{JwtVerifier, VerifiedJws, VerifiedJwt};
use aims_keys::UnixTime;

fn converted(nested: NestedJws) -> VerifiedJws {
    nested.into()
}

fn converted_to_claims(nested: NestedJws) -> VerifiedJwt {
    nested.into()
}

fn without_the_word(verifier: &JwtVerifier, nested: &NestedJws) {
    let _ = verifier.verify(nested, UnixTime::EPOCH);
}

fn encrypted(verifier: &JwtVerifier, token: &EncryptedJws<'_>) {
    let _ = verifier.verify(token, UnixTime::EPOCH);
}

fn made(text: String) -> NestedJws {
    NestedJws(text.into())
}

fn main() {}
