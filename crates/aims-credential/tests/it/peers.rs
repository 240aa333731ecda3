//! Whom to expect behind a name.

use std::sync::Arc;

use aims_credential::{AccessHandle, ExpectedPeers, PeerError, PeerMap};
use aims_id::WorkloadId;
use aims_testkit::assert_refused;

use crate::support::id;

const TOOL: &str = "spiffe://acme.example/tools/search";

#[test]
fn wid_16_crd_8_the_deployment_says_who_answers_under_a_name() {
    let peers = PeerMap::new();
    let handles = [
        AccessHandle::DnsName("search.example"),
        AccessHandle::Route("/v1/search"),
        AccessHandle::Service("search"),
    ];
    for handle in handles {
        assert_refused!(peers.check(handle, &id(TOOL)), "unmapped_peer", "WID-16");
        peers.insert(handle, id(TOOL));
        peers.check(handle, &id(TOOL)).unwrap();
    }
    // The kinds of names do not mix, and DNS names have no case.
    assert_eq!(peers.expected(AccessHandle::Service("search.example")), None);
    assert_eq!(peers.expected(AccessHandle::Route("search")), None);
    assert_eq!(peers.expected(AccessHandle::DnsName("Search.Example")), Some(id(TOOL)));
    assert_eq!(peers.expected(AccessHandle::Service("Search")), None);
    assert_eq!(peers.expected(AccessHandle::Route("/v1/search/")), None);

    assert!(peers.remove(handles[0]) && !peers.remove(handles[0]));
    assert_refused!(peers.check(handles[0], &id(TOOL)), "unmapped_peer", "WID-16");
    peers.check(handles[1], &id(TOOL)).unwrap();
}

#[test]
fn crd_5_crd_7_wid_15_arch_9_the_peer_is_exactly_the_expected_workload() {
    let peers = Arc::new(PeerMap::new());
    let handle = AccessHandle::DnsName("search.example");
    peers.insert(handle, id(TOOL));
    for other in [
        "spiffe://acme.example/tools/search/v2",
        "spiffe://acme.example/tools",
        // The same path means something else in another trust domain.
        "spiffe://bank.example/tools/search",
        "wimse://acme.example/tools/search",
        // What a host name might suggest.
        "spiffe://search.example/tools/search",
    ] {
        assert_refused!(peers.check(handle, &id(other)), "unexpected_peer", "CRD-5", "{other}");
    }
}

/// A deployment's own mapping, such as a registry.
#[derive(Debug)]
struct OnlyServices;

impl ExpectedPeers for OnlyServices {
    fn expected(&self, handle: AccessHandle<'_>) -> Option<WorkloadId> {
        matches!(handle, AccessHandle::Service("search")).then(|| id(TOOL))
    }
}

#[test]
fn wid_16_crd_8_a_deployment_brings_its_own_mapping() {
    let peers: Arc<dyn ExpectedPeers> = Arc::new(OnlyServices);
    peers.check(AccessHandle::Service("search"), &id(TOOL)).unwrap();
    assert_eq!(ExpectedPeers::expected(&peers, AccessHandle::Service("search")), Some(id(TOOL)));
    // A host name that spells the identifier's parts is not mapped for that.
    let spelled = AccessHandle::DnsName("search.tools.acme.example");
    assert_refused!(peers.check(spelled, &id(TOOL)), "unmapped_peer", "WID-16");
}

/// A deployment that knows nobody at the moment, whatever its map says.
#[derive(Debug)]
struct Closed;

impl ExpectedPeers for Closed {
    fn expected(&self, _: AccessHandle<'_>) -> Option<WorkloadId> {
        Some(id(TOOL))
    }

    fn check(&self, _: AccessHandle<'_>, _: &WorkloadId) -> Result<(), PeerError> {
        Err(PeerError::Unmapped)
    }
}

#[test]
fn wid_16_crd_8_a_shared_mapping_checks_as_it_does_alone() {
    let handle = AccessHandle::Service("search");
    assert_refused!(Closed.check(handle, &id(TOOL)), "unmapped_peer", "WID-16");
    let shared: Arc<dyn ExpectedPeers> = Arc::new(Closed);
    assert_refused!(shared.check(handle, &id(TOOL)), "unmapped_peer", "WID-16");
    assert_refused!(Arc::new(shared).check(handle, &id(TOOL)), "unmapped_peer", "WID-16");
}
