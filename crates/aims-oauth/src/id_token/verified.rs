//! An ID Token that was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Lapsed, MarkKey, Marks};
use aims_jose::Claims;
use aims_jose::jwt::claim;
use aims_keys::UnixTime;

use crate::{Fingerprint, Issuer};

/// An ID Token that passed every check of an [`IdTokenVerifier`](super::IdTokenVerifier); there is no other way to get one. Cloning is cheap.
///
/// It says who the user is that its issuer authenticated for this client. It grants nothing: that is what access tokens are for.
#[derive(Clone)]
pub struct VerifiedIdToken(Arc<Facts>);

pub(super) struct Facts {
    pub(super) issuer: Issuer,
    pub(super) client_id: Arc<str>,
    pub(super) claims: Claims,
    pub(super) expires: UnixTime,
    pub(super) issued_at: UnixTime,
    pub(super) auth_time: Option<UnixTime>,
    pub(super) fingerprint: Fingerprint,
    pub(super) leeway: Duration,
}

impl VerifiedIdToken {
    /// `iss`: who authenticated the user.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// `sub`: the user, as the issuer calls it. Only together with the issuer does it name anybody.
    #[must_use]
    pub fn subject(&self) -> Cow<'_, str> {
        self.0.claims.subject().unwrap_or_default()
    }

    /// The client that it is for.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// `exp`: from then on (plus the verifier's leeway) it counts for nothing.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.expires
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> UnixTime {
        self.0.issued_at
    }

    /// `auth_time`: when the user was authenticated.
    #[must_use]
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.0.auth_time
    }

    /// `acr`: how strongly the user was authenticated, by a name that the issuer gives it.
    #[must_use]
    pub fn acr(&self) -> Option<Cow<'_, str>> {
        self.text("acr")
    }

    /// `amr`: by which methods the user was authenticated.
    pub fn amr(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let all = self.0.claims.get("amr").and_then(|amr| amr.as_array());
        all.into_iter().flatten().filter_map(|one| one.as_str())
    }

    /// `sid`: the session of the user at the issuer.
    #[must_use]
    pub fn session(&self) -> Option<Cow<'_, str>> {
        self.text("sid")
    }

    /// `nonce`.
    pub(super) fn nonce(&self) -> Option<Cow<'_, str>> {
        self.text("nonce")
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// All claims, those about the user included: personal data.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// Whether it still counts at `now`. To be asked at every use: its time passes, and its user can be cut off before (AZR-10).
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        claim::check_expiry(self.not_after(), now, self.0.leeway).map_err(|_| Lapsed::Expired)?;
        self.check_marks(marks)
    }

    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    pub(super) fn check_marks(&self, marks: &dyn Marks) -> Result<(), Lapsed> {
        let (issuer, subject) = (self.issuer().as_str(), self.subject());
        let named = [
            MarkKey::Subject { issuer, subject: &subject },
            MarkKey::Client { issuer, client: self.client_id() },
        ];
        marks.check_each(&mut named.into_iter(), &|mark| mark.check(self.issued_at(), self.0.leeway))
    }

    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.claims.get(name)?.as_str()
    }
}

/// Shows who it is about, and none of the other claims.
impl fmt::Debug for VerifiedIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedIdToken")
            .field("issuer", self.issuer())
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
