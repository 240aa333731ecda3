//! What several modules need.

use aims_keys::{Algorithm, Backend, PrivateKey, SoftwareKey, backend};

pub(crate) const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
pub(crate) const P384_ORDER: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

/// Every backend of this build.
pub(crate) fn backends() -> Vec<Backend> {
    vec![
        backend::ring(),
        #[cfg(feature = "aws-lc")]
        backend::aws_lc(),
    ]
}

/// The algorithms a backend of this build can make keys for.
pub(crate) fn makes(backend: Backend) -> Vec<Algorithm> {
    let mut algorithms = vec![Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384];
    if backend.name() == "aws-lc" {
        algorithms.extend([Algorithm::Ps256, Algorithm::Ps512, Algorithm::Rs256]);
        if cfg!(feature = "ml-dsa") {
            algorithms.extend([Algorithm::MlDsa44, Algorithm::MlDsa65]);
        }
    }
    algorithms
}

/// A key made by OpenSSL for these tests; RSA keys cannot be made on *ring*.
pub(crate) fn openssl_key(algorithm: Algorithm, backend: Backend) -> SoftwareKey {
    let pem = match algorithm {
        Algorithm::Es256 => include_str!("keys/p256.pem"),
        Algorithm::Es384 => include_str!("keys/p384.pem"),
        Algorithm::EdDsa | Algorithm::Ed25519 => include_str!("keys/ed25519.pem"),
        Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256 => include_str!("keys/rsa2048.pem"),
        other => panic!("no key for {other}"),
    };
    PrivateKey::from_pem(pem).unwrap().load(algorithm, backend).unwrap()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex: {text}");
    let digit = |c: &u8| u8::try_from(char::from(*c).to_digit(16).expect("hex")).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

/// Base64url without padding.
pub(crate) fn unbase64url(text: &str) -> Vec<u8> {
    let mut bits = 0_u32;
    let mut have = 0;
    let mut bytes = Vec::new();
    for c in text.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => panic!("not base64url: {text}"),
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push(u8::try_from(bits >> have).unwrap());
            bits &= (1 << have) - 1;
        }
    }
    bytes
}
