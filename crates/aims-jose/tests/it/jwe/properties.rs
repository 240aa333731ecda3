//! Properties of all tokens.

use aims_jose::Limits;
use aims_jose::jwe::{EncryptedJws, EncryptionKey, encrypt};
use proptest::prelude::*;

use super::support::*;
use crate::support::{KEYS, sign, token};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn jo_jwe_09_tampering_with_any_byte_is_refused(which in 0_usize..3, at: prop::sample::Index, bit in 0_u8..7) {
        let good = good(WORLD.recipients()[which]).token();
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let tampered = String::from_utf8(bytes).unwrap();
        let refusal = decrypt(&tampered);
        prop_assert!(refusal.is_err());
        let refusal = refusal.unwrap_err();
        prop_assert!(!refusal.code().is_empty() && !refusal.rule().is_empty());
        // What was decrypted was authenticated: nobody gets to see what is wrong with content of somebody else.
        prop_assert_ne!(refusal.code(), "not_a_signed_token");
    }

    #[test]
    fn jo_jwe_09_truncated_tokens_are_refused(which in 0_usize..3, len: prop::sample::Index) {
        let good = good(WORLD.recipients()[which]).token();
        prop_assert!(decrypt(good.get(..len.index(good.len())).unwrap()).is_err());
    }

    #[test]
    fn jo_jwe_11_every_signed_token_comes_back(which in 0_usize..3, payload in prop::collection::vec(any::<u8>(), 0..2000)) {
        let signed = sign(&KEYS.ed25519, r#"{"alg":"Ed25519","kid":"a"}"#, payload);
        let key = EncryptionKey::parse(&WORLD.recipients()[which].public).unwrap();
        let nested = decrypt(&encrypt(&signed, &key).unwrap()).unwrap();
        prop_assert_eq!(nested.unverified(), signed);
    }

    #[test]
    fn jo_ver_02_no_text_panics(text in prop_oneof![".{0,80}", "[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,40}){4}", "[A-Za-z0-9_.-]{0,80}"]) {
        prop_assert!(decrypt(&text).is_err());
    }

    #[test]
    fn jo_ver_02_no_header_panics_whoever_encrypted(
        which in 0_usize..3,
        header in r#"\{("(alg|enc|cty|kid|epk|apu|apv|zip|crit|x)":("ECDH-ES\+A256KW"|"RSA-OAEP-256"|"A256GCM"|"JWT"|"p256"|1|\[\]|null|\{\}|\{"kty":"EC"\}),?){0,6}\}"#,
    ) {
        let token = with_header(WORLD.recipients()[which], &|_| header.clone());
        prop_assert!(decrypt(&token).is_err());
    }
}

#[test]
fn jo_jwe_02_what_parses_is_written_the_same() {
    for recipient in WORLD.recipients() {
        let parts = good(recipient);
        let token = parts.token();
        EncryptedJws::parse(&token, &Limits::new()).unwrap();
        assert_eq!(Parts::of(&token).token(), token);
    }
    assert!(EncryptedJws::parse(&token(), &Limits::new()).is_err());
}
