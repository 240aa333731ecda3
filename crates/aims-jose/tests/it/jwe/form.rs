//! The compact form, and the lengths of what is in it (JO-JWE-01, JO-JWE-02).

use std::time::Instant;

use aims_jose::jwe::{Decrypter, DecryptionKey, EncryptedJws};
use aims_jose::{Limits, UntrustedToken, UnverifiedJws, base64url};
use aims_testkit::assert_refused;
use josekit::jwe::{self, ECDH_ES_A256KW};
use josekit::jwk::Jwk;

use super::support::*;
use crate::support::{NOW, builder, token};

#[test]
fn jo_jwe_02_only_five_segments_are_a_token() {
    let good = good(&WORLD.p256).token();
    decrypt(&good).unwrap();
    let segments: Vec<&str> = good.split('.').collect();
    let mut bad: Vec<String> =
        ["", ".", "....", ".....", "a.b.c", "a.b.c.d", "{....}"].map(str::to_owned).into();
    bad.push(token());
    bad.push(format!("{good}."));
    bad.push(format!(".{good}"));
    bad.push(format!("{good}.{}", segments[4]));
    bad.push(good.replace('.', "\u{ff0e}"));
    bad.push(good.replacen('.', "..", 1));
    for at in 0..5 {
        let mut fewer = segments.clone();
        fewer[at] = "";
        bad.push(fewer.join("."));
        fewer.remove(at);
        bad.push(fewer.join("."));
    }
    // The JSON serialization, also one with four dots.
    bad.push(format!(r#"{{"protected":"{}","ciphertext":"...."}}"#, segments[0]));
    for token in bad {
        assert_refused!(decrypt(&token), "malformed_token", "JO-JWE-02", "{token:?}");
    }
}

#[test]
fn jo_jwe_02_short_tags_are_refused_which_the_library_below_takes() {
    let decrypter = ECDH_ES_A256KW.decrypter_from_jwk(&Jwk::from_bytes(P256).unwrap()).unwrap();
    for len in [0, 1, 4, 8, 11, 12, 15, 17, 32] {
        let mut parts = good(&WORLD.p256);
        parts.tag.resize(len, 0);
        let token = parts.token();
        if (1..16).contains(&len) {
            // Else there would be nothing to refuse here: of one byte, every 256th guess is good.
            assert!(jwe::deserialize_compact(&token, &decrypter).is_ok(), "{len}");
        }
        let code = if len == 0 { "malformed_token" } else { "tag_length" };
        assert_refused!(decrypt(&token), code, "JO-JWE-02", "{len}");
    }
}

#[test]
fn jo_jwe_02_initialization_vectors_have_96_bits() {
    for len in [0, 1, 8, 11, 13, 16] {
        let token = Forgery { iv: vec![9; len.max(1)], ..Forgery::new(&WORLD.rsa) }.seal();
        let mut parts = token.clone();
        parts.iv.truncate(len);
        let code = if len == 0 { "malformed_token" } else { "iv_length" };
        assert_refused!(decrypt(&parts.token()), code, "JO-JWE-02", "{len}");
    }
}

#[test]
fn jo_jwe_02_no_segment_has_a_second_spelling() {
    for recipient in WORLD.recipients() {
        let good = good(recipient).token();
        let segments: Vec<&str> = good.split('.').collect();
        for (at, segment) in segments.iter().enumerate() {
            let refused = |respelled: &str| {
                let mut all = segments.clone();
                all[at] = respelled;
                let refusal = decrypt(&all.join(".")).unwrap_err();
                // Initialization vector and tag are measured first.
                let wanted = match (at, respelled.len() == segment.len()) {
                    (2 | 4, false) => "JO-JWE-02",
                    _ => "JO-B64-02",
                };
                assert_eq!(refusal.rule(), wanted, "{at}: {respelled}: {refusal:?}");
            };
            for character in ["=", "+", "/", " ", "\n", "\0", "?", "\u{e9}"] {
                let mut text = (*segment).to_owned();
                text.replace_range(1..=character.len(), character);
                refused(&text);
            }
            for around in
                [format!("{segment}="), format!("{segment}=="), format!(" {segment}"), format!("{segment}\n")]
            {
                refused(&around);
            }
            // Bits of the last character that stand for nothing.
            if segment.len() % 4 != 0 {
                let mut text = (*segment).to_owned();
                let last = text.pop().unwrap();
                text.push(if last == 'B' { 'C' } else { 'B' });
                assert!(base64url::decode(&text).is_err());
                refused(&text);
            }
        }
    }
}

#[test]
fn jo_jwe_02_length_is_looked_at_first() {
    let limit = 16 * 1024;
    let long = |len: usize| {
        let mut parts = good(&WORLD.p256);
        parts.ciphertext.clear();
        let bare = parts.token().len();
        parts.ciphertext = vec![0; (len - bare) / 4 * 3];
        parts.token()
    };
    let fits = long(limit);
    assert!(fits.len() <= limit && fits.len() > limit - 4);
    assert_refused!(decrypt(&fits), "decryption_failed", "JO-JWE-09");
    assert_refused!(decrypt(&long(limit + 8)), "token_too_long", "JO-JWE-02");

    // Another limit is another limit.
    let key = DecryptionKey::parse_as(P256, EC_ALG).unwrap().with_key_id("p256").unwrap();
    let small = Decrypter::new(vec![key]).unwrap().with_limits(Limits::new().token(100));
    assert_refused!(small.decrypt(&good(&WORLD.p256).token()), "token_too_long", "JO-JWE-02");

    // What is far too long costs nothing, whatever is in it.
    let before = Instant::now();
    for huge in ["a".repeat(1 << 21), ".".repeat(1 << 21), "a.".repeat(1 << 20)] {
        for _ in 0..1000 {
            assert_refused!(decrypt(&huge), "token_too_long", "JO-JWE-02");
        }
    }
    assert!(before.elapsed().as_secs() < 2);
}

#[test]
fn sec_9_jo_jwe_01_a_verifier_takes_no_encrypted_token_and_a_decrypter_no_other() {
    let verifier = builder().build();
    for recipient in WORLD.recipients() {
        let encrypted = good(recipient).token();
        assert_refused!(verifier.verify(&encrypted, NOW), "malformed_token", "JO-B64-01");
        assert_refused!(UnverifiedJws::parse(&encrypted, &Limits::new()), "malformed_token", "JO-B64-01");
        assert!(UntrustedToken::peek(&encrypted, &Limits::new()).is_err());

        // One step by name, and then the verifier as ever.
        let nested = decrypt(&encrypted).unwrap();
        verifier.verify(nested.unverified(), NOW).unwrap();
    }
    assert_refused!(decrypt(&token()), "malformed_token", "JO-JWE-02");
}

#[test]
fn jo_jwe_01_what_was_decrypted_is_nobodys_word() {
    // Everybody can encrypt: the inner signature is what counts.
    let stranger = crate::support::stranger(aims_keys::Algorithm::Es256);
    let header = r#"{"alg":"ES256","kid":"es256","typ":"at+jwt"}"#;
    let forged = crate::support::sign(&stranger, header, crate::support::claims(""));
    let token = Forgery { content: forged.into_bytes(), ..Forgery::new(&WORLD.p256) }.seal().token();
    let nested = decrypt(&token).unwrap();
    assert_refused!(builder().build().verify(nested.unverified(), NOW), "bad_signature", "JO-B64-03");
}

#[test]
fn jo_jwe_02_a_parsed_token_says_which_key_it_names() {
    let parts = good(&WORLD.rsa).token();
    let parsed = EncryptedJws::parse(&parts, &Limits::new()).unwrap();
    assert_eq!((parsed.algorithm(), parsed.key_id()), (RSA_ALG, Some("rsa")));
    assert_eq!(format!("{parsed:?}"), r#"EncryptedJws { algorithm: RsaOaep256, kid: Some("rsa"), .. }"#);
}
