//! A grant that was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Lapsed, LineageId, MarkKey, Marks};
use aims_id::WorkloadId;
use aims_jose::json::Value;
use aims_jose::{Claims, Thumbprint};
use aims_keys::UnixTime;

use super::GrantProfile;
use crate::{ActorChain, AuthorizationDetails, Issuer, Lineage, Resource, Scope};

/// A grant that passed every check of a [`GrantVerifier`](super::GrantVerifier); there is no other way to get one.
///
/// It is what another server says. Whose account its subject is here, and what the local policy allows of it, is decided afterwards (JAG-24).
pub struct VerifiedGrant {
    pub(super) profile: GrantProfile,
    pub(super) issuer: Issuer,
    pub(super) claims: Claims,
    pub(super) expires: UnixTime,
    pub(super) scope: Option<Scope>,
    pub(super) resources: Vec<Resource>,
    pub(super) details: Option<AuthorizationDetails>,
    pub(super) key: Option<Thumbprint>,
    pub(super) auth_time: Option<UnixTime>,
    /// Who has shown it.
    pub(super) client: Box<str>,
    pub(super) lineage: Lineage,
    pub(super) own_id: LineageId,
    /// The key of the proof that came with it, whether it is bound to that or not.
    pub(super) shown: Option<Thumbprint>,
    pub(super) cuts: Cuts,
}

/// Where this server knows of what was cut off.
#[derive(Clone)]
pub(super) struct Cuts {
    pub(super) own: Issuer,
    pub(super) marks: Option<Arc<dyn Marks>>,
    pub(super) leeway: Duration,
}

impl VerifiedGrant {
    /// The kind.
    #[must_use]
    pub fn profile(&self) -> GrantProfile {
        self.profile
    }

    /// `iss`: who says so.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// `sub`: the user, as the issuer calls it.
    #[must_use]
    pub fn subject(&self) -> Cow<'_, str> {
        self.claims.subject().unwrap_or_default()
    }

    /// The client that has shown it, by its name here.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client
    }

    /// `act`: who acts for the subject, each by the name that its issuer knows it by: that of the grant, where the actor names none.
    #[must_use]
    pub fn actors(&self) -> ActorChain<'_> {
        ActorChain::of_claims(&self.claims)
    }

    /// `jti`, where there is one.
    #[must_use]
    pub fn token_id(&self) -> Option<Cow<'_, str>> {
        self.claims.token_id()
    }

    /// `txn`: the transaction that it belongs to (XD-43).
    #[must_use]
    pub fn transaction(&self) -> Option<Cow<'_, str>> {
        self.text("txn")
    }

    /// `tenant`: the part of the issuer that the subject belongs to (JAG-7).
    #[must_use]
    pub fn tenant(&self) -> Option<Cow<'_, str>> {
        self.text("tenant")
    }

    /// `cnf.jkt`: the key that the request showed, and the token is to be bound to (JAG-23, XD-17).
    #[must_use]
    pub fn key(&self) -> Option<&Thumbprint> {
        self.key.as_ref()
    }

    /// `scope`; `None`, where the grant says nothing of it.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// `resource`.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// `authorization_details`.
    #[must_use]
    pub fn details(&self) -> Option<&AuthorizationDetails> {
        self.details.as_ref()
    }

    /// `auth_time`: when the user was authenticated, where the issuer says so.
    #[must_use]
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.auth_time
    }

    /// `acr`: how strongly the user was authenticated, by a name that the other domain gives it.
    #[must_use]
    pub fn acr(&self) -> Option<Cow<'_, str>> {
        self.text("acr")
    }

    /// `aims_lineage`: the first that it comes from, by the name that it has here (design D10).
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// What names it in the lineage of the tokens that are given for it.
    #[must_use]
    pub fn lineage_id(&self) -> &LineageId {
        &self.own_id
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.expires
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether it still counts, by the marks of this server: it, what it comes from, its subject, its client, its transaction, its key, and all who act or acted (EXC-4).
    pub(super) fn check_marks(&self) -> Result<(), Lapsed> {
        let issuer = self.issuer.as_str();
        let (subject, transaction) = (self.subject(), self.transaction());
        let workload = |name: &str| name.parse::<WorkloadId>().ok();
        let actors = self.actors();
        let actors = actors.iter().filter_map(|actor| workload(&actor.subject()));
        let involved: Vec<_> =
            actors.chain([&*subject, &*self.client].into_iter().filter_map(workload)).collect();
        let named = [
            MarkKey::Token(&self.own_id),
            MarkKey::Subject { issuer, subject: &subject },
            MarkKey::Client { issuer: self.cuts.own.as_str(), client: &self.client },
        ];
        let agents = involved.iter().map(MarkKey::Agent);
        // By the names of clients, too, each of the issuer whose name it is.
        let acted = self.actors().names(issuer);
        let acted = acted.iter().map(|(issuer, client)| MarkKey::Client { issuer, client });
        let key = self.key.iter().chain(&self.shown).map(MarkKey::Key);
        let transaction = transaction.as_deref().map(|id| MarkKey::Transaction { issuer, id });
        let ancestors = self.lineage.ids().iter().map(MarkKey::Token);
        let mut all =
            named.into_iter().chain(agents).chain(acted).chain(key).chain(transaction).chain(ancestors);
        self.check_each(&mut all)
    }

    /// Whether it still counts for this subject, by the name that it has here: who was cut off here gets nothing for a grant from before.
    pub(super) fn check_subject_here(&self, subject: &str) -> Result<(), Lapsed> {
        let agent = subject.parse::<WorkloadId>().ok();
        let subject = MarkKey::Subject { issuer: self.cuts.own.as_str(), subject };
        self.check_each(&mut std::iter::once(subject).chain(agent.as_ref().map(MarkKey::Agent)))
    }

    fn check_each(&self, keys: &mut dyn Iterator<Item = MarkKey<'_>>) -> Result<(), Lapsed> {
        let Some(marks) = &self.cuts.marks else { return Ok(()) };
        // When it began: where nobody says, the epoch, so that every cut ends it.
        let begun = self.claims.issued_at().unwrap_or(UnixTime::EPOCH);
        marks.check_each(keys, &|mark| mark.check(begun, self.cuts.leeway))
    }

    pub(crate) fn act(&self) -> Option<Value<'_>> {
        self.claims.get("act")
    }

    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.claims.get(name)?.as_str()
    }
}

/// Shows who says what about whom, and none of the other claims.
impl fmt::Debug for VerifiedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedGrant")
            .field("profile", &self.profile)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject())
            .field("not_after", &self.expires)
            .finish_non_exhaustive()
    }
}
