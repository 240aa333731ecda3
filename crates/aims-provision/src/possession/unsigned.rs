//! Making a proof.

use std::fmt;

use aims_jose::json::ObjectWriter;
use aims_jose::{JwsError, NewHeader, UnsignedJws};
use aims_keys::{AsyncSigner, PublicKey, SignError, Signer, UnixTime};

use super::{Challenge, KEY_PROOF_TYPE, KeyProofError};

/// A proof, as a token, that lacks its signature.
///
/// Hand out [`signing_input`](Self::signing_input), have it signed anywhere, and [`attach`](Self::attach) what comes back;
/// [`sign`](Self::sign) and [`sign_async`](Self::sign_async) do it in one step.
pub struct UnsignedKeyProof(UnsignedJws);

impl UnsignedKeyProof {
    pub(super) fn new(challenge: &Challenge, key: &PublicKey, now: UnixTime) -> Result<Self, KeyProofError> {
        let mut claims = ObjectWriter::new();
        claims
            .str("aud", challenge.audience())
            .str("binding", &challenge.binding(key).to_text())
            .u64("iat", now.as_secs())
            .str("nonce", &challenge.nonce());
        let header = NewHeader::with_embedded_key(KEY_PROOF_TYPE, key)?;
        Ok(Self(header.unsigned(claims.finish().map_err(JwsError::Header)?)))
    }

    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.signing_input()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`KeyProofError::Signature`] when it is not the key's signature over [`signing_input`](Self::signing_input).
    pub fn attach(self, signature: &[u8]) -> Result<String, KeyProofError> {
        self.0.attach(signature).map_err(|_| KeyProofError::Signature)
    }

    /// Signs and completes the token. What a device signed is verified before it is used.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::WrongUse`] when `signer` does not hold the key that the proof is about,
    /// [`SignError::Backend`] when a device made a signature that does not verify.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<String, SignError> {
        self.0.sign(signer)
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(self, signer: &S) -> Result<String, SignError> {
        self.0.sign_async(signer).await
    }
}

/// Shows the key only.
impl fmt::Debug for UnsignedKeyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnsignedKeyProof").field(&self.0).finish()
    }
}
