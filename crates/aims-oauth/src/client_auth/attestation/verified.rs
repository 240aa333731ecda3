//! An attestation that was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aims_jose::json::Object;
use aims_jose::{Claims, Thumbprint};
use aims_keys::{PublicKey, UnixTime};

/// By which proof an instance of a client showed that it has the key of its attestation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AttestationProof {
    /// The `DPoP` proof of the request (`dpop_combined`).
    Dpop,
    /// A proof of its own (`attestation_pop_jwt`).
    Pop,
}

/// An attestation that passed every check of an [`AttestationVerifier`](super::AttestationVerifier), with a proof by its key; there is no other way to get
/// one. Cloning is cheap.
///
/// It says what the attester vouches for. For which clients it is believed, only their registrations say.
#[derive(Clone)]
pub struct VerifiedAttestation(Arc<Facts>);

pub(super) struct Facts {
    pub(super) claims: Claims,
    pub(super) attester: Arc<str>,
    pub(super) key: PublicKey,
    pub(super) thumbprint: Thumbprint,
    pub(super) expires: UnixTime,
    pub(super) proof: AttestationProof,
}

impl VerifiedAttestation {
    /// `sub`: the client.
    #[must_use]
    pub fn client_id(&self) -> Cow<'_, str> {
        self.0.claims.subject().unwrap_or_default()
    }

    /// Who vouches for it: the name of the [`TrustedAttester`](super::TrustedAttester).
    #[must_use]
    pub fn attester(&self) -> &str {
        &self.0.attester
    }

    /// The key of this instance of the client.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.0.key
    }

    /// Its thumbprint: what refresh tokens are bound to (ABC-6).
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.0.thumbprint
    }

    /// How the key was shown.
    #[must_use]
    pub fn proof(&self) -> AttestationProof {
        self.0.proof
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.0.claims.issued_at()
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.expires
    }

    /// All claims, those unknown to this crate included.
    #[must_use]
    pub fn claims(&self) -> &Object {
        self.0.claims.as_object()
    }

    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }
}

/// Shows who, by whom and until when, and none of the other claims.
impl fmt::Debug for VerifiedAttestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedAttestation")
            .field("client_id", &self.client_id())
            .field("attester", &self.attester())
            .field("thumbprint", self.thumbprint())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
