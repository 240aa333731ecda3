//! Certificates that their issuer has revoked.

use std::time::Duration;

use aims_credential::TrustBundle;
use aims_credential::x509::{NewRevocationList, SvidVerifier};
use aims_keys::backend;
use aims_testkit::{HandshakeError, assert_refused, handshake};
use aims_tls::{MutualTls, PeerError};
use rustls::{CertificateError, Error};

use crate::support::{AGENT, TOOL, World, provider};

impl World {
    /// From now on its issuer has revoked these in the domain `acme.example`.
    fn revoke(&self, serials: &[&str]) {
        let now = self.clock.now();
        let list = NewRevocationList::new(1).lifetime(Duration::from_secs(600));
        let list = serials.iter().fold(list, |list, serial| list.revoke(serial, now));
        let list = self.acme.sign_list(&list, now).unwrap();
        assert!(self.bundles.set_revocation_lists(self.acme.origin(), &[list]));
    }
}

fn reason<T>(outcome: Result<T, HandshakeError>) -> CertificateError {
    match outcome.err().unwrap() {
        HandshakeError::Client(Error::InvalidCertificate(reason))
        | HandshakeError::Server(Error::InvalidCertificate(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn mtls_10_x5v_3_a_revoked_workload_gets_no_connection_and_loses_the_one_it_has() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    let connected = handshake(client.config(), server.config()).unwrap();
    let now = world.clock.now();
    let caller = server.peer(&connected.server, now).unwrap();
    let tool = client.peer(&connected.client, now).unwrap();

    world.revoke(&["00ff"]);
    server.peer_again(&caller, now).unwrap();
    handshake(client.config(), server.config()).unwrap();

    // The caller: refused by a server that had remembered it, in the handshake and after it.
    world.revoke(&[caller.svid().serial()]);
    assert_refused!(server.peer_again(&caller, now), "revoked", "X5V-3");
    assert_refused!(server.peer(&connected.server, now), "revoked", "X5V-3");
    let refused = handshake(client.config(), server.config());
    assert!(matches!(refused, Err(HandshakeError::Server(_))), "{refused:?}");
    assert_eq!(reason(refused), CertificateError::Revoked);
    client.peer_again(&tool, now).unwrap();
    // Another certificate of the same workload.
    handshake(world.client().config(), server.config()).unwrap();

    // The server.
    world.revoke(&[tool.svid().serial()]);
    server.peer_again(&caller, now).unwrap();
    assert_refused!(client.peer_again(&tool, now), "revoked", "X5V-3");
    let refused = handshake(client.config(), server.config());
    assert!(matches!(refused, Err(HandshakeError::Client(_))), "{refused:?}");
    assert_eq!(reason(refused), CertificateError::Revoked);
}

#[test]
fn mtls_10_x5v_3_what_cannot_be_known_is_refused() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    world.revoke(&[]);
    let connected = handshake(client.config(), server.config()).unwrap();
    let caller = server.peer(&connected.server, world.clock.now()).unwrap();
    world.clock.advance(600);
    assert_refused!(server.peer_again(&caller, world.clock.now()), "revocation_outdated", "X5V-3");
    let refused = handshake(client.config(), server.config());
    assert_eq!(reason(refused), CertificateError::ExpiredRevocationList);
    world.revoke(&[]);
    server.peer_again(&caller, world.clock.now()).unwrap();
    handshake(client.config(), server.config()).unwrap();

    // Where lists are demanded and there is none.
    world
        .bundles
        .insert(TrustBundle::for_x509(world.acme.origin().clone(), vec![world.acme.authority().unwrap()]));
    let svids =
        SvidVerifier::builder(world.bundles.clone(), backend::ring()).require_revocation_lists().build();
    let peers = aims_id::IdSet::new().pattern(AGENT.parse().unwrap());
    let tls = MutualTls::new(world.current(TOOL), svids, peers, provider());
    let server = tls.time_provider(std::sync::Arc::new(world.clock.clone())).server().unwrap();
    assert_eq!(
        reason(handshake(client.config(), server.config())),
        CertificateError::UnknownRevocationStatus
    );
    let refused = server.peer_again(&caller, world.clock.now());
    assert!(matches!(refused, Err(PeerError::Certificate(_))));
    assert_refused!(refused, "revocation_unknown", "X5V-3");
}
