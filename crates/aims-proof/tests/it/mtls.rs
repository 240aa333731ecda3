//! Callers that are known by their connection.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, Mark, MarkKey, MarkTable, TrustBundle};
use aims_id::IdSet;
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_proof::{Authenticated, Layer, Method};
use aims_testkit::{assert_refused, handshake};
use aims_tls::{MutualTls, VerifiedPeer};
use rustls::time_provider::TimeProvider;

use crate::support::NOW;

const AGENT: &str = "spiffe://acme.example/agents/travel";

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs())))
    }
}

/// The agent, as a server knows it after a handshake in memory.
fn peer() -> VerifiedPeer {
    let key = || Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let day = Duration::from_secs(86_400);
    let issuer = SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(), day, NOW).unwrap();
    let bundle = TrustBundle::for_x509(issuer.origin().clone(), vec![issuer.authority().unwrap()]);
    let bundles = BundleSet::from(bundle);
    let tls = |name: &str| {
        let own = key();
        let chain = issuer.issue(&name.parse().unwrap(), own.public_key(), NOW).unwrap();
        let holder = Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), own).unwrap();
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        let everybody = IdSet::new().pattern("spiffe://acme.example/**".parse().unwrap());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        MutualTls::new(CurrentCredential::new(holder), svids, everybody, provider)
            .time_provider(Arc::new(Clock))
    };
    let (client, server) =
        (tls(AGENT).client().unwrap(), tls("spiffe://acme.example/tools/search").server().unwrap());
    let done = handshake(client.config(), server.config()).unwrap();
    server.peer(&done.server, NOW).unwrap()
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
    assert_eq!(keys.len(), 2);
    for key in keys {
        let marks = MarkTable::with_capacity(8);
        marks.add(&key, Mark::dead()).unwrap();
        assert_refused!(caller.still_valid(NOW, &marks), "revoked", "AIMS-55");
    }
}
