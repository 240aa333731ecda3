//! Remembering which certificates were verified.

use std::sync::Arc;

use aims_keys::UnixTime;
use rustls_pki_types::CertificateDer;

use super::{Role, SvidError, SvidVerifier, VerifiedSvid};
use crate::remembered::{Ends, Remembered};

/// An [`SvidVerifier`] that remembers what it verified; clones share the memory.
///
/// A workload presents the same certificate on every connection until it renews it. One found here costs a hash in place of the
/// signatures of its chain; each time its dates, the bundle it was verified with, and the marks are checked anew, so that nothing
/// counts longer for having been remembered. Refused certificates are not remembered.
#[derive(Clone, Debug)]
pub struct SvidCache {
    verifier: SvidVerifier,
    /// By SHA-256 of the whole chain as presented: whoever presents another's certificate does not choose the way for its owner.
    verified: Arc<Remembered<VerifiedSvid>>,
}

impl SvidCache {
    /// Remembers at most about `capacity` certificates; those used least make room.
    #[must_use]
    pub fn new(verifier: SvidVerifier, capacity: usize) -> Self {
        Self { verifier, verified: Arc::new(Remembered::new(capacity)) }
    }

    /// What verifies.
    #[must_use]
    pub fn verifier(&self) -> &SvidVerifier {
        &self.verifier
    }

    /// As [`SvidVerifier::verify`].
    ///
    /// # Errors
    ///
    /// As [`SvidVerifier::verify`].
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: Role,
        now: UnixTime,
    ) -> Result<VerifiedSvid, SvidError> {
        // What is too long to be verified is not hashed either.
        self.verifier.check_size(leaf, intermediates)?;
        let hash = self.verifier.hash(leaf, intermediates);
        if let Some(svid) = self.verified.get(&hash) {
            if self.verifier.check_again(&svid, role, now) == Ok(true) {
                return Ok(svid);
            }
            // What is presented now may lead to an authority by another way than the one that was found before.
            self.verified.remove(&hash);
        }
        let svid = self.verifier.verify(leaf, intermediates, role, now)?;
        // Whoever adds what is on no path to a good chain must not fill the memory.
        if svid.chain().iter().map(|der| der.len()).sum::<usize>() <= MAX_REMEMBERED {
            self.verified.insert(hash, svid.clone(), now);
        }
        Ok(svid)
    }

    /// As [`SvidVerifier::verify_again`].
    ///
    /// # Errors
    ///
    /// As [`SvidVerifier::verify_again`].
    pub fn verify_again(
        &self,
        svid: &VerifiedSvid,
        role: Role,
        now: UnixTime,
    ) -> Result<VerifiedSvid, SvidError> {
        if self.verifier.check_again(svid, role, now)? {
            return Ok(svid.clone());
        }
        let (leaf, rest) = svid.chain().split_first().ok_or(SvidError::Malformed)?;
        self.verify(leaf, rest, role, now)
    }

    /// How many certificates are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.verified.len()
    }

    /// Whether no certificate is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Ends for VerifiedSvid {
    fn not_after(&self) -> UnixTime {
        VerifiedSvid::not_after(self)
    }
}

/// The longest chain that is remembered, in bytes: longer ones are verified each time.
const MAX_REMEMBERED: usize = 8 * 1024;
