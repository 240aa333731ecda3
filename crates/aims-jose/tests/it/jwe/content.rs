//! What is encrypted, and that it is encrypted anew each time (JO-JWE-11, JO-JWE-12).

use std::collections::BTreeSet;

use aims_jose::jwe::{EncryptedJws, EncryptionKey, encrypt};
use aims_jose::{Limits, base64url};
use aims_testkit::assert_refused;

use super::support::*;
use crate::support::{KEYS, NOW, builder, claims, header, sign, token};

#[test]
fn jo_jwe_11_what_goes_in_comes_out() {
    for recipient in WORLD.recipients() {
        let key = EncryptionKey::parse(&recipient.public).unwrap();
        for signer in KEYS.all() {
            let signed = sign(signer, header(signer), claims(""));
            let nested = decrypt(&encrypt(&signed, &key).unwrap()).unwrap();
            assert_eq!(nested.unverified(), signed);
            builder().build().verify(nested.unverified(), NOW).unwrap();
        }
    }
}

#[test]
fn jo_jwe_11_only_signed_tokens_are_content() {
    let encrypted = good(&WORLD.p256).token();
    let bare = claims("");
    let unsigned = format!("{}.{}.", base64url::encode(r#"{"alg":"none"}"#), base64url::encode(&bare));
    let alg_none = format!("{}.{}.AA", base64url::encode(r#"{"alg":"none"}"#), base64url::encode(&bare));
    let mac = format!("{}.{}.AA", base64url::encode(r#"{"alg":"HS256"}"#), base64url::encode(&bare));
    let spaced = format!(" {}", token());
    let contents: [&[u8]; 11] = [
        // A token in a token in a token.
        encrypted.as_bytes(),
        // Claims that nobody signed.
        bare.as_bytes(),
        unsigned.as_bytes(),
        alg_none.as_bytes(),
        mac.as_bytes(),
        b"foo",
        b"..",
        b"\xff\xfe.e30.AA",
        b"{\"payload\":\"\",\"protected\":\"..\"}",
        spaced.as_bytes(),
        b"\0",
    ];
    let key = EncryptionKey::parse(&WORLD.p256.public).unwrap();
    for content in contents {
        let name = String::from_utf8_lossy(content);
        for recipient in WORLD.recipients() {
            let token = Forgery { content: content.to_vec(), ..Forgery::new(recipient) }.seal().token();
            assert_refused!(decrypt(&token), "not_a_signed_token", "JO-JWE-11", "{name}");
        }
        if let Ok(text) = str::from_utf8(content) {
            assert_refused!(encrypt(text, &key), "not_a_signed_token", "JO-JWE-11", "{name}");
        }
    }
    // No content at all has no segment.
    let nothing = Forgery { content: Vec::new(), ..Forgery::new(&WORLD.p256) }.seal().token();
    assert_refused!(decrypt(&nothing), "malformed_token", "JO-JWE-02");
    assert_refused!(encrypt("", &key), "not_a_signed_token", "JO-JWE-11");
}

#[test]
fn jo_jwe_11_nothing_is_encrypted_that_nobody_would_read() {
    const LIMIT: usize = 16 * 1024;
    let signed = |len: usize| {
        sign(&KEYS.ed25519, header(&KEYS.ed25519), claims(&format!(r#","pad":"{}""#, "a".repeat(len))))
    };
    // The longest that is read, and longer ones: a character more of `kid` or content is one or two more of the token.
    for recipient in WORLD.recipients() {
        let key = EncryptionKey::parse(&recipient.public).unwrap();
        let fits = (8300..9500).find(|&len| encrypt(&signed(len + 4), &key).is_err()).unwrap();
        let named = |(len, kid): (usize, usize)| {
            encrypt(&signed(len), &key.clone().with_key_id(&"k".repeat(kid)).unwrap())
        };
        let lens = (fits - 4..fits + 4).flat_map(|len| (1..20).map(move |kid| (len, kid)));
        let (accepted, refused): (Vec<_>, Vec<_>) = lens.map(named).partition(Result::is_ok);
        let longest = accepted.into_iter().map(Result::unwrap).max_by_key(String::len).unwrap();
        assert_eq!(longest.len(), LIMIT, "{}", recipient.kid);
        EncryptedJws::parse(&longest, &Limits::new()).unwrap();
        assert!(refused.len() > 20);
        for refusal in refused {
            assert_refused!(refusal, "token_too_long", "JO-JWE-02");
        }
    }
    // Too long before it is encrypted.
    let key = EncryptionKey::parse(&WORLD.p256.public).unwrap();
    assert_refused!(encrypt(&signed(LIMIT), &key), "not_a_signed_token", "JO-JWE-11");
}

#[test]
fn jo_jwe_03_jo_jwe_06_the_header_says_what_the_key_is_for_and_nothing_else() {
    let cases = [
        (
            &WORLD.p256,
            r#"{"alg":"ECDH-ES+A256KW","cty":"JWT","enc":"A256GCM","epk":{"crv":"P-256","kty":"EC","x":"#,
        ),
        (
            &WORLD.p384,
            r#"{"alg":"ECDH-ES+A256KW","cty":"JWT","enc":"A256GCM","epk":{"crv":"P-384","kty":"EC","x":"#,
        ),
        (&WORLD.rsa, r#"{"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"rsa"}"#),
    ];
    for (recipient, start) in cases {
        let key = EncryptionKey::parse(&recipient.public).unwrap();
        let parts = Parts::of(&encrypt(&token(), &key).unwrap());
        assert!(parts.header.starts_with(start), "{}", parts.header);
        assert!(parts.header.ends_with(&format!(r#""kid":"{}"}}"#, recipient.kid)), "{}", parts.header);
        assert_eq!((parts.iv.len(), parts.tag.len()), (12, 16));
    }
}

#[test]
fn jo_jwe_12_content_key_vector_and_ephemeral_key_are_fresh() {
    let signed = token();
    for recipient in WORLD.recipients() {
        let key = EncryptionKey::parse(&recipient.public).unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..16 {
            let token = encrypt(&signed, &key).unwrap();
            let Parts { header, encrypted_key, iv, ciphertext, tag } = Parts::of(&token);
            // Under RSA the header is always the same.
            let header = if recipient.kid == "rsa" { token.into_bytes() } else { header.into_bytes() };
            for part in [header, encrypted_key, iv, ciphertext, tag] {
                assert!(seen.insert(part), "{}", recipient.kid);
            }
        }
    }
}

#[test]
fn jo_jwe_07_coordinates_that_begin_with_zero_keep_their_length() {
    let key = EncryptionKey::parse(&WORLD.p256.public).unwrap();
    let signed = token();
    // One in 128 tokens has such a coordinate.
    let begins_with_zero = |token: &str| {
        let header: serde_json::Value = serde_json::from_str(&Parts::of(token).header).unwrap();
        ["x", "y"].iter().any(|name| {
            let coordinate = base64url::decode(header["epk"][name].as_str().unwrap()).unwrap();
            assert_eq!(coordinate.len(), 32);
            coordinate[0] == 0
        })
    };
    let mut tokens = std::iter::repeat_with(|| encrypt(&signed, &key).unwrap());
    let token = tokens.find(|token| begins_with_zero(token)).unwrap();
    decrypt(&token).unwrap();
}
