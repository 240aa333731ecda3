//! A JWT-SVID that was verified.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_id::SpiffeId;
use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{Claims, Header};
use aims_keys::{Algorithm, UnixTime};

use super::claims::JwtSvidClaims;
use crate::token::{begun, mark_keys};
use crate::{Lapsed, MarkKey, Marks};

/// A JWT-SVID that passed every check of a [`JwtSvidVerifier`](super::JwtSvidVerifier); there is no other way to get one.
/// Cloning is cheap.
///
/// It is **bearer** evidence (JS-12): whoever showed the token had it, which the workload did, and so did every audience it was
/// ever sent to. It names no key and nothing that could be proved to be held, so it never becomes the result of a proof of
/// possession: there is no conversion, and verifiers of proofs do not take it. A caller known by it is to be allowed less.
#[derive(Clone)]
pub struct VerifiedJwtSvid(Arc<Facts>);

struct Facts {
    subject: SpiffeId,
    audience: Arc<str>,
    token_id: Option<Box<str>>,
    begun: UnixTime,
    expires: UnixTime,
    claims: Claims,
    header: Header,
    leeway: Duration,
}

impl VerifiedJwtSvid {
    pub(super) fn new(
        claims: JwtSvidClaims,
        header: Header,
        audience: Arc<str>,
        leeway: Duration,
        now: UnixTime,
    ) -> Self {
        let JwtSvidClaims { subject, expires, token_id, all } = claims;
        let begun = begun(all.issued_at(), all.not_before(), now + leeway);
        Self(Arc::new(Facts { subject, audience, token_id, begun, expires, claims: all, header, leeway }))
    }

    /// The workload that the token is about; not necessarily who sent it.
    #[must_use]
    pub fn subject(&self) -> &SpiffeId {
        &self.0.subject
    }

    /// Which of the verifier's names the token is for. `aud` among the [claims](Self::claims) may hold others.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// `exp`: from then on (plus the verifier's leeway) it counts for nothing.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.expires
    }

    /// When it began: `iat`, else `nbf`; without either the epoch, so that every cut ends it.
    #[must_use]
    pub fn begun(&self) -> UnixTime {
        self.0.begun
    }

    /// `jti`; it is not remembered, so a token can be shown again (JS-9).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id.as_deref()
    }

    /// The algorithm the issuer signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.header.algorithm()
    }

    /// The `kid` of the issuer's key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.header.key_id()
    }

    /// All claims, those unknown to this crate included.
    #[must_use]
    pub fn claims(&self) -> &Object {
        self.0.claims.as_object()
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        mark_keys(self.subject().as_workload_id(), self.token_id())
    }

    /// Whether it still counts at `now`. To be asked at every use: its time passes, and it can be cut off before.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        claim::check_expiry(self.not_after(), now, self.0.leeway).map_err(|_| Lapsed::Expired)?;
        self.check_marks(marks)
    }

    pub(super) fn check_marks(&self, marks: &dyn Marks) -> Result<(), Lapsed> {
        marks.check_each(&mut self.mark_keys(), &|mark| mark.check(self.begun(), self.0.leeway))
    }
}

/// Shows the subject, the audience and the times, and none of the other claims.
impl fmt::Debug for VerifiedJwtSvid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJwtSvid")
            .field("subject", self.subject())
            .field("audience", &self.audience())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
