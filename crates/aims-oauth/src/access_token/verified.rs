//! An access token that was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aims_credential::{Lapsed, LineageId, MarkKey, Marks};
use aims_id::WorkloadId;
use aims_jose::Header;
use aims_jose::json::{Object, Span, Value};
use aims_jose::jwt::claim;
use aims_keys::{Backend, PublicKey, UnixTime};

use super::claims::AccessTokenClaims;
use super::{Actor, ActorChain, TokenBinding};
use crate::{AuthorizationDetails, Fingerprint, Issuer, Lineage, Resource, Scope};

/// An access token that passed every check of an [`AccessTokenVerifier`](super::AccessTokenVerifier); there is no other way to get one. Cloning is cheap.
///
/// It says what its issuer vouches for, not who sent it.
#[derive(Clone)]
pub struct VerifiedAccessToken(Arc<Facts>);

pub(super) struct Facts {
    pub(super) claims: AccessTokenClaims,
    pub(super) issuer: Issuer,
    pub(super) resource: Resource,
    pub(super) agent: Option<WorkloadId>,
    /// The other workloads among those that it names: whoever is cut off takes along what came by it.
    pub(super) others_involved: Box<[WorkloadId]>,
    pub(super) scope: Scope,
    pub(super) details: Option<AuthorizationDetails>,
    pub(super) binding: Option<TokenBinding>,
    pub(super) lineage: Lineage,
    /// Once somebody asked.
    pub(super) own_id: OnceLock<LineageId>,
    pub(super) backend: Backend,
    pub(super) source: Source,
    pub(super) fingerprint: Fingerprint,
    pub(super) leeway: Duration,
}

/// How it is known what the token says.
pub(super) enum Source {
    /// Its issuer was asked, then.
    Introspected(UnixTime),
    /// It says so itself, signed with this key.
    Signed(Header, PublicKey),
}

impl VerifiedAccessToken {
    /// `iss`: the authorization server.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// `sub`: the user, or whoever else the agent acts for; the client itself, where it acts for nobody.
    #[must_use]
    pub fn subject(&self) -> Cow<'_, str> {
        self.text(self.0.claims.subject)
    }

    /// `client_id`: the agent (AIMS-25).
    #[must_use]
    pub fn client_id(&self) -> Cow<'_, str> {
        self.text(self.0.claims.client_id)
    }

    /// The same, where it is the identifier of a workload.
    #[must_use]
    pub fn agent(&self) -> Option<&WorkloadId> {
        self.0.agent.as_ref()
    }

    /// Whether the agent acts for itself: for nobody else, and nobody for it (ARCH-7).
    #[must_use]
    pub fn is_autonomous(&self) -> bool {
        self.actors().is_empty() && self.subject() == self.client_id()
    }

    /// `act`: who acts for the subject.
    #[must_use]
    pub fn actors(&self) -> ActorChain<'_> {
        ActorChain::new(&self.0.claims.object, self.0.claims.others.act)
    }

    /// `may_act`: the one that may act for the subject, if the token says so (EXC-5).
    #[must_use]
    pub fn may_act(&self) -> Option<Actor<'_>> {
        self.0.claims.others.may_act.and_then(|span| self.0.claims.at(span)).map(Actor::new)
    }

    /// `act`, as it was sent.
    pub(super) fn act(&self) -> Option<Value<'_>> {
        self.0.claims.others.act.and_then(|span| self.0.claims.at(span))
    }

    /// The name of this resource server that the token is for.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.0.resource
    }

    /// `scope`; none, where the token has none.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// What the token is bound to; nothing, where whoever shows it may use it.
    #[must_use]
    pub fn binding(&self) -> Option<&TokenBinding> {
        self.0.binding.as_ref()
    }

    /// `jti`: of a JWT always, of another where its issuer says so.
    #[must_use]
    pub fn token_id(&self) -> Option<Cow<'_, str>> {
        self.0.claims.token_id()
    }

    /// `iat`: of a JWT always, of another where its issuer says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.0.claims.issued_at
    }

    /// When it began: where nobody says, the epoch, so that every cut ends it.
    #[must_use]
    pub fn begun(&self) -> UnixTime {
        self.issued_at().unwrap_or(UnixTime::EPOCH)
    }

    /// `exp`: from then on (plus the verifier's leeway) it counts for nothing.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.claims.expires
    }

    /// `auth_time`: when the user was authenticated.
    #[must_use]
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.0.claims.auth_time
    }

    /// `acr`: how strongly the user was authenticated, by a name that the issuer gives it.
    #[must_use]
    pub fn acr(&self) -> Option<Cow<'_, str>> {
        self.0.claims.others.acr.map(|span| self.text(span))
    }

    /// `txn`: the transaction that it belongs to.
    #[must_use]
    pub fn transaction(&self) -> Option<Cow<'_, str>> {
        self.0.claims.others.transaction.map(|span| self.text(span))
    }

    /// `authorization_details`; none, where the token has none.
    #[must_use]
    pub fn details(&self) -> Option<&AuthorizationDetails> {
        self.0.details.as_ref()
    }

    /// What it comes from.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.0.lineage
    }

    /// What names it in the lineage of what is derived from it.
    #[must_use]
    pub fn lineage_id(&self) -> &LineageId {
        let Facts { issuer, fingerprint, backend, .. } = &*self.0;
        self.0.own_id.get_or_init(|| match self.token_id() {
            Some(id) => LineageId::of(issuer.as_str(), &id, *backend),
            None => LineageId::of(issuer.as_str(), &fingerprint.to_string(), *backend),
        })
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// All claims, those unknown to this crate included.
    #[must_use]
    pub fn claims(&self) -> &Object {
        &self.0.claims.object
    }

    /// Whether it still counts at `now`. To be asked at every use: its time passes, and it can be cut off before (AZR-10).
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        claim::check_expiry(self.not_after(), now, self.0.leeway).map_err(|_| Lapsed::Expired)?;
        self.check_marks(marks)
    }

    /// Until when what is known of it counts: not for as long as the token, where its issuer said so (INT-4).
    pub(crate) fn counts_until(&self) -> UnixTime {
        let end = self.not_after() + self.0.leeway;
        match self.0.source {
            Source::Introspected(asked) => end.min(asked + MAX_ANSWER_AGE),
            Source::Signed(..) => end,
        }
    }

    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.0
    }

    /// Under every name by which it can be cut off: its own, those of what it comes from, and those of whom it is about, and of all who acted (EXC-4).
    pub(super) fn check_marks(&self, marks: &dyn Marks) -> Result<(), Lapsed> {
        let issuer = self.issuer().as_str();
        let (subject, client, transaction) = (self.subject(), self.client_id(), self.transaction());
        let key = match self.binding() {
            Some(TokenBinding::Key(key)) => Some(MarkKey::Key(key)),
            _ => None,
        };
        let named = [
            MarkKey::Token(self.lineage_id()),
            MarkKey::Subject { issuer, subject: &subject },
            MarkKey::Client { issuer, client: &client },
        ];
        let transaction = transaction.as_deref().map(|id| MarkKey::Transaction { issuer, id });
        // By the names of clients, too, each of the issuer whose name it is.
        let acted = self.actors().names(issuer);
        let acted = acted.iter().map(|(issuer, client)| MarkKey::Client { issuer, client });
        let agents = self.agent().into_iter().chain(&self.0.others_involved).map(MarkKey::Agent);
        let ancestors = self.lineage().ids().iter().map(MarkKey::Token);
        let mut all =
            named.into_iter().chain(agents).chain(acted).chain(key).chain(transaction).chain(ancestors);
        marks.check_each(&mut all, &|mark| mark.check(self.begun(), self.0.leeway))
    }

    fn text(&self, span: Span) -> Cow<'_, str> {
        self.0.claims.at(span).and_then(|value| value.as_str()).unwrap_or_default()
    }
}

/// Shows who and until when, and none of the other claims.
impl fmt::Debug for VerifiedAccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedAccessToken")
            .field("issuer", self.issuer())
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("not_after", &self.not_after())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

/// INT-4.
pub(super) const MAX_ANSWER_AGE: Duration = Duration::from_secs(30);
