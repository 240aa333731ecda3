//! What the private key is used for, and what nobody learns from it (JO-JWE-04, JO-JWE-09).

use aims_jose::jwe::{Decrypter, DecryptionKey, JweError};
use aims_keys::{Algorithm, PrivateKey, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use super::support::*;
use crate::support::{EC, RSA, edit, hex};

#[test]
fn jo_jwe_09_every_failure_of_decryption_is_one_and_the_same() {
    let mut failures: Vec<(String, String)> = Vec::new();
    for recipient in WORLD.recipients() {
        let good = good(recipient);
        let mut fail =
            |name: &str, parts: Parts| failures.push((format!("{}: {name}", recipient.kid), parts.token()));
        let flipped = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            bytes
        };
        fail("tag", Parts { tag: flipped(&good.tag, 15), ..good.clone() });
        fail("ciphertext", Parts { ciphertext: flipped(&good.ciphertext, 0), ..good.clone() });
        fail("initialization vector", Parts { iv: flipped(&good.iv, 0), ..good.clone() });
        for at in [0, 8, good.encrypted_key.len() - 1] {
            fail("encrypted key", Parts { encrypted_key: flipped(&good.encrypted_key, at), ..good.clone() });
        }
        for byte in [0, 1, 0xff] {
            let encrypted_key = vec![byte; good.encrypted_key.len()];
            fail("encrypted key of one byte", Parts { encrypted_key, ..good.clone() });
        }
        // Of another token to the same recipient: all of it good, and not for this one.
        let other = Forgery { content_key: vec![8; 32], iv: vec![1; 12], ..Forgery::new(recipient) }.seal();
        fail("swapped encrypted key", Parts { encrypted_key: other.encrypted_key.clone(), ..good.clone() });
        fail("swapped vector", Parts { iv: other.iv.clone(), ..good.clone() });
        fail(
            "swapped content",
            Parts { ciphertext: other.ciphertext.clone(), tag: other.tag.clone(), ..good.clone() },
        );
        fail("swapped tag", Parts { tag: other.tag.clone(), ..good.clone() });
        // The header is authenticated, to the byte.
        let edited = good.header.replacen('{', "{ ", 1);
        fail("a space in the header", Parts { header: edited, ..good.clone() });
        fail("a member more", Parts { header: edit(&good.header, &[("a", json!(1))]), ..good.clone() });
    }
    // Content keys that are none, where the sender chooses their length.
    for len in [0, 1, 16, 24, 31, 33, 64] {
        let token = Forgery { content_key: vec![7; len], ..Forgery::new(&WORLD.rsa) }.seal().token();
        failures.push((format!("content key of {len} bytes"), token));
    }
    // Numbers that RSA does not encrypt to: the modulus, and more.
    let n = public_modulus();
    for encrypted_key in [n.clone(), vec![0xff; n.len()]] {
        failures
            .push(("not below the modulus".to_owned(), Parts { encrypted_key, ..good(&WORLD.rsa) }.token()));
    }
    // A key of the same name and kind that is not this one.
    let stranger =
        DecryptionKey::load(&PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap(), EC_ALG)
            .unwrap();
    let to_stranger =
        Recipient { kid: "p256", algorithm: EC_ALG, public: stranger.encryption_key().to_json() };
    failures.push(("another key".to_owned(), good(&to_stranger).token()));

    assert!(failures.len() > 50);
    for (name, token) in failures {
        let refusal = assert_refused!(decrypt(&token), "decryption_failed", "JO-JWE-09", "{name}");
        // Nothing in it but that.
        assert_eq!(refusal, JweError::Decryption, "{name}");
        assert_eq!(format!("{refusal:?} {refusal}"), "Decryption the token cannot be decrypted", "{name}");
        assert!(std::error::Error::source(&refusal).is_none(), "{name}");
    }
}

#[test]
fn jo_jwe_09_a_zero_content_key_does_not_stand_in_for_one_that_does_not_open() {
    // Decryption goes on with some key after an encrypted key that does not open: not with one that a sender can guess.
    for key in [vec![0; 32], vec![7; 32]] {
        let mut parts = Forgery { content_key: key, ..Forgery::new(&WORLD.rsa) }.seal();
        parts.encrypted_key[5] ^= 1;
        assert_refused!(decrypt(&parts.token()), "decryption_failed", "JO-JWE-09");
    }
    // A shorter one does not begin a longer one: the rest would be zeros.
    for len in [0, 16, 31] {
        let token = Forgery { content_key: vec![0; len], ..Forgery::new(&WORLD.rsa) }.seal().token();
        assert_refused!(decrypt(&token), "decryption_failed", "JO-JWE-09", "{len}");
    }
}

#[test]
fn jo_jwe_04_a_key_decrypts_by_its_own_algorithm_alone() {
    let epk: serde_json::Value = serde_json::from_str(&good(&WORLD.p256).header).unwrap();
    for (recipient, alg) in
        [(&WORLD.rsa, "ECDH-ES+A256KW"), (&WORLD.p256, "RSA-OAEP-256"), (&WORLD.p384, "RSA-OAEP-256")]
    {
        let epk = if recipient.kid == "rsa" { epk["epk"].clone() } else { json!(null) };
        let token = with_members(recipient, &[("alg", json!(alg)), ("epk", epk)]);
        assert_refused!(decrypt(&token), "algorithm_mismatch", "JO-JWE-04", "{alg}");
    }
    // Two keys of one name: the algorithm tells them apart.
    let keys = [DecryptionKey::parse_as(EC, EC_ALG), DecryptionKey::parse_as(RSA, RSA_ALG)];
    let keys = keys.into_iter().map(|key| key.unwrap().with_key_id("both").unwrap()).collect();
    let decrypter = Decrypter::new(keys).unwrap();
    for recipient in [&WORLD.p256, &WORLD.rsa] {
        decrypter.decrypt(&with_members(recipient, &[("kid", json!("both"))])).unwrap();
    }
}

#[test]
fn jo_jwe_04_encrypted_keys_have_one_length() {
    for recipient in WORLD.recipients() {
        let good = good(recipient);
        let right = good.encrypted_key.len();
        assert_eq!(right, if recipient.kid == "rsa" { 256 } else { 40 });
        for len in [1, 7, 8, 16, 24, 32, 39, 40, 41, 48, 72, 128, 255, 256, 257, 512] {
            let mut parts = good.clone();
            parts.encrypted_key.resize(len, 0);
            if len != right {
                assert_refused!(decrypt(&parts.token()), "encrypted_key_length", "JO-JWE-04", "{len}");
            }
        }
        // As `dir` and `ECDH-ES` alone have it.
        let token = Parts { encrypted_key: Vec::new(), ..good }.token();
        assert_refused!(decrypt(&token), "malformed_token", "JO-JWE-02");
    }
    // A content key of another length makes another encrypted key.
    for len in [16, 24, 40, 64] {
        let token = Forgery { content_key: vec![7; len], ..Forgery::new(&WORLD.p256) }.seal().token();
        assert_refused!(decrypt(&token), "encrypted_key_length", "JO-JWE-04", "{len}");
    }
}

#[test]
fn jo_jwe_10_nothing_that_was_decrypted_or_decrypts_shows_in_debug() {
    let nested = decrypt(&good(&WORLD.p256).token()).unwrap();
    assert_eq!(format!("{nested:?}"), "NestedJws(..)");
    let key = DecryptionKey::parse_as(EC, EC_ALG).unwrap().with_key_id("a").unwrap();
    assert_eq!(format!("{key:?}"), r#"DecryptionKey { algorithm: EcdhEsA256Kw, kid: Some("a"), .. }"#);
    assert_eq!(
        format!("{:?}", key.encryption_key()),
        r#"EncryptionKey { algorithm: EcdhEsA256Kw, kid: Some("a"), .. }"#
    );
    let shown = format!("{:?}", WORLD.decrypter);
    assert!(!shown.contains("PKey") && shown.matches("DecryptionKey").count() == 3, "{shown}");
}

fn public_modulus() -> Vec<u8> {
    let jwk: serde_json::Value = serde_json::from_str(&WORLD.rsa.public).unwrap();
    let n = aims_jose::base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
    assert_eq!(n[..2], hex("a1f8"));
    n
}
