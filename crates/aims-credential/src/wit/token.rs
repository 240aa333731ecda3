//! A WIT in the hands of its holder.

use std::fmt;
use std::sync::Arc;

use aims_id::WorkloadId;
use aims_jose::UnverifiedJws;
use aims_keys::{Backend, PublicKey, UnixTime};

use super::claims::WitClaims;
use super::{WIT_TYPE, WitError};
use crate::token::{JSON_LIMITS, MAX_TOKEN_LEN, limits};

/// A WIT as its holder keeps it: the token, and what it says about the holder. Cloning is cheap.
///
/// The holder got it from its issuer over a channel it trusts, and has no reason to verify it; who receives it from a
/// peer uses a [`WitVerifier`](super::WitVerifier), and there is no way from this to a
/// [`VerifiedWit`](super::VerifiedWit).
#[derive(Clone)]
pub struct Wit(Arc<Held>);

struct Held {
    token: Box<str>,
    subject: WorkloadId,
    key: PublicKey,
    expires: UnixTime,
}

impl Wit {
    /// Reads a token that its issuer handed over. The signature is not checked.
    ///
    /// # Errors
    ///
    /// [`WitError`] when it is not a WIT, or its confirmation key is not acceptable.
    pub fn from_issuer(token: &str, backend: Backend) -> Result<Self, WitError> {
        let jws = UnverifiedJws::parse(token, &limits(MAX_TOKEN_LEN))?;
        jws.header().require_typ(WIT_TYPE)?;
        let claims = WitClaims::read(jws.peek().into_untrusted_payload().0, &JSON_LIMITS)?;
        if !claims.subject.has_path() {
            return Err(WitError::SubjectWithoutPath);
        }
        let key = claims.confirmation_key(backend)?.public_key().clone();
        Ok(Self(Arc::new(Held {
            token: token.into(),
            subject: claims.subject,
            key,
            expires: claims.expires,
        })))
    }

    /// The token, as it goes into the `Workload-Identity-Token` field.
    ///
    /// It is not a secret, and not harmless either: keep it out of logs.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        &self.0.subject
    }

    /// The key that the token is bound to.
    #[must_use]
    pub fn confirmation_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// `exp`: neither the token nor its key is used from then on.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.expires
    }
}

/// Shows the subject and the expiry, not the token.
impl fmt::Debug for Wit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wit")
            .field("subject", self.subject())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
