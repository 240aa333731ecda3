//! Making a proof.

use std::fmt;
use std::sync::Arc;

use aims_jose::{ClaimsError, JwsError, NewClaims, NewHeader, Thumbprint, UnsignedJws, base64url};
use aims_keys::{AsyncSigner, SignError, UnixTime};

use super::{DPOP_TYPE, DpopTarget};
use crate::AccessToken;

/// Makes the proofs of one key.
#[derive(Clone)]
pub struct DpopProver {
    signer: Arc<dyn AsyncSigner>,
    header: NewHeader,
}

impl DpopProver {
    /// With this key: one that signs nothing else (DPO-14).
    ///
    /// # Errors
    ///
    /// None that can be caused: the type of a proof is one.
    pub fn new(signer: Arc<dyn AsyncSigner>) -> Result<Self, JwsError> {
        let header = NewHeader::with_embedded_key(DPOP_TYPE, signer.public_key())?;
        Ok(Self { signer, header })
    }

    /// The thumbprint of the key: what tokens are bound to (`dpop_jkt`, DPO-11).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self.header.key())
    }

    /// A proof for a request by this method for this URI. Each request needs one of its own, and so does each time that it is sent (DPO-12).
    pub fn proof<'a>(&'a self, method: &'a str, target: &'a DpopTarget) -> NewDpopProof<'a> {
        NewDpopProof { prover: self, method, target, token: None, nonce: None }
    }
}

/// Shows the key alone.
impl fmt::Debug for DpopProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProver").field("thumbprint", &self.thumbprint()).finish_non_exhaustive()
    }
}

/// A proof that is to be made.
#[derive(Clone, Copy, Debug)]
#[must_use = "a proof does nothing until it is signed"]
pub struct NewDpopProof<'a> {
    prover: &'a DpopProver,
    method: &'a str,
    target: &'a DpopTarget,
    token: Option<&'a AccessToken>,
    nonce: Option<&'a str>,
}

impl<'a> NewDpopProof<'a> {
    /// For a request with this access token (DPO-6).
    pub fn with_token(mut self, token: &'a AccessToken) -> Self {
        self.token = Some(token);
        self
    }

    /// With the nonce that the server gave last (DPO-12).
    pub fn with_nonce(mut self, nonce: &'a str) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Writes it, to be signed by whoever has the key.
    ///
    /// # Errors
    ///
    /// [`SignError::Backend`] without randomness; [`SignError::WrongUse`] when method or nonce cannot be written.
    pub fn prepare(&self, now: UnixTime) -> Result<UnsignedDpopProof, SignError> {
        let key = self.prover.header.key();
        let mut id = [0; 16];
        key.backend().fill_random(&mut id).map_err(|_| SignError::Backend)?;
        let id = base64url::encode(id);
        let hash = self.token.map(|token| base64url::encode(token.digest(key.backend())));
        let mut claims = NewClaims::new();
        claims.issued_at(now).token_id(&id);
        claims.extensions().str("htm", self.method).str("htu", self.target.as_str());
        if let Some(hash) = &hash {
            claims.extensions().str("ath", hash);
        }
        if let Some(nonce) = self.nonce {
            claims.extensions().str("nonce", nonce);
        }
        let claims = claims.finish().map_err(|_: ClaimsError| SignError::WrongUse)?;
        Ok(UnsignedDpopProof(self.prover.header.unsigned(claims)))
    }

    /// Makes the proof: the value of the field `DPoP`.
    ///
    /// # Errors
    ///
    /// [`SignError`].
    pub async fn sign(&self, now: UnixTime) -> Result<String, SignError> {
        self.prepare(now)?.0.sign_async(&*self.prover.signer).await
    }
}

/// A proof that lacks its signature.
#[derive(Debug)]
pub struct UnsignedDpopProof(UnsignedJws);

impl UnsignedDpopProof {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.signing_input()
    }

    /// Completes the proof with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`JwsError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<String, JwsError> {
        self.0.attach(signature)
    }
}
