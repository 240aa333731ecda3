//! Certificates, keys and bundles that change while listeners and connections stay.

use aims_credential::CurrentCredential;
use aims_keys::Algorithm;
use aims_testkit::{HandshakeError, assert_refused, handshake};
use rustls::Error;

use crate::support::{AGENT, TOOL, World};

#[test]
fn mtls_10_aims_13_a_renewed_certificate_is_presented_by_the_next_connection() {
    let world = World::new();
    let (tool, agent) = (world.current(TOOL), world.current(AGENT));
    let server = world.tls(tool.clone(), &[AGENT]).server().unwrap();
    let client = world.tls(agent.clone(), &[TOOL]).client().unwrap();
    let serials = || {
        let connected = handshake(client.config(), server.config()).unwrap();
        let now = world.clock.now();
        let caller = server.peer(&connected.server, now).unwrap().svid().serial().to_owned();
        (caller, client.peer(&connected.client, now).unwrap().svid().serial().to_owned())
    };
    let first = serials();
    assert_eq!(serials(), first);
    agent.replace(world.holder(&world.acme, AGENT, Algorithm::Es384)).unwrap();
    let second = serials();
    assert_ne!(second.0, first.0);
    assert_eq!(second.1, first.1);
    tool.replace(world.holder(&world.acme, TOOL, Algorithm::Ed25519)).unwrap();
    assert_ne!(serials().1, first.1);
}

#[test]
fn aims_18_without_a_credential_there_is_no_connection() {
    let world = World::new();
    let agent = world.current(AGENT);
    let client = world.tls(agent.clone(), &[TOOL]).client().unwrap();
    agent.withdraw();
    let refused = handshake(client.config(), world.server().config()).err().unwrap();
    assert!(matches!(refused, HandshakeError::Server(Error::NoCertificatesPresented)), "{refused:?}");
    // A server without one has nothing to say.
    let server = world.tls(CurrentCredential::default(), &[AGENT]).server().unwrap();
    let refused = handshake(world.client().config(), server.config()).err().unwrap();
    assert!(matches!(refused, HandshakeError::Server(Error::General(_))), "{refused:?}");
}

#[test]
fn mtls_10_x5v_2_a_bundle_that_is_withdrawn_ends_what_rests_on_it() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    let connected = handshake(client.config(), server.config()).unwrap();
    let now = world.clock.now();
    server.peer(&connected.server, now).unwrap();
    world.bundles.remove(&"spiffe://acme.example".parse().unwrap());
    assert_refused!(server.peer(&connected.server, now), "unknown_trust_domain", "X5V-2");
    // A new authority in its place is not the one that issued.
    world.bundles.insert(World::bundle(&World::new().acme));
    assert_refused!(server.peer(&connected.server, now), "unknown_issuer", "X5V-3");
    assert!(handshake(client.config(), server.config()).is_err());
    world.bundles.insert(World::bundle(&world.acme));
    handshake(client.config(), server.config()).unwrap();
}

#[test]
fn mtls_10_a_live_connection_is_asked_about_again() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    let connected = handshake(client.config(), server.config()).unwrap();
    let now = world.clock.now();
    let (caller, tool) =
        (server.peer(&connected.server, now).unwrap(), client.peer(&connected.client, now).unwrap());
    assert_eq!(server.peer_again(&caller, now).unwrap().subject().as_str(), AGENT);
    assert_eq!(client.peer_again(&tool, now).unwrap().subject().as_str(), TOOL);
    world.bundles.remove(&"spiffe://acme.example".parse().unwrap());
    assert_refused!(server.peer_again(&caller, now), "unknown_trust_domain", "X5V-2");
    assert_refused!(client.peer_again(&tool, now), "unknown_trust_domain", "X5V-2");
    world.bundles.insert(World::bundle(&world.acme));
    server.peer_again(&caller, now).unwrap();
    world.clock.advance(3601);
    assert_refused!(server.peer_again(&caller, world.clock.now()), "expired", "X5V-3");
    // Another server does not expect this caller, however well it is known here.
    let strict = world.tls(world.current(TOOL), &["spiffe://acme.example/agents/other"]).server().unwrap();
    assert_refused!(strict.peer_again(&caller, now), "unexpected_peer", "X5V-7");
}
