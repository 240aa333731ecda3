//! Remembering which WITs were verified.

use std::sync::Arc;

use aims_keys::UnixTime;

use super::{VerifiedWit, WitError, WitVerifier};
use crate::remembered::{Ends, Remembered};

/// A [`WitVerifier`] that remembers what it verified; clones share the memory.
///
/// A workload sends the same WIT with every request. A token found here costs a hash in place of a signature; each time
/// its expiry, the bundle it was verified with, and the marks are checked anew, so that nothing counts longer for having
/// been remembered. Refused tokens are not remembered.
#[derive(Clone, Debug)]
pub struct WitCache {
    verifier: WitVerifier,
    /// By SHA-256 of the token.
    verified: Arc<Remembered<VerifiedWit>>,
}

impl WitCache {
    /// Remembers at most about `capacity` tokens; those used least make room.
    #[must_use]
    pub fn new(verifier: WitVerifier, capacity: usize) -> Self {
        Self { verifier, verified: Arc::new(Remembered::new(capacity)) }
    }

    /// As [`WitVerifier::verify`].
    ///
    /// # Errors
    ///
    /// As [`WitVerifier::verify`].
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedWit, WitError> {
        // What is too long to be verified is not hashed either.
        if token.len() > self.verifier.max_token_len() {
            return self.verifier.verify(token, now);
        }
        let hash = self.verifier.hash(token);
        if let Some(wit) = self.verified.get(&hash) {
            match self.verifier.check_again(&wit, now) {
                Ok(true) => return Ok(wit),
                Ok(false) => {
                    self.verified.remove(&hash);
                }
                Err(ended) => {
                    self.verified.remove(&hash);
                    return Err(ended);
                }
            }
        }
        // It carries the bundle it was verified with: if that was replaced meanwhile, the next look-up finds out.
        let wit = self.verifier.verify_hashed(token, hash, now)?;
        self.verified.insert(hash, wit.clone(), now);
        Ok(wit)
    }

    /// As [`WitVerifier::verify_again`].
    ///
    /// # Errors
    ///
    /// As [`WitVerifier::verify_again`].
    pub fn verify_again(&self, wit: &VerifiedWit, now: UnixTime) -> Result<(), WitError> {
        self.verifier.verify_again(wit, now)
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.verified.len()
    }

    /// Whether no token is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Ends for VerifiedWit {
    fn not_after(&self) -> UnixTime {
        VerifiedWit::not_after(self)
    }
}
