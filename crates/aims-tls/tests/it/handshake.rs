//! Handshakes that succeed.

use std::sync::Arc;

use aims_credential::x509::Role;
use aims_credential::{CurrentCredential, Holder, Mark, MarkKey, MarkTable};
use aims_keys::Algorithm;
use aims_testkit::{assert_refused, handshake};
use rustls::{HandshakeKind, ProtocolVersion};

use crate::support::{AGENT, TOOL, World, id, key};

#[test]
fn mtls_1_mtls_7_wic_5_both_ends_know_who_the_other_is() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    let connected = handshake(client.config(), server.config()).unwrap();
    let now = world.clock.now();
    let caller = server.peer(&connected.server, now).unwrap();
    assert_eq!((caller.subject().as_str(), caller.role()), (AGENT, Role::Client));
    let tool = client.peer(&connected.client, now).unwrap();
    assert_eq!((tool.subject().as_str(), tool.role()), (TOOL, Role::Server));
    assert_eq!(caller.not_after().as_secs(), now.as_secs() + 3600);
    assert_eq!(caller.svid().subject(), caller.subject());
    assert_eq!(connected.server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn mtls_2_keys_of_every_kind_sign_handshakes() {
    let world = World::new();
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let own = |name| CurrentCredential::new(world.holder(&world.acme, name, algorithm));
        let server = world.tls(own(TOOL), &[AGENT]).server().unwrap();
        let client = world.tls(own(AGENT), &[TOOL]).client().unwrap();
        let connected = handshake(client.config(), server.config()).unwrap();
        let caller = server.peer(&connected.server, world.clock.now()).unwrap();
        assert_eq!(caller.svid().public_key().algorithm(), algorithm);
    }
}

#[test]
fn x5v_2_bnd_2_peers_of_another_domain_come_with_their_own_anchors() {
    let world = World::new();
    let guest = "spiffe://bank.example/agents/audit";
    let server = world.tls(world.current(TOOL), &[AGENT, "spiffe://bank.example/agents/*"]).server().unwrap();
    let client = world.tls(world.current(guest), &[TOOL]).client().unwrap();
    let connected = handshake(client.config(), server.config()).unwrap();
    assert_eq!(server.peer(&connected.server, world.clock.now()).unwrap().subject().as_str(), guest);
}

#[test]
fn x5v_3_no_session_goes_on_without_its_certificate() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    for _ in 0..3 {
        let connected = handshake(client.config(), server.config()).unwrap();
        for kind in [connected.client.handshake_kind(), connected.server.handshake_kind()] {
            assert_eq!(kind, Some(HandshakeKind::Full));
        }
    }
}

#[test]
fn aims_55_a_peer_counts_until_it_ends_or_is_cut_off() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    let connected = handshake(client.config(), server.config()).unwrap();
    let caller = server.peer(&connected.server, world.clock.now()).unwrap();
    let marks = MarkTable::with_capacity(8);
    caller.still_valid(world.clock.now(), &marks).unwrap();
    assert_eq!(caller.mark_keys().count(), 3);
    marks.add(&MarkKey::Agent(&id(AGENT)), Mark::suspended()).unwrap();
    assert_refused!(caller.still_valid(world.clock.now(), &marks), "suspended", "AIMS-55");
    world.clock.advance(3601);
    let marks = MarkTable::with_capacity(8);
    assert_refused!(caller.still_valid(world.clock.now(), &marks), "expired", "AIMS-8");
    // And the connection yields no other one.
    assert_refused!(server.peer(&connected.server, world.clock.now()), "expired", "X5V-3");
}

/// A key in a device: its signature comes later, from another thread.
#[derive(Debug)]
struct Slow(Arc<aims_keys::SoftwareKey>);

impl aims_keys::AsyncSigner for Slow {
    fn public_key(&self) -> &aims_keys::PublicKey {
        aims_keys::Signer::public_key(&*self.0)
    }

    fn protection(&self) -> aims_keys::Protection {
        aims_keys::Protection::Software
    }

    fn sign<'a>(
        &'a self,
        input: aims_keys::SignInput<'a>,
    ) -> aims_keys::BoxFuture<'a, Result<aims_keys::Signature, aims_keys::SignError>> {
        let mut begun = false;
        Box::pin(std::future::poll_fn(move |context| {
            if begun {
                return std::task::Poll::Ready(aims_keys::Signer::sign(&*self.0, input));
            }
            begun = true;
            let waker = context.waker().clone();
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(20));
                waker.wake();
            });
            std::task::Poll::Pending
        }))
    }
}

#[test]
fn a_handshake_waits_for_a_key_that_signs_later() {
    let world = World::new();
    let key = key(Algorithm::Es256);
    let chain = world.chain(&world.acme, &id(AGENT), &key);
    let svid = aims_credential::x509::Svid::from_issuer(chain, aims_keys::backend::ring()).unwrap();
    let own = CurrentCredential::new(Holder::for_svid(svid, Arc::new(Slow(key))).unwrap());
    let client = world.tls(own, &[TOOL]).client().unwrap();
    handshake(client.config(), world.server().config()).unwrap();
}
