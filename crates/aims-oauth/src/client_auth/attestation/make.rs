//! Making the proof by the key of an attestation.

use aims_jose::{JwsError, NewClaims, NewHeader, UnsignedJws, base64url};
use aims_keys::{AsyncSigner, SignError, UnixTime};

use super::{ClientAttestation, POP_TYPE};

/// A proof that is to be made: the value of the field [`ATTESTATION_POP_FIELD`](super::ATTESTATION_POP_FIELD).
///
/// ```
/// use aims_keys::{SignError, SoftwareKey, UnixTime};
/// use aims_oauth::ClientAttestation;
///
/// # async fn example(attestation: ClientAttestation, key: SoftwareKey) -> Result<(), SignError> {
/// let now = UnixTime::from_secs(1_790_000_000);
/// let proof = attestation.pop("https://as.example").with_challenge("AYjcyMzY3ZDhi").sign(&key, now).await?;
/// # let _ = proof;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a proof does nothing until it is signed"]
pub struct NewAttestationPop<'a> {
    attestation: &'a ClientAttestation,
    audience: &'a str,
    challenge: Option<&'a str>,
}

impl<'a> NewAttestationPop<'a> {
    pub(super) fn new(attestation: &'a ClientAttestation, audience: &'a str) -> Self {
        Self { attestation, audience, challenge: None }
    }

    /// With the challenge that the server gave last (ABC-5).
    pub fn with_challenge(mut self, challenge: &'a str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Writes it, to be signed by whoever has the key.
    ///
    /// # Errors
    ///
    /// [`SignError::Backend`] without randomness; [`SignError::WrongUse`] when the attestation has expired, or audience or challenge cannot be written.
    pub fn prepare(&self, now: UnixTime) -> Result<UnsignedAttestationPop, SignError> {
        // CRD-9: a key is not used beyond its credential.
        if now >= self.attestation.not_after() {
            return Err(SignError::WrongUse);
        }
        let key = self.attestation.key();
        let mut id = [0; 16];
        key.backend().fill_random(&mut id).map_err(|_| SignError::Backend)?;
        let id = base64url::encode(id);
        let mut claims = NewClaims::new();
        claims.audience(self.audience).issued_at(now).token_id(&id);
        if let Some(challenge) = self.challenge {
            claims.extensions().str("challenge", challenge);
        }
        let claims = claims.finish().map_err(|_| SignError::WrongUse)?;
        let header = NewHeader::new(POP_TYPE, key).map_err(|_| SignError::WrongUse)?;
        Ok(UnsignedAttestationPop(header.unsigned(claims)))
    }

    /// Makes it with the key of the attestation.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::WrongUse`] also when the signer has another key.
    pub async fn sign<S: AsyncSigner + ?Sized>(
        &self,
        signer: &S,
        now: UnixTime,
    ) -> Result<String, SignError> {
        self.prepare(now)?.0.sign_async(signer).await
    }
}

/// A proof that lacks its signature.
#[derive(Debug)]
pub struct UnsignedAttestationPop(UnsignedJws);

impl UnsignedAttestationPop {
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
