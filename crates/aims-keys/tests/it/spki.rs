//! Public keys in the form of certificates, and the DER beneath.

use aims_keys::der::{INTEGER, OCTET_STRING, Reader, SEQUENCE, write};
use aims_keys::{Algorithm, KeyError, PrivateKey, PublicKey, PublicNumbers, SoftwareKey, backend};
use aims_testkit::assert_refused;
use proptest::prelude::*;

fn numbers(algorithm: Algorithm) -> PublicNumbers {
    SoftwareKey::generate(algorithm, backend::ring()).unwrap().public_key().numbers().clone()
}

fn rsa() -> PublicNumbers {
    let mut n = vec![0xff; 256];
    n[0] = 0xc1;
    PublicNumbers::Rsa { n, e: vec![1, 0, 1] }
}

fn all() -> Vec<PublicNumbers> {
    vec![
        numbers(Algorithm::Ed25519),
        numbers(Algorithm::Es256),
        numbers(Algorithm::Es384),
        rsa(),
        PublicNumbers::MlDsa { public: vec![7; 1312] },
        PublicNumbers::MlDsa { public: vec![7; 1952] },
    ]
}

#[test]
fn keys_survive_the_way_through_a_certificate() {
    for numbers in all() {
        let der = numbers.to_spki();
        assert_eq!(PublicNumbers::from_spki(&der).unwrap(), numbers);
        assert_eq!(PublicNumbers::from_pem(&numbers.to_pem()).unwrap(), numbers);
        // What RFC 5280 calls the tag and length of the whole.
        assert_eq!(der[0], SEQUENCE);
    }
}

/// How strict PEM is read is tested with private keys.
#[test]
fn jo_key_07_pem_is_of_a_public_key() {
    let good = numbers(Algorithm::Es256).to_pem();
    for text in [
        good.replace("PUBLIC KEY", "PRIVATE KEY"),
        good.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        good.replace("PUBLIC KEY", "CERTIFICATE"),
        good.replace("END PUBLIC", "END PRIVATE"),
        format!("a key\n{good}"),
        format!("{good}{good}"),
        include_str!("keys/p256.pem").to_owned(),
        String::new(),
    ] {
        assert_refused!(PublicNumbers::from_pem(&text), "key_pem", "JO-KEY-07", "{text}");
    }
    let not_a_key = "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n";
    assert_refused!(PublicNumbers::from_pem(not_a_key), "key_malformed", "JO-KEY-07");
    assert_refused!(PrivateKey::from_pem(&good), "key_pem", "JO-KEY-07");
}

/// RFC 8410 §10.1.
#[test]
fn an_ed25519_key_of_the_rfc_is_read_and_written() {
    let der = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0x19, 0xbf, 0x44, 0x09, 0x69,
        0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b, 0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6,
        0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1,
    ];
    let numbers = PublicNumbers::from_spki(&der).unwrap();
    assert_eq!(numbers.to_spki(), der);
    assert_eq!(numbers.usual_algorithm(), Algorithm::Ed25519);
    PublicKey::load(numbers, Algorithm::Ed25519, backend::ring()).unwrap();
}

#[test]
fn jo_key_02_a_kind_without_an_algorithm_is_refused() {
    // id-X25519: agrees on keys, signs nothing.
    let x25519 = write(
        SEQUENCE,
        &[&write(SEQUENCE, &[&[0x06, 0x03, 0x2b, 0x65, 0x6e]]), &write(0x03, &[&[0], &[9; 32]])],
    );
    assert_refused!(PublicNumbers::from_spki(&x25519), "key_algorithm_mismatch", "JO-KEY-02");
    let mut mixed = numbers(Algorithm::Es256);
    if let PublicNumbers::P256 { x, .. } = &mut mixed {
        x[0] ^= 1;
    }
    // Read, since only the load looks at the curve.
    let read = PublicNumbers::from_spki(&mixed.to_spki()).unwrap();
    assert_refused!(
        PublicKey::load(read, Algorithm::Es256, backend::ring()),
        "key_not_on_curve",
        "JO-KEY-03"
    );
}

#[test]
fn jo_key_07_only_one_spelling_is_read() {
    let good = numbers(Algorithm::Es256).to_spki();
    let point = good.len() - 65;
    for (what, at, byte) in [
        ("a compressed point", point, 2),
        ("an infinite point", point, 0),
        ("unused bits", point - 1, 1),
        ("a set in place of a sequence", 0, 0x31),
    ] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert_refused!(PublicNumbers::from_spki(&bad), "key_malformed", "JO-KEY-07", "{what}");
    }
    assert_refused!(PublicNumbers::from_spki(&[&good[..], &[0]].concat()), "key_malformed", "JO-KEY-07");
    for end in 0..good.len() {
        assert_eq!(PublicNumbers::from_spki(&good[..end]), Err(KeyError::Malformed));
    }
    assert_refused!(PublicNumbers::from_spki(&[0x30; 4097]), "key_length", "JO-KEY-06");
}

#[test]
fn der_lengths_have_one_form() {
    for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff] {
        let content = vec![5; len];
        let der = write(OCTET_STRING, &[&content]);
        let mut reader = Reader::new(&der);
        let element = reader.element().unwrap();
        assert_eq!((element.tag, element.content, element.whole), (OCTET_STRING, &content[..], &der[..]));
        reader.finish().unwrap();
    }
    // Written, but longer than what is read.
    assert!(Reader::new(&write(OCTET_STRING, &[&vec![0; 0x1_0000]])).read_any().is_none());
    let long_form = [&[0x04, 0x81, 0x01, 0x05][..], &[0x04, 0x82, 0x00, 0x01, 0x05], &[0x04, 0x80, 0, 0]];
    for der in long_form {
        assert!(Reader::new(der).read_any().is_none(), "{der:x?}");
    }
    assert!(Reader::new(&[0x1f, 0x01, 0x00]).read_any().is_none(), "a long tag");
}

#[test]
fn der_booleans_and_optional_elements() {
    assert_eq!(Reader::new(&[1, 1, 0xff]).boolean(), Some(true));
    assert_eq!(Reader::new(&[1, 1, 0]).boolean(), Some(false));
    assert_eq!(Reader::new(&[1, 1, 1]).boolean(), None);
    assert_eq!(Reader::new(&[1, 0]).boolean(), None);
    let mut reader = Reader::new(&[2, 1, 5]);
    assert_eq!(reader.read_optional(OCTET_STRING), Some(None));
    assert_eq!(reader.read_optional(INTEGER), Some(Some(&[5][..])));
    assert_eq!(reader.read_optional(INTEGER), Some(None));
    assert_eq!(Reader::new(&[2, 9, 5]).read_optional(INTEGER), None);
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(numbers) = PublicNumbers::from_spki(&bytes) {
            prop_assert_eq!(&numbers.to_spki(), &bytes);
        }
        let mut reader = Reader::new(&bytes);
        if let Some(element) = reader.element() {
            prop_assert_eq!(write(element.tag, &[element.content]), element.whole);
        }
    }

    #[test]
    fn a_changed_key_is_another_key_or_none(at in 0_usize..91, by in 1_u8..=255) {
        let numbers = numbers(Algorithm::Es256);
        let mut der = numbers.to_spki();
        der[at] ^= by;
        if let Ok(read) = PublicNumbers::from_spki(&der) {
            prop_assert_ne!(read, numbers);
        }
    }
}
