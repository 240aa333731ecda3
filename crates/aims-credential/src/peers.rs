//! Whom to expect behind a name: the deployment's mapping from access names to identifiers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aims_id::WorkloadId;

/// The deployment's mapping from the name under which a peer is reached to the workload expected there (WID-16, CRD-8).
///
/// It is configured, never derived: a DNS name, an address or a route says nothing about the identifier of who answers.
pub trait ExpectedPeers: fmt::Debug + Send + Sync {
    /// The workload expected behind `handle`; `None` when the deployment does not say.
    fn expected(&self, handle: AccessHandle<'_>) -> Option<WorkloadId>;

    /// Checks that `proven`, taken from a verified credential and never from a bare text (WID-14), is the one workload
    /// expected behind `handle`: the whole identifier, byte for byte.
    ///
    /// # Errors
    ///
    /// [`PeerError::Unmapped`], [`PeerError::Unexpected`].
    fn check(&self, handle: AccessHandle<'_>, proven: &WorkloadId) -> Result<(), PeerError> {
        match self.expected(handle) {
            None => Err(PeerError::Unmapped),
            Some(expected) if expected == *proven => Ok(()),
            Some(_) => Err(PeerError::Unexpected),
        }
    }
}

impl<P: ExpectedPeers + ?Sized> ExpectedPeers for Arc<P> {
    fn expected(&self, handle: AccessHandle<'_>) -> Option<WorkloadId> {
        (**self).expected(handle)
    }

    fn check(&self, handle: AccessHandle<'_>, proven: &WorkloadId) -> Result<(), PeerError> {
        (**self).check(handle, proven)
    }
}

/// A name under which a peer is reached.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AccessHandle<'a> {
    /// A DNS name, compared without regard to the case of ASCII letters.
    DnsName(&'a str),
    /// A route or URL prefix of a gateway, as the deployment writes it.
    Route(&'a str),
    /// The name of a service in a registry or mesh.
    Service(&'a str),
}

/// Expected peers in memory; clones share them.
///
/// ```
/// use aims_credential::{AccessHandle, ExpectedPeers, PeerMap};
///
/// let peers = PeerMap::new();
/// peers.insert(AccessHandle::DnsName("tools.example"), "spiffe://acme.example/tools/search".parse()?);
///
/// let proven = "spiffe://acme.example/tools/payment".parse()?; // from the peer's verified credential
/// let refusal = peers.check(AccessHandle::DnsName("tools.example"), &proven).unwrap_err();
/// assert_eq!((refusal.code(), refusal.rule()), ("unexpected_peer", "CRD-5"));
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PeerMap(Arc<RwLock<Peers>>);

type Peers = HashMap<(Kind, Box<str>), WorkloadId>;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Kind {
    DnsName,
    Route,
    Service,
}

impl PeerMap {
    /// An empty map: nobody is expected anywhere.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects `workload` behind `handle` from now on, in place of whom it expected there.
    pub fn insert(&self, handle: AccessHandle<'_>, workload: WorkloadId) {
        // A panic elsewhere cannot have left half an entry: inserting one is a single step.
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key(handle), workload);
    }

    /// Expects nobody behind `handle` any more; says whether somebody was expected.
    pub fn remove(&self, handle: AccessHandle<'_>) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&key(handle)).is_some()
    }
}

impl ExpectedPeers for PeerMap {
    fn expected(&self, handle: AccessHandle<'_>) -> Option<WorkloadId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key(handle)).cloned()
    }
}

/// Why a peer is not the one to talk to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The peer is another workload than the one expected.
    #[error("the peer is another workload than the one expected")]
    Unexpected,
    /// The deployment does not say whom to expect.
    #[error("nobody is expected under this name")]
    Unmapped,
}

impl PeerError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected_peer",
            Self::Unmapped => "unmapped_peer",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Unexpected => "CRD-5",
            Self::Unmapped => "WID-16",
        }
    }
}

fn key(handle: AccessHandle<'_>) -> (Kind, Box<str>) {
    match handle {
        AccessHandle::DnsName(name) => (Kind::DnsName, name.to_ascii_lowercase().into()),
        AccessHandle::Route(route) => (Kind::Route, route.into()),
        AccessHandle::Service(name) => (Kind::Service, name.into()),
    }
}
