//! Callers that are known by their connection.

use aims_credential::{BundleSet, Mark, MarkKey, MarkTable};
use aims_keys::UnixTime;
use aims_proof::{Authenticated, Layer, Method};
use aims_testkit::{TestCertificates, TestClock, assert_refused, handshake};
use aims_tls::VerifiedPeer;

use crate::support::NOW;

const AGENT: &str = "spiffe://acme.example/agents/travel";

/// A workload of the authority, as a server knows it after a handshake in memory.
pub(crate) fn peer_of(acme: &TestCertificates, path: &str) -> VerifiedPeer {
    let (bundles, clock) = (BundleSet::from(acme.trust()), TestClock::at(NOW));
    let tls = |path| acme.mutual_tls(acme.current(path, NOW), &bundles, "spiffe://acme.example/**", &clock);
    let (client, server) = (tls(path).client().unwrap(), tls("/tools/search").server().unwrap());
    let done = handshake(client.config(), server.config()).unwrap();
    server.peer(&done.server, NOW).unwrap()
}

fn peer() -> VerifiedPeer {
    peer_of(&TestCertificates::new("spiffe://acme.example", NOW), "/agents/travel")
}

#[test]
fn aims_21_arch_1_a_peer_is_known_at_the_transport_layer_and_no_further() {
    let peer = peer();
    let caller = Authenticated::by_mtls(&peer);
    assert_eq!(caller.subject().as_str(), AGENT);
    assert_eq!((caller.layer(), caller.layer().name()), (Layer::Transport, "transport"));
    assert_eq!((caller.method(), caller.method().name()), (Method::Mtls, "mtls"));
    assert_eq!(caller.not_after(), peer.not_after());
    // It is no proof of whatever came through the connection.
    assert!(caller.wpt().is_none());
    assert_eq!(caller.peer().unwrap().svid().serial(), peer.svid().serial());
}

#[test]
fn aims_55_mtls_10_a_peer_is_asked_about_at_every_use() {
    let caller = Authenticated::by_mtls(&peer());
    let marks = MarkTable::with_capacity(8);
    caller.still_valid(NOW, &marks).unwrap();
    let after = UnixTime::from_secs(caller.not_after().as_secs() + 1);
    assert_refused!(caller.still_valid(after, &marks), "expired", "AIMS-8");
    let keys: Vec<MarkKey<'_>> = caller.mark_keys().collect();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let marks = MarkTable::with_capacity(8);
        marks.add(&key, Mark::dead()).unwrap();
        assert_refused!(caller.still_valid(NOW, &marks), "revoked", "AIMS-55");
    }
}
