//! Which client is which workload.

use std::fmt;

use aims_id::WorkloadId;

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

impl<C: ClientIdentities + ?Sized> ClientIdentities for std::sync::Arc<C> {
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool {
        (**self).is(issuer, name, workload)
    }

    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        (**self).workload(issuer, name)
    }
}
