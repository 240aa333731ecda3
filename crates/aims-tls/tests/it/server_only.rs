//! Connections in which the server alone shows who it is.

use std::sync::Arc;

use aims_credential::CurrentCredential;
use aims_id::IdSet;
use aims_testkit::{HandshakeError, assert_refused, handshake};
use aims_tls::{AnonymousTls, PeerError, PublicTls, TlsClient};
use rustls::{ProtocolVersion, ServerConfig};

use crate::support::{AGENT, TOOL, World, id, provider};

fn client(world: &World, server: &str) -> TlsClient {
    anonymous(world, server).client().unwrap()
}

fn anonymous(world: &World, server: &str) -> AnonymousTls {
    AnonymousTls::new(world.svids(), IdSet::new().id(id(server)), provider())
        .time_provider(Arc::new(world.clock.clone()))
}

fn server(world: &World, own: CurrentCredential) -> Arc<ServerConfig> {
    PublicTls::new(own, provider()).time_provider(Arc::new(world.clock.clone())).server().unwrap()
}

fn refusal(client: &TlsClient, server: &Arc<ServerConfig>) -> Result<(), PeerError> {
    match handshake(client.config(), server) {
        Ok(_) => Ok(()),
        Err(HandshakeError::Client(error)) => Err(PeerError::from_tls(&error).expect("our verifier refused")),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn fed_4_fed_5_a_server_shows_who_it_is_and_asks_nobody() {
    let world = World::new();
    let client = client(&world, TOOL);
    let connected = handshake(client.config(), &server(&world, world.current(TOOL))).unwrap();
    assert_eq!(client.peer(&connected.client, world.clock.now()).unwrap().subject().as_str(), TOOL);
    assert!(connected.server.peer_certificates().is_none());
    assert_eq!(connected.server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    // Nor has the client anything to show to a server that asks.
    let refused = handshake(client.config(), world.server().config()).unwrap_err();
    let HandshakeError::Server(error) = refused else { panic!("{refused}") };
    assert_refused!(Err::<(), _>(PeerError::from_tls(&error).unwrap()), "no_certificate", "MTLS-1");
}

#[test]
fn fed_4_only_the_configured_workload_passes_with_the_anchors_of_its_own_domain() {
    let world = World::new();
    let own = server(&world, world.current(TOOL));
    assert_refused!(refusal(&client(&world, AGENT), &own), "unexpected_peer", "X5V-7");
    // The same path in a foreign trust domain.
    let foreign = server(&world, world.current("spiffe://bank.example/tools/search"));
    assert_refused!(refusal(&client(&world, TOOL), &foreign), "unexpected_peer", "X5V-7");
    world.bundles.remove(&"spiffe://acme.example".parse().unwrap());
    assert_refused!(refusal(&client(&world, TOOL), &own), "unknown_trust_domain", "X5V-2");
}

#[test]
fn fed_4_an_expired_certificate_is_neither_presented_nor_accepted() {
    let world = World::new();
    let own = world.current(TOOL);
    let (late, early) = (World::new(), server(&world, own.clone()));
    late.clock.advance(3601);
    let svids =
        aims_credential::x509::SvidVerifier::builder(world.bundles.clone(), aims_keys::backend::ring());
    let client = AnonymousTls::new(svids.build(), IdSet::new().id(id(TOOL)), provider())
        .time_provider(Arc::new(late.clock.clone()))
        .client()
        .unwrap();
    assert_refused!(refusal(&client, &early), "expired", "X5V-3");
    world.clock.advance(3601);
    let error = handshake(client.config(), &server(&world, own)).unwrap_err();
    assert!(matches!(error, HandshakeError::Server(_)), "{error}");
}

#[test]
fn older_versions_are_spoken_where_both_ends_are_told_to() {
    let world = World::new();
    let old = PublicTls::new(world.current(TOOL), provider())
        .time_provider(Arc::new(world.clock.clone()))
        .protocol_versions(OLD)
        .server()
        .unwrap();
    assert!(handshake(client(&world, TOOL).config(), &old).is_err());
    let both = anonymous(&world, TOOL).protocol_versions(rustls::ALL_VERSIONS).client().unwrap();
    let connected = handshake(both.config(), &old).unwrap();
    assert_eq!(connected.client.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(both.peer(&connected.client, world.clock.now()).unwrap().subject().as_str(), TOOL);
    let wrong = anonymous(&world, AGENT).protocol_versions(rustls::ALL_VERSIONS).client().unwrap();
    assert_refused!(refusal(&wrong, &old), "unexpected_peer", "X5V-7");
}

static OLD: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
