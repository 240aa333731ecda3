//! Making a JWS, in one step or in two.

use aims_keys::{AsyncSigner, Protection, PublicKey, SignError, SignInput, Signature, Signer};

use super::{JwsError, is_key_id, verify_bytes};
use crate::base64url;
use crate::json::ObjectWriter;
use crate::short::ShortStr;

/// The header of a token to be made: its type, the key that will sign it, and that key's identifier.
///
/// `alg` comes from the key. `crit` and `b64` cannot be set.
#[derive(Clone, Debug)]
pub struct NewHeader {
    key: PublicKey,
    kid: Option<ShortStr>,
    encoded: String,
}

impl NewHeader {
    /// A header for tokens of type `typ` (the short form, such as `wit+jwt`) signed by the owner of `key`.
    #[must_use]
    pub fn new(typ: &str, key: &PublicKey) -> Self {
        let mut header = Self { key: key.clone(), kid: None, encoded: String::new() };
        header.encode(typ);
        header
    }

    /// As [`new`](Self::new), with a `kid`.
    ///
    /// # Errors
    ///
    /// [`JwsError::KeyId`] when it is empty, longer than 256 bytes, or has control characters.
    pub fn with_key_id(typ: &str, key: &PublicKey, kid: &str) -> Result<Self, JwsError> {
        if !is_key_id(kid) {
            return Err(JwsError::KeyId);
        }
        let mut header = Self { key: key.clone(), kid: Some(kid.into()), encoded: String::new() };
        header.encode(typ);
        Ok(header)
    }

    /// The key whose owner signs.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Encoded once: a signer makes many tokens with one header.
    fn encode(&mut self, typ: &str) {
        let mut header = ObjectWriter::new();
        header.str("alg", self.key.algorithm().name());
        if let Some(kid) = self.kid.as_deref() {
            header.str("kid", kid);
        }
        header.str("typ", typ);
        // INVARIANT: the three names differ, the only thing `finish` can object to.
        self.encoded = base64url::encode(header.finish().unwrap_or_default());
    }

    /// Puts `payload` under this header.
    #[must_use]
    pub fn unsigned(&self, payload: &[u8]) -> UnsignedJws {
        // Room for the signature, too: the token is this string, continued.
        let signature = self.key.algorithm().signature_len().unwrap_or(512);
        let mut token =
            String::with_capacity(self.encoded.len() + 2 + (payload.len() + signature).div_ceil(3) * 4 + 4);
        token.push_str(&self.encoded);
        token.push('.');
        base64url::encode_into(&mut token, payload);
        UnsignedJws { token, key: self.key.clone() }
    }
}

/// A token that lacks its signature.
///
/// Hand out [`signing_input`](Self::signing_input), have it signed anywhere, and [`attach`](Self::attach) what comes
/// back; [`sign`](Self::sign) and [`sign_async`](Self::sign_async) do it in one step.
#[derive(Debug)]
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
        verify_bytes(self.token.as_bytes(), signature, &self.key)?;
        Ok(self.complete(signature))
    }

    /// Signs and completes the token. What a device signed is verified before it is used.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::WrongUse`] when `signer` does not hold the key that the header was made for.
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
