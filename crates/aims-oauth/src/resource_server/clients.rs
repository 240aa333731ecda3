//! Which client is which workload.

use std::collections::BTreeMap;
use std::fmt;

use aims_id::{IdSet, WorkloadId};

use crate::Issuer;

/// Says whether an OAuth client, by the name that an issuer has for it, is a workload that proved who it is (design D8).
pub trait ClientIdentities: fmt::Debug + Send + Sync {
    /// Whether the client, or the actor, that `issuer` calls `name` is this workload.
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool;

    /// The workload that `issuer` calls `name`, where it is known on the word of the issuer alone. As it is: one that the name is the identifier of, if
    /// [`is`](Self::is) agrees. Who believes several issuers says here which workloads each may speak for.
    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        name.parse().ok().filter(|workload| self.is(issuer, name, workload))
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
}

impl<C: ClientIdentities + ?Sized> ClientIdentities for std::sync::Arc<C> {
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool {
        (**self).is(issuer, name, workload)
    }

    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        (**self).workload(issuer, name)
    }
}
