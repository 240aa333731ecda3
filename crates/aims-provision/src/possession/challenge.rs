//! A challenge, as both sides hold it.

use std::fmt;

use aims_attest::KeyBinding;
use aims_credential::x509::NewCertificateRequest;
use aims_jose::{Thumbprint, base64url};
use aims_keys::{PublicKey, UnixTime};

use super::{ChallengeError, KeyProofError, UnsignedKeyProof};

/// 32 random bytes of an issuer, for one audience (ATT-21).
///
/// The issuer hands it out ([`Challenges::issue`](super::Challenges::issue)) and later asks for it by its [`nonce`](Self::nonce). The
/// workload makes one of what it received ([`new`](Self::new)) and answers with its key, in one of two forms: [`prepare_proof`](Self::prepare_proof)
/// or [`certificate_request`](Self::certificate_request).
///
/// Whoever takes part in the same session and sees it could answer in the place of the workload, so `Debug` leaves it out.
#[derive(Clone)]
pub struct Challenge {
    /// INVARIANT: 1 to `MAX_AUDIENCE` bytes.
    audience: Box<str>,
    nonce: [u8; 32],
}

impl Challenge {
    /// The longest audience, in bytes.
    pub const MAX_AUDIENCE: usize = 2048;

    /// A challenge that was received: for whom the answer is, as the workload knows it by itself, and 32 bytes in base64url.
    ///
    /// An audience that is taken from the message that brings the challenge binds the answer to nobody.
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Audience`], [`ChallengeError::Nonce`].
    pub fn new(audience: &str, nonce: &str) -> Result<Self, ChallengeError> {
        check_audience(audience)?;
        Ok(Self { audience: audience.into(), nonce: read_nonce(nonce)? })
    }

    /// Who handed it out, and for whom the answer is.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The random bytes, in base64url: 43 characters.
    #[must_use]
    pub fn nonce(&self) -> String {
        base64url::encode(self.nonce)
    }

    /// The random bytes.
    #[must_use]
    pub fn nonce_bytes(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// What binds this challenge and `key` to each other.
    #[must_use]
    pub fn binding(&self, key: &PublicKey) -> KeyBinding {
        KeyBinding::of(&self.audience, &self.nonce, &Thumbprint::of(key), key.backend())
    }

    /// An answer as a token, for the owner of `key` to sign; of type [`KEY_PROOF_TYPE`](super::KEY_PROOF_TYPE).
    ///
    /// # Errors
    ///
    /// [`KeyProofError::MalformedToken`] when the audience cannot be written.
    pub fn prepare_proof(&self, key: &PublicKey, now: UnixTime) -> Result<UnsignedKeyProof, KeyProofError> {
        UnsignedKeyProof::new(self, key, now)
    }

    /// An answer as a certificate request, which carries the [binding](Self::binding) as its challenge. Names can be added. The
    /// [nonce](Self::nonce) goes beside it.
    #[must_use]
    pub fn certificate_request<'k>(&self, key: &'k PublicKey) -> NewCertificateRequest<'k> {
        NewCertificateRequest::new(key).challenge(&self.binding(key).to_text())
    }

    pub(super) fn from_parts(audience: &str, nonce: [u8; 32]) -> Result<Self, ChallengeError> {
        check_audience(audience)?;
        Ok(Self { audience: audience.into(), nonce })
    }
}

/// Shows for whom.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("audience", &self.audience).finish_non_exhaustive()
    }
}

pub(super) fn read_nonce(text: &str) -> Result<[u8; 32], ChallengeError> {
    let mut nonce = [0; 32];
    if base64url::decoded_len(text.len()) != Some(nonce.len()) {
        return Err(ChallengeError::Nonce);
    }
    base64url::decode_into(text, &mut nonce).map_err(|_| ChallengeError::Nonce)?;
    Ok(nonce)
}

fn check_audience(audience: &str) -> Result<(), ChallengeError> {
    if (1..=Challenge::MAX_AUDIENCE).contains(&audience.len()) {
        Ok(())
    } else {
        Err(ChallengeError::Audience)
    }
}
