//! Making a JWS, in one step or in two.

use core::fmt;

use aims_keys::{AsyncSigner, Protection, PublicKey, SignError, SignInput, Signature, Signer};

use super::{JwsError, is_key_id};
use crate::base64url;
use crate::json::ObjectWriter;
use crate::jwk::Jwk;

/// The header of a token to be made: its type, the key that will sign it, and that key's identifier.
///
/// `alg` comes from the key. `crit` and `b64` cannot be set. It is encoded once: a signer makes many tokens with it.
#[derive(Clone, Debug)]
pub struct NewHeader {
    key: PublicKey,
    encoded: String,
}

impl NewHeader {
    /// A header without `kid` for tokens of type `typ`, in its short form (such as `wit+jwt`), signed by the owner of `key`.
    ///
    /// # Errors
    ///
    /// [`JwsError::Type`] when `typ` is not a media subtype (RFC 6838 §4.2): empty, longer than 127 bytes, or with
    /// characters that have no place in one, a slash among them.
    pub fn new(typ: &str, key: &PublicKey) -> Result<Self, JwsError> {
        Self::encode(typ, key, KeyName::None)
    }

    /// As [`new`](Self::new), with the public key itself as `jwk`: for proofs that their sender holds a key, which say nothing about whose it is
    /// (RFC 7515 §4.1.3). No other token is verified with a key that it brings along.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_embedded_key(typ: &str, key: &PublicKey) -> Result<Self, JwsError> {
        Self::encode(typ, key, KeyName::Embedded)
    }

    /// As [`new`](Self::new), with the `kid` of the key, if it has one.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn for_jwk(typ: &str, key: &Jwk) -> Result<Self, JwsError> {
        Self::encode(typ, key.public_key(), key.key_id().map_or(KeyName::None, KeyName::Id))
    }

    /// As [`new`](Self::new), with a `kid`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`JwsError::KeyId`] when `kid` is empty, longer than 256 bytes, or has control characters.
    pub fn with_key_id(typ: &str, key: &PublicKey, kid: &str) -> Result<Self, JwsError> {
        if !is_key_id(kid) {
            return Err(JwsError::KeyId);
        }
        Self::encode(typ, key, KeyName::Id(kid))
    }

    /// The key whose owner signs.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Puts `payload` under this header.
    #[must_use]
    pub fn unsigned(&self, payload: impl AsRef<[u8]>) -> UnsignedJws {
        let payload = payload.as_ref();
        // Room for the signature, too: the token is this string, continued.
        let signature = self.key.algorithm().signature_len().unwrap_or(LARGE_SIGNATURE);
        let encoded_len = |len: usize| (len * 4).div_ceil(3);
        let mut token = String::with_capacity(
            self.encoded.len() + 2 + encoded_len(payload.len()) + encoded_len(signature),
        );
        token.push_str(&self.encoded);
        token.push('.');
        base64url::encode_into(&mut token, payload);
        UnsignedJws { token, key: self.key.clone() }
    }

    fn encode(typ: &str, key: &PublicKey, name: KeyName<'_>) -> Result<Self, JwsError> {
        if !is_restricted_name(typ) {
            return Err(JwsError::Type);
        }
        let mut header = ObjectWriter::with_capacity(TYPICAL_HEADER);
        header.str("alg", key.algorithm().name());
        match name {
            KeyName::None => {}
            KeyName::Id(kid) => {
                header.str("kid", kid);
            }
            KeyName::Embedded => {
                header.object("jwk", |jwk| Jwk::new(key.clone()).write(jwk));
            }
        }
        header.str("typ", typ);
        Ok(Self { key: key.clone(), encoded: base64url::encode(header.finish()?) })
    }
}

/// How a header says which key signed.
#[derive(Clone, Copy)]
enum KeyName<'k> {
    Embedded,
    Id(&'k str),
    None,
}

/// A token that lacks its signature.
///
/// Hand out [`signing_input`](Self::signing_input), have it signed anywhere, and [`attach`](Self::attach) what comes
/// back; [`sign`](Self::sign) and [`sign_async`](Self::sign_async) do it in one step.
pub struct UnsignedJws {
    token: String,
    key: PublicKey,
}

impl UnsignedJws {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.token.as_bytes()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`JwsError::Signature`] when it is not the key's signature over [`signing_input`](Self::signing_input).
    pub fn attach(self, signature: &[u8]) -> Result<String, JwsError> {
        self.key.verify(self.token.as_bytes(), signature).map_err(|_| JwsError::Signature)?;
        Ok(self.complete(signature))
    }

    /// Signs and completes the token. What a device signed is verified before it is used.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::WrongUse`] when `signer` does not hold the key that the header was made for,
    /// [`SignError::Backend`] when a device made a signature that does not verify.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<String, SignError> {
        if signer.public_key() != &self.key {
            return Err(SignError::WrongUse);
        }
        let signature = signer.sign(SignInput::Message(self.signing_input()))?;
        self.accept(&signature, signer.protection())
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(self, signer: &S) -> Result<String, SignError> {
        if signer.public_key() != &self.key {
            return Err(SignError::WrongUse);
        }
        let signature = signer.sign(SignInput::Message(self.signing_input())).await?;
        self.accept(&signature, signer.protection())
    }

    fn accept(self, signature: &Signature, protection: Protection) -> Result<String, SignError> {
        match protection {
            Protection::Software => Ok(self.complete(signature.as_bytes())),
            // JO-SIGN-04: a device may be broken, or not be the one it was.
            _ => self.attach(signature.as_bytes()).map_err(|_| SignError::Backend),
        }
    }

    fn complete(mut self, signature: &[u8]) -> String {
        self.token.push('.');
        base64url::encode_into(&mut self.token, signature);
        self.token
    }
}

/// Shows the key only: claims may be confidential.
impl fmt::Debug for UnsignedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedJws").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Whether this is one half of a media type: a `restricted-name` of [RFC 6838 §4.2], 1 to 127 bytes.
///
/// [RFC 6838 §4.2]: https://www.rfc-editor.org/rfc/rfc6838#section-4.2
#[must_use]
pub fn is_restricted_name(text: &str) -> bool {
    text.len() <= MAX_RESTRICTED_NAME
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

/// Bytes of most headers, a `kid` of 43 characters included.
const TYPICAL_HEADER: usize = 96;

/// RFC 6838 §4.2.
const MAX_RESTRICTED_NAME: usize = 127;

/// The length of an RSA signature, of a key of 4096 bits; larger ones make the string grow.
const LARGE_SIGNATURE: usize = 512;
