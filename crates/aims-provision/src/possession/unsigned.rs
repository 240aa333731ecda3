//! Making a proof.

use std::fmt;

use aims_jose::json::ObjectWriter;
use aims_jose::{Jwk, JwsError, base64url};
use aims_keys::{AsyncSigner, Protection, PublicKey, SignError, SignInput, Signature, Signer, UnixTime};

use super::{Challenge, KEY_PROOF_TYPE, KeyProofError};

/// A proof, as a token, that lacks its signature.
///
/// Hand out [`signing_input`](Self::signing_input), have it signed anywhere, and [`attach`](Self::attach) what comes back;
/// [`sign`](Self::sign) and [`sign_async`](Self::sign_async) do it in one step.
pub struct UnsignedKeyProof {
    token: String,
    key: PublicKey,
}

impl UnsignedKeyProof {
    pub(super) fn new(challenge: &Challenge, key: &PublicKey, now: UnixTime) -> Result<Self, KeyProofError> {
        let mut header = ObjectWriter::new();
        header.str("alg", key.algorithm().name()).str("typ", KEY_PROOF_TYPE);
        header.object("jwk", |jwk| Jwk::new(key.clone()).write(jwk));
        let mut claims = ObjectWriter::new();
        claims
            .str("aud", challenge.audience())
            .str("binding", &challenge.binding(key).to_text())
            .u64("iat", now.as_secs())
            .str("nonce", &challenge.nonce());
        let mut token = base64url::encode(header.finish().map_err(JwsError::Header)?);
        token.push('.');
        base64url::encode_into(&mut token, claims.finish().map_err(JwsError::Header)?);
        Ok(Self { token, key: key.clone() })
    }

    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.token.as_bytes()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`KeyProofError::Signature`] when it is not the key's signature over [`signing_input`](Self::signing_input).
    pub fn attach(self, signature: &[u8]) -> Result<String, KeyProofError> {
        self.key.verify(self.token.as_bytes(), signature).map_err(|_| KeyProofError::Signature)?;
        Ok(self.complete(signature))
    }

    /// Signs and completes the token. What a device signed is verified before it is used.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::WrongUse`] when `signer` does not hold the key that the proof is about,
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

/// Shows the key only.
impl fmt::Debug for UnsignedKeyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedKeyProof").field("key", &self.key).finish_non_exhaustive()
    }
}
