//! What a request may do.

use std::borrow::Cow;
use std::time::Duration;

use aims_credential::{Lapsed, Marks};
use aims_keys::UnixTime;

use super::{Shortfall, Shown};
use crate::{AccessToken, AuthorizationDetails, DetailRule, Scope, VerifiedAccessToken};

/// A request whose access token was verified, and shown to be used by whom it was given to. Made by
/// [`ResourceServer::authorize`](super::ResourceServer::authorize), and by nothing else; a user's "yes" in some window is none (AIMS-39).
#[derive(Clone, Debug)]
pub struct Authorized {
    token: VerifiedAccessToken,
    shown: Shown,
    /// What came, to be exchanged at its issuer. Nobody else gets it (AIMS-43).
    inbound: AccessToken,
}

impl Authorized {
    pub(super) fn new(token: VerifiedAccessToken, shown: Shown, inbound: AccessToken) -> Self {
        Self { token, shown, inbound }
    }

    /// What came, for [`TokenNeed::on_behalf_of`](crate::TokenNeed::on_behalf_of).
    pub(crate) fn inbound(&self) -> &AccessToken {
        &self.inbound
    }

    /// The token: who acts, for whom, and what for.
    #[must_use]
    pub fn token(&self) -> &VerifiedAccessToken {
        &self.token
    }

    /// The agent: the one that acts now, by the name that [this issuer](Self::actor_issuer) has for it.
    #[must_use]
    pub fn actor(&self) -> Cow<'_, str> {
        self.token.actors().current().map_or_else(|| self.token.client_id(), |actor| actor.subject())
    }

    /// Whose name that is: of the issuer of the token, unless it says that another knows the agent by it (`act.iss`).
    #[must_use]
    pub fn actor_issuer(&self) -> Cow<'_, str> {
        let issuer = self.token.actors().current().and_then(|actor| actor.issuer());
        issuer.unwrap_or_else(|| self.token.issuer().as_str().into())
    }

    /// Whom the agent acts for; `None`, where it acts for itself (ARCH-7).
    #[must_use]
    pub fn on_behalf_of(&self) -> Option<Cow<'_, str>> {
        if self.token.is_autonomous() { None } else { Some(self.token.subject()) }
    }

    /// How it was shown that the token is its own.
    #[must_use]
    pub fn shown_by(&self) -> Shown {
        self.shown
    }

    /// Whether it is good for this scope, all of it.
    ///
    /// # Errors
    ///
    /// [`Shortfall::Scope`], which says all that the operation needs (CHA-3).
    pub fn require_scope(&self, needed: &Scope) -> Result<(), Shortfall> {
        if needed.is_subset_of(self.token.scope()) { Ok(()) } else { Err(Shortfall::Scope(needed.clone())) }
    }

    /// Whether it is good for these details, as `rule` sees it (RAR-4).
    ///
    /// # Errors
    ///
    /// [`Shortfall::Details`].
    pub fn require_details(
        &self,
        needed: &AuthorizationDetails,
        rule: &dyn DetailRule,
    ) -> Result<(), Shortfall> {
        match self.token.details() {
            Some(granted) if needed.is_within(granted, rule) => Ok(()),
            _ => Err(Shortfall::Details(needed.clone())),
        }
    }

    /// Whether the user was authenticated in one of these ways, if any are named, and not longer ago than this (CHA-4).
    ///
    /// # Errors
    ///
    /// [`Shortfall::Authentication`].
    pub fn require_authentication(
        &self,
        acr_values: &[&str],
        max_age: Option<Duration>,
        now: UnixTime,
    ) -> Result<(), Shortfall> {
        let is_strong =
            acr_values.is_empty() || self.token.acr().is_some_and(|acr| acr_values.contains(&&*acr));
        // What lies ahead is not known to be recent.
        let is_recent = max_age.is_none_or(|max| {
            self.token.auth_time().is_some_and(|time| time <= now + SKEW && now.since(time) <= max)
        });
        if is_strong && is_recent {
            return Ok(());
        }
        let acr_values = acr_values.iter().map(|value| (*value).to_owned()).collect();
        Err(Shortfall::Authentication { acr_values, max_age })
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.token.not_after()
    }

    /// Whether it still counts at `now`: to be asked at every use, and before each message of a stream (AZR-10).
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        self.token.still_valid(now, marks)
    }
}

/// As of the verifier's clock.
const SKEW: Duration = Duration::from_secs(30);
