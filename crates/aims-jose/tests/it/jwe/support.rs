//! Recipients, and tokens of any header and content that are encrypted as they should be.

use std::sync::LazyLock;

use aims_jose::base64url;
use aims_jose::jwe::{Decrypter, DecryptionKey, KeyManagement, NestedJws};
use aims_keys::{Algorithm, PrivateKey, backend};
use josekit::Value;
use josekit::jwe::enc::A256GCM;
use josekit::jwe::{ECDH_ES_A256KW, JweContentEncryption, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;

use crate::support::{self, RSA};

/// A key on P-256; only for tests, like every private key here.
pub(crate) const P256: &str = support::EC;

pub(crate) const EC_ALG: KeyManagement = KeyManagement::EcdhEsA256Kw;

pub(crate) const RSA_ALG: KeyManagement = KeyManagement::RsaOaep256;

/// A recipient's key and what a sender sees of it.
pub(crate) struct Recipient {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: KeyManagement,
    /// The public JWK.
    pub(crate) public: String,
}

pub(crate) struct World {
    pub(crate) p256: Recipient,
    pub(crate) p384: Recipient,
    pub(crate) rsa: Recipient,
    pub(crate) decrypter: Decrypter,
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let p384 = PrivateKey::generate(Algorithm::Es384, backend::ring()).unwrap();
    let keys = [
        DecryptionKey::parse_as(P256, EC_ALG).unwrap().with_key_id("p256").unwrap(),
        DecryptionKey::load(&p384, EC_ALG).unwrap().with_key_id("p384").unwrap(),
        DecryptionKey::parse_as(RSA, RSA_ALG).unwrap().with_key_id("rsa").unwrap(),
    ];
    let recipient = |at: usize, kid| Recipient {
        kid,
        algorithm: keys[at].algorithm(),
        public: keys[at].encryption_key().to_json(),
    };
    World {
        p256: recipient(0, "p256"),
        p384: recipient(1, "p384"),
        rsa: recipient(2, "rsa"),
        decrypter: Decrypter::new(keys.into()).unwrap(),
    }
});

impl World {
    pub(crate) fn recipients(&self) -> [&Recipient; 3] {
        [&self.p256, &self.p384, &self.rsa]
    }
}

/// The decoded segments of a token.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) header: String,
    pub(crate) encrypted_key: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) tag: Vec<u8>,
}

impl Parts {
    pub(crate) fn of(token: &str) -> Self {
        let parts: Vec<_> = token.split('.').map(|segment| base64url::decode(segment).unwrap()).collect();
        let [header, encrypted_key, iv, ciphertext, tag] = parts.try_into().unwrap();
        Self { header: String::from_utf8(header).unwrap(), encrypted_key, iv, ciphertext, tag }
    }

    pub(crate) fn token(&self) -> String {
        let segments = [self.header.as_bytes(), &self.encrypted_key, &self.iv, &self.ciphertext, &self.tag];
        segments.map(base64url::encode).join(".")
    }
}

/// What a sender decides who has no scruples. Everything is encrypted under the header as it is sent, so that nothing but the
/// check under test refuses the token.
pub(crate) struct Forgery<'a> {
    pub(crate) to: &'a Recipient,
    pub(crate) content: Vec<u8>,
    pub(crate) content_key: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    /// Of a key agreement.
    pub(crate) parties: [Option<&'a str>; 2],
    pub(crate) edit: &'a dyn Fn(&str) -> String,
}

impl<'a> Forgery<'a> {
    pub(crate) fn new(to: &'a Recipient) -> Self {
        Self {
            to,
            content: support::token().into_bytes(),
            content_key: vec![7; 32],
            iv: vec![9; 12],
            parties: [None, None],
            edit: &str::to_owned,
        }
    }

    pub(crate) fn seal(&self) -> Parts {
        let jwk = Jwk::from_bytes(&self.to.public).unwrap();
        let sealer: Box<dyn JweEncrypter> = match self.to.algorithm {
            KeyManagement::EcdhEsA256Kw => Box::new(ECDH_ES_A256KW.encrypter_from_jwk(&jwk).unwrap()),
            _ => Box::new(RSA_OAEP_256.encrypter_from_jwk(&jwk).unwrap()),
        };
        let mut header = JweHeader::new();
        for (name, party) in ["apu", "apv"].into_iter().zip(self.parties) {
            if let Some(party) = party {
                header.set_claim(name, Some(Value::String(party.to_owned()))).unwrap();
            }
        }
        let encrypted_key = sealer.encrypt(&self.content_key, &JweHeader::new(), &mut header);
        let encrypted_key = encrypted_key.unwrap().unwrap();
        header.set_algorithm(self.to.algorithm.name());
        header.set_content_encryption("A256GCM");
        header.set_content_type("JWT");
        header.set_key_id(self.to.kid);
        let header = (self.edit)(&Value::Object(header.claims_set().clone()).to_string());

        // OpenSSL has a key of 32 bytes, whatever was sent of it.
        let mut key = self.content_key.clone();
        key.resize(32, 0);
        let aad = base64url::encode(&header);
        let (ciphertext, tag) = A256GCM.encrypt(&key, Some(&self.iv), &self.content, aad.as_bytes()).unwrap();
        Parts { header, encrypted_key, iv: self.iv.clone(), ciphertext, tag: tag.unwrap() }
    }
}

/// A good token to this recipient.
pub(crate) fn good(to: &Recipient) -> Parts {
    Forgery::new(to).seal()
}

/// A token with another header, which its sender encrypted under it.
pub(crate) fn with_header(to: &Recipient, edit: &dyn Fn(&str) -> String) -> String {
    Forgery { edit, ..Forgery::new(to) }.seal().token()
}

/// A token with members of the header replaced, added, or (`null`) removed.
pub(crate) fn with_members(to: &Recipient, changes: &[(&str, serde_json::Value)]) -> String {
    with_header(to, &|header| support::edit(header, changes))
}

pub(crate) fn decrypt(token: &str) -> Result<NestedJws, aims_jose::jwe::JweError> {
    WORLD.decrypter.decrypt(token)
}
