//! What is left to OpenSSL, by way of josekit: key agreement and key wrapping, RSA-OAEP, AES-GCM.
//!
//! josekit's own reading of tokens, headers and JWKs is not used. It gets the parts of a token that [`EncryptedJws`] took
//! apart, and a header that holds nothing but the checked parameters of a key agreement.

use aims_keys::{KeyError, PrivateKey, PublicNumbers, backend};
use josekit::jwe::alg::ecdh_es::{EcdhEsJweDecrypter, EcdhEsJweEncrypter};
use josekit::jwe::alg::rsaes::{RsaesJweDecrypter, RsaesJweEncrypter};
use josekit::jwe::enc::A256GCM;
use josekit::jwe::{
    ECDH_ES_A256KW, JweContentEncryption, JweDecrypter, JweEncrypter, JweHeader, RSA_OAEP_256,
};
use josekit::{JoseHeader, Map, Value};
use zeroize::Zeroizing;

use super::header::{Agreement, Parameters};
use super::token::{EncryptedJws, IV_LEN, TAG_LEN};
use super::{JweError, KeyManagement};
use crate::base64url;
use crate::json::ObjectWriter;

/// A content key: it encrypts one token.
pub(super) type ContentKey = Zeroizing<[u8; KEY_LEN]>;

/// A public key in the form that seals content keys.
#[derive(Clone)]
pub(super) enum Sealer {
    EcdhEsA256Kw(EcdhEsJweEncrypter),
    RsaOaep256(RsaesJweEncrypter),
}

/// A content key on its way to the recipient.
pub(super) struct SealedKey {
    pub(super) encrypted: Vec<u8>,
    /// What the recipient needs to know of a key agreement.
    ephemeral: Option<Map<String, Value>>,
}

impl Sealer {
    /// Takes numbers that were checked.
    pub(super) fn load(numbers: &PublicNumbers, algorithm: KeyManagement) -> Result<Self, KeyError> {
        let spki = numbers.to_spki();
        let sealer = match algorithm {
            KeyManagement::EcdhEsA256Kw => ECDH_ES_A256KW.encrypter_from_der(spki).map(Self::EcdhEsA256Kw),
            KeyManagement::RsaOaep256 => RSA_OAEP_256.encrypter_from_der(spki).map(Self::RsaOaep256),
        };
        sealer.map_err(|_| KeyError::Unsupported)
    }

    pub(super) fn seal(&self, key: &ContentKey) -> Result<SealedKey, JweError> {
        let mut header = JweHeader::new();
        let sealer: &dyn JweEncrypter = match self {
            Self::EcdhEsA256Kw(sealer) => sealer,
            Self::RsaOaep256(sealer) => sealer,
        };
        let encrypted = sealer.encrypt(key.as_slice(), &JweHeader::new(), &mut header);
        let encrypted = encrypted.ok().flatten().ok_or(JweError::Encryption)?;
        let ephemeral = match (self, header.claim("epk")) {
            (Self::EcdhEsA256Kw(_), Some(Value::Object(epk))) => Some(epk.clone()),
            (Self::EcdhEsA256Kw(_), _) => return Err(JweError::Encryption),
            (Self::RsaOaep256(_), _) => None,
        };
        Ok(SealedKey { encrypted, ephemeral })
    }
}

impl SealedKey {
    /// Writes `epk`, if there is one.
    pub(super) fn write(&self, header: &mut ObjectWriter) {
        let Some(epk) = &self.ephemeral else { return };
        header.object("epk", |members| {
            for name in ["crv", "kty", "x", "y"] {
                members.str(name, epk.get(name).and_then(Value::as_str).unwrap_or_default());
            }
        });
    }
}

/// A private key in the form that opens content keys. OpenSSL overwrites it when it is dropped.
pub(super) enum Opener {
    EcdhEsA256Kw(EcdhEsJweDecrypter),
    RsaOaep256(RsaesJweDecrypter),
}

impl Opener {
    /// Takes a key that was checked.
    pub(super) fn load(key: &PrivateKey, algorithm: KeyManagement) -> Result<Self, KeyError> {
        let der = key.expose_pkcs8();
        let opener = match algorithm {
            KeyManagement::EcdhEsA256Kw => ECDH_ES_A256KW.decrypter_from_der(der).map(Self::EcdhEsA256Kw),
            KeyManagement::RsaOaep256 => RSA_OAEP_256.decrypter_from_der(der).map(Self::RsaOaep256),
        };
        opener.map_err(|_| KeyError::Unsupported)
    }

    /// Decrypts. Whether the encrypted key or the content was wrong, nobody learns: not by the error, and not by what is left
    /// out, for content is decrypted in any case (RFC 7516 §11.5).
    pub(super) fn open(&self, token: &EncryptedJws<'_>) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let mut key = random_key()?;
        if let Some(opened) = self.open_key(&token.header.parameters, &token.encrypted_key)
            && opened.len() == KEY_LEN
        {
            key.copy_from_slice(&opened);
        }
        let (iv, tag) = (Some(token.iv.as_slice()), Some(token.tag.as_slice()));
        let content = A256GCM.decrypt(key.as_slice(), iv, &token.ciphertext, token.protected.as_bytes(), tag);
        content.map(Zeroizing::new).map_err(|_| JweError::Decryption)
    }

    fn open_key(&self, parameters: &Parameters, encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (opener, header): (&dyn JweDecrypter, _) = match (self, parameters) {
            (Self::EcdhEsA256Kw(opener), Parameters::EcdhEsA256Kw(agreement)) => {
                (opener, agreement_header(agreement)?)
            }
            (Self::RsaOaep256(opener), Parameters::RsaOaep256) => (opener, JweHeader::new()),
            _ => return None,
        };
        let key = opener.decrypt(Some(encrypted), &A256GCM, &header).ok()?;
        Some(Zeroizing::new(key.into_owned()))
    }
}

/// Content as it is sent.
pub(super) struct Encrypted {
    pub(super) iv: [u8; IV_LEN],
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: [u8; TAG_LEN],
}

/// Encrypts content under a key that encrypts nothing else.
pub(super) fn encrypt(key: &ContentKey, content: &[u8], protected: &str) -> Result<Encrypted, JweError> {
    let mut iv = [0; IV_LEN];
    backend::ring().fill_random(&mut iv).map_err(|_| JweError::Random)?;
    let encrypted = A256GCM.encrypt(key.as_slice(), Some(&iv), content, protected.as_bytes());
    let (ciphertext, tag) = encrypted.map_err(|_| JweError::Encryption)?;
    let tag = tag.and_then(|tag| tag.try_into().ok()).ok_or(JweError::Encryption)?;
    Ok(Encrypted { iv, ciphertext, tag })
}

/// A fresh content key.
pub(super) fn random_key() -> Result<ContentKey, JweError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    backend::ring().fill_random(key.as_mut_slice()).map_err(|_| JweError::Random)?;
    Ok(key)
}

/// A header with the checked parameters alone.
fn agreement_header(agreement: &Agreement) -> Option<JweHeader> {
    let (curve, x, y): (_, &[u8], &[u8]) = match &agreement.ephemeral {
        PublicNumbers::P256 { x, y } => ("P-256", x, y),
        PublicNumbers::P384 { x, y } => ("P-384", x, y),
        _ => return None,
    };
    let members = [
        ("crv", curve.to_owned()),
        ("kty", "EC".to_owned()),
        ("x", base64url::encode(x)),
        ("y", base64url::encode(y)),
    ];
    let epk: Map<String, Value> =
        members.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect();
    let mut header = JweHeader::new();
    header.set_claim("epk", Some(Value::Object(epk))).ok()?;
    for (name, party) in [("apu", &agreement.party_u), ("apv", &agreement.party_v)] {
        if let Some(party) = party {
            header.set_claim(name, Some(Value::String(party.as_ref().to_owned()))).ok()?;
        }
    }
    Some(header)
}

/// Of A256GCM.
const KEY_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use aims_testkit::vectors;

    use super::super::DecryptionKey;
    use super::*;

    /// The tokens of Wycheproof hold no tokens, and do not say that they do; apart from that, two are of the kind that is decrypted here.
    #[test]
    fn wycheproof_content_is_decrypted() {
        let Some(vectors) = vectors::json("jose/wycheproof/json_web_encryption_test.json") else { return };
        let groups = vectors["testGroups"].as_array().unwrap();
        let tests = groups.iter().flat_map(|group| {
            group["tests"].as_array().unwrap().iter().map(|test| (test, &group["private"]))
        });
        let mut decrypted = Vec::new();
        for (test, jwk) in tests {
            let id = test["tcId"].as_u64().unwrap();
            let Some(token) = test["jwe"].as_str().filter(|_| matches!(id, 66 | 90)) else { continue };
            let segments: Vec<&str> = token.split('.').collect();
            let segment = |at: usize| base64url::decode(segments[at]).unwrap();

            // The header as a token would have it, around the parts as they are.
            let header = String::from_utf8(segment(0)).unwrap();
            let header = header.replacen('{', r#"{"cty":"JWT","#, 1);
            let limits = crate::jws::Limits::new();
            let with_cty = [base64url::encode(&header), segments[1..].join(".")].join(".");
            let mut parsed = EncryptedJws::parse(&with_cty, &limits).unwrap();
            parsed.protected = segments[0];

            let key = DecryptionKey::parse(&jwk.to_string()).unwrap();
            assert_eq!(key.opener().open(&parsed).unwrap().as_slice(), b"foo", "{id}");
            // Under the header that was made up, it is not what its sender made.
            parsed.protected = with_cty.split_once('.').unwrap().0;
            assert_eq!(key.opener().open(&parsed), Err(JweError::Decryption), "{id}");
            decrypted.push(id);
        }
        assert_eq!(decrypted, [66, 90]);
    }
}
