//! Keys for us and for others: one of each algorithm that HTTP signatures have.

use std::sync::LazyLock;

use aims_httpsig::{SharedSecret, registered_name};
use aims_keys::{Algorithm, PrivateKey, SoftwareKey, backend};
use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;

pub(super) struct Keys {
    /// Of the algorithm, as registered.
    pub(super) name: &'static str,
    pub(super) own: Own,
    /// PKCS#8, or the secret.
    pub(super) private: Vec<u8>,
    /// SPKI, or the secret.
    pub(super) public: Vec<u8>,
}

pub(super) enum Own {
    Pair(SoftwareKey),
    Shared(SharedSecret),
}

/// By the registered name of the algorithm.
pub(super) fn keys(name: &str) -> &'static Keys {
    all().iter().find(|keys| keys.name == name).unwrap()
}

pub(super) fn all() -> &'static [Keys] {
    static ALL: LazyLock<Vec<Keys>> = LazyLock::new(|| {
        let pairs =
            [Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps512, Algorithm::Rs256];
        pairs.into_iter().map(pair).chain([shared()]).collect()
    });
    &ALL
}

fn pair(algorithm: Algorithm) -> Keys {
    // By OpenSSL: *ring* makes no RSA keys, and its Ed25519 keys, in PKCS#8 of version 2 (RFC 5958), neither OpenSSL 3.0 nor Python reads.
    let private = match algorithm {
        Algorithm::Ed25519 => EdKeyPair::generate(EdCurve::Ed25519).unwrap().to_pem_private_key(),
        Algorithm::Es256 => EcKeyPair::generate(EcCurve::P256).unwrap().to_pem_private_key(),
        Algorithm::Es384 => EcKeyPair::generate(EcCurve::P384).unwrap().to_pem_private_key(),
        _ => RsaKeyPair::generate(2048).unwrap().to_pem_private_key(),
    };
    let private = PrivateKey::from_pem(std::str::from_utf8(&private).unwrap()).unwrap();
    let own = private.load(algorithm, backend::ring()).unwrap();
    Keys {
        name: registered_name(algorithm).unwrap(),
        public: own.public_key().numbers().to_spki(),
        private: private.expose_pkcs8().to_vec(),
        own: Own::Pair(own),
    }
}

fn shared() -> Keys {
    let secret = vec![7; 32];
    Keys {
        name: "hmac-sha256",
        own: Own::Shared(SharedSecret::new(secret.clone(), backend::ring()).unwrap()),
        private: secret.clone(),
        public: secret,
    }
}
