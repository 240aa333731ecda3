//! Which client is which workload.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use aims_id::{IdSet, WorkloadId};

use crate::{Issuer, VerifiedAccessToken};

/// Says whether an OAuth client, by the name that an issuer has for it, is a workload that proved who it is (design D8).
///
/// A name is one of the issuer whose client it is: of an actor, that is `act.iss`, where the token has it. Which issuer is *believed* is another matter: the one
/// that signed the token, and no other. What a token says of the client of another issuer counts where the one that signed it [may speak](Self::speaks_for) for
/// the workload, too: whoever writes a token writes what it likes into `act.iss`.
pub trait ClientIdentities: fmt::Debug + Send + Sync {
    /// Whether the client, or the actor, that `issuer` calls `name` is this workload.
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool;

    /// The workload that `issuer` calls `name`, where it is known on the word of the issuer alone. As it is: one that the name is the identifier of, if
    /// [`is`](Self::is) agrees. Who believes several issuers says here which workloads each may speak for.
    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        name.parse().ok().filter(|workload| self.is(issuer, name, workload))
    }

    /// Whether tokens that `issuer` signs may say that they were given to this workload, by whatever name: asked where one names it by that of another issuer. As it
    /// is: where it [is](Self::is) a client of this issuer by its own identifier.
    fn speaks_for(&self, issuer: &str, workload: &WorkloadId) -> bool {
        self.is(issuer, workload.as_str(), workload)
    }
}

/// Clients go by the identifiers of workloads themselves, as agents do (ACT-2).
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is a rule, and has no parts")]
pub struct SameIdentity;

impl ClientIdentities for SameIdentity {
    fn is(&self, _: &str, name: &str, workload: &WorkloadId) -> bool {
        name == workload.as_str()
    }
}

/// The same, where each issuer speaks for those workloads alone that it was given: for who believes several.
///
/// ```
/// use aims_id::IdSet;
/// use aims_oauth::{ClientIdentities, IssuerAgents};
///
/// let acme = IdSet::new().pattern("spiffe://acme.example/agents/*".parse().unwrap());
/// let agents = IssuerAgents::new().issuer(&"https://as.acme.example".parse()?, acme);
/// let travel = "spiffe://acme.example/agents/travel";
/// assert!(agents.workload("https://as.acme.example", travel).is_some());
/// assert!(agents.workload("https://as.partner.example", travel).is_none());
/// # Ok::<(), aims_oauth::IssuerError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct IssuerAgents(BTreeMap<Box<str>, IdSet>);

impl IssuerAgents {
    /// Nobody speaks for anybody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This issuer speaks for these workloads, in place of those that it spoke for before.
    #[must_use]
    pub fn issuer(mut self, issuer: &Issuer, agents: IdSet) -> Self {
        self.0.insert(issuer.as_str().into(), agents);
        self
    }
}

impl ClientIdentities for IssuerAgents {
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool {
        name == workload.as_str() && self.0.get(issuer).is_some_and(|agents| agents.contains(workload))
    }
}

/// Known clients only: those that are named, each with the workload that it is. What nobody named is nobody, whatever it calls itself: a client that goes by the
/// identifier of its workload is named, too.
///
/// ```
/// use aims_oauth::{ClientIdentities, NamedClients};
///
/// let issuer = "https://as.acme.example".parse()?;
/// let travel = "spiffe://acme.example/agents/travel";
/// let clients = NamedClients::new().client(&issuer, "client-7", travel.parse().unwrap());
/// assert_eq!(clients.workload("https://as.acme.example", "client-7").unwrap().as_str(), travel);
/// assert!(clients.workload("https://as.acme.example", travel).is_none());
/// assert!(clients.workload("https://as.partner.example", "client-7").is_none());
/// # Ok::<(), aims_oauth::IssuerError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NamedClients(BTreeMap<Box<str>, BTreeMap<Box<str>, WorkloadId>>);

impl NamedClients {
    /// Nobody is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The client, or the actor, that this issuer calls `name` is this workload, and no other that it was before. Several names may be of one workload.
    #[must_use]
    pub fn client(mut self, issuer: &Issuer, name: &str, workload: WorkloadId) -> Self {
        self.0.entry(issuer.as_str().into()).or_default().insert(name.into(), workload);
        self
    }

    fn named(&self, issuer: &str, name: &str) -> Option<&WorkloadId> {
        self.0.get(issuer)?.get(name)
    }
}

impl ClientIdentities for NamedClients {
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool {
        self.named(issuer, name) == Some(workload)
    }

    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        self.named(issuer, name).cloned()
    }

    /// For those that are its clients, by any name.
    fn speaks_for(&self, issuer: &str, workload: &WorkloadId) -> bool {
        self.0.get(issuer).is_some_and(|clients| clients.values().any(|known| known == workload))
    }
}

impl<C: ClientIdentities + ?Sized> ClientIdentities for std::sync::Arc<C> {
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool {
        (**self).is(issuer, name, workload)
    }

    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        (**self).workload(issuer, name)
    }

    fn speaks_for(&self, issuer: &str, workload: &WorkloadId) -> bool {
        (**self).speaks_for(issuer, workload)
    }
}

/// To whom a token was given: to the actor, where one acts for the client's subject, else to the client (AIMS-25).
pub(super) struct GivenTo<'t> {
    /// Who signed the token.
    issuer: &'t str,
    /// Whose name it is, where it is that of another.
    known_to: Option<Cow<'t, str>>,
    name: Cow<'t, str>,
}

impl<'t> GivenTo<'t> {
    pub(super) fn of(token: &'t VerifiedAccessToken) -> Self {
        let issuer = token.issuer().as_str();
        let (known_to, name) = match token.actors().current() {
            Some(actor) => (actor.issuer(), actor.subject()),
            None => (None, token.client_id()),
        };
        Self { issuer, known_to: known_to.filter(|known_to| known_to != issuer), name }
    }

    /// Whether that is this workload.
    pub(super) fn is(&self, workload: &WorkloadId, clients: &dyn ClientIdentities) -> bool {
        clients.is(self.known_to(), &self.name, workload) && self.is_believed(workload, clients)
    }

    /// Which workload that is, on the word of the issuer.
    pub(super) fn workload(&self, clients: &dyn ClientIdentities) -> Option<WorkloadId> {
        let workload = clients.workload(self.known_to(), &self.name)?;
        self.is_believed(&workload, clients).then_some(workload)
    }

    /// Whether the one that signed the token may say it: of a workload that another issuer has a name for, not everybody may.
    pub(super) fn may_be_said(&self, clients: &dyn ClientIdentities) -> bool {
        let Some(known_to) = &self.known_to else { return true };
        clients.workload(known_to, &self.name).is_none_or(|workload| self.is_believed(&workload, clients))
    }

    fn known_to(&self) -> &str {
        self.known_to.as_deref().unwrap_or(self.issuer)
    }

    fn is_believed(&self, workload: &WorkloadId, clients: &dyn ClientIdentities) -> bool {
        self.known_to.is_none() || clients.speaks_for(self.issuer, workload)
    }
}
