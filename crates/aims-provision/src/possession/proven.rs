//! A key whose holder has shown that it holds it.

use std::fmt;

use aims_attest::{BoundKey, KeyBinding};
use aims_credential::x509::CertificateRequest;
use aims_id::WorkloadId;
use aims_jose::Thumbprint;
use aims_keys::{PublicKey, UnixTime};

use super::KeyProofError;

/// A key, proven to be held by the peer of one session; [`KeyProofVerifier::verify`](super::KeyProofVerifier::verify) is the only way to
/// one.
///
/// It says nothing about who that peer is. It cannot be copied, so an issuer that takes it by value issues once per proof.
///
/// ```compile_fail
/// fn twice(proven: aims_provision::ProvenKey) -> (aims_provision::ProvenKey, aims_provision::ProvenKey) {
///     (proven.clone(), proven)
/// }
/// ```
pub struct ProvenKey {
    pub(super) key: PublicKey,
    pub(super) binding: KeyBinding,
    pub(super) session: Box<[u8]>,
    pub(super) not_after: UnixTime,
    /// What the certificate request asks for, where the proof was one.
    pub(super) request: Option<Box<CertificateRequest>>,
}

impl ProvenKey {
    /// The key, for a credential of `subject`, who may have these DNS names.
    ///
    /// This is the only way to it, so that none is issued a credential for who asked to be called otherwise.
    ///
    /// # Errors
    ///
    /// [`KeyProofError::Expired`] from [`not_after`](Self::not_after) on; [`KeyProofError::Request`] when the proof was a certificate request
    /// that [asks for another name](CertificateRequest::check_names).
    pub fn key_for(
        &self,
        subject: &WorkloadId,
        dns_names: &[&str],
        now: UnixTime,
    ) -> Result<&PublicKey, KeyProofError> {
        if now >= self.not_after {
            return Err(KeyProofError::Expired);
        }
        if let Some(request) = &self.request {
            request.check_names(subject, dns_names)?;
        }
        Ok(&self.key)
    }

    /// The thumbprint of the key.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.key)
    }

    /// What an appraisal says of this key, whose evidence has no room for it (ATT-22).
    #[must_use]
    pub fn bound_key(&self) -> BoundKey {
        BoundKey::ProofOfPossession(self.thumbprint())
    }

    /// What bound the key to the challenge, and binds evidence that has room for it to both (ATT-21).
    #[must_use]
    pub fn binding(&self) -> KeyBinding {
        self.binding
    }

    /// The session in which it was proven, as the caller named it.
    #[must_use]
    pub fn session(&self) -> &[u8] {
        &self.session
    }

    /// When it can no longer be used: the end of the challenge (ATT-24).
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }
}

impl fmt::Debug for ProvenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvenKey")
            .field("key", &self.key)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
