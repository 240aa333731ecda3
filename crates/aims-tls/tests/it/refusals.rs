//! Handshakes that fail, each for one reason.

use std::sync::Arc;

use aims_credential::{CurrentCredential, Holder};
use aims_keys::Algorithm;
use aims_testkit::{HandshakeError, assert_refused, handshake};
use aims_tls::{PeerError, PeerVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, ServerConnection,
    SignatureScheme,
};

use crate::support::{AGENT, TOOL, World, id, key, provider};

/// What the refusing end says, and what the other end hears of it.
fn refused_by_server(world: &World, own: CurrentCredential) -> Error {
    let client = world.tls(own, &[TOOL]).client().unwrap();
    match handshake(client.config(), world.server().config()) {
        Err(HandshakeError::Server(error)) => error,
        Err(other) => panic!("the wrong end failed: {other:?}"),
        Ok(_) => panic!("nobody failed"),
    }
}

/// Why the client refused the server.
fn reason(refused: &HandshakeError) -> Option<PeerError> {
    let HandshakeError::Client(error) = refused else { panic!("the wrong end failed: {refused:?}") };
    PeerError::from_tls(error)
}

#[test]
fn mtls_6_mtls_7_x5v_7_a_stranger_is_refused_during_the_handshake() {
    let world = World::new();
    for stranger in ["spiffe://acme.example/agents/other", "spiffe://bank.example/agents/travel", TOOL] {
        let error = refused_by_server(&world, world.current(stranger));
        assert_eq!(PeerError::from_tls(&error), Some(PeerError::Unexpected(id(stranger))), "{error:?}");
    }
}

#[test]
fn mtls_4_wic_5_a_server_that_is_not_the_expected_one_is_refused() {
    let world = World::new();
    for other in ["spiffe://acme.example/tools/other", "spiffe://bank.example/tools/search"] {
        let server = world.tls(world.current(other), &[AGENT]).server().unwrap();
        let refused = handshake(world.client().config(), server.config()).err().unwrap();
        assert_eq!(reason(&refused), Some(PeerError::Unexpected(id(other))), "{refused:?}");
    }
}

#[test]
fn mtls_5_the_name_under_which_a_server_is_reached_is_no_identity() {
    let world = World::new();
    // The workload of another domain that is called like the host.
    let issuer = &world.bank;
    let own =
        CurrentCredential::new(world.holder(issuer, "spiffe://bank.example/tools.example", Algorithm::Es256));
    let server = world.tls(own, &[AGENT]).server().unwrap();
    let refused = handshake(world.client().config(), server.config()).err().unwrap();
    assert!(matches!(refused, HandshakeError::Client(Error::InvalidCertificate(_))), "{refused:?}");
}

#[test]
fn mtls_3_where_host_names_count_the_certificate_is_for_the_name_too() {
    let world = World::new();
    let server = |names: &[&str]| world.tls(world.named(names), &[AGENT]).server().unwrap();
    let client = world.tls(world.current(AGENT), &[TOOL]).verify_host_names().client().unwrap();
    handshake(client.config(), server(&["other.example", "test.invalid"]).config()).unwrap();
    for names in [&[][..], &["other.example"], &["sub.test.invalid"]] {
        let refused = handshake(client.config(), server(names).config()).err().unwrap();
        assert!(
            matches!(
                refused,
                HandshakeError::Client(Error::InvalidCertificate(
                    CertificateError::NotValidForNameContext { .. }
                ))
            ),
            "{names:?}: {refused:?}"
        );
    }
    // The right name with another identity.
    let own = CurrentCredential::new(world.holder(
        &world.acme,
        "spiffe://acme.example/tools/other",
        Algorithm::Es256,
    ));
    let other = world.tls(own, &[AGENT]).server().unwrap();
    let refused = handshake(client.config(), other.config()).err().unwrap();
    assert!(matches!(reason(&refused), Some(PeerError::Unexpected(_))), "{refused:?}");
}

#[test]
fn x5v_2_a_domain_that_nobody_trusts() {
    let world = World::new();
    let elsewhere = World::new();
    // A namesake with an authority of its own.
    let error = refused_by_server(&world, elsewhere.current(AGENT));
    assert!(matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer)), "{error:?}");
    world.bundles.remove(&"spiffe://acme.example".parse().unwrap());
    let peers = aims_id::IdSet::new().id(id(AGENT));
    let verifier = PeerVerifier::of_clients(world.svids(), peers, provider());
    let key = key(Algorithm::Es256);
    let chain = world.chain(&world.acme, &id(AGENT), &key);
    assert_refused!(verifier.peer(Some(&chain), world.clock.now()), "unknown_trust_domain", "X5V-2");
}

#[test]
fn mtls_1_no_certificate_no_connection() {
    let world = World::new();
    let verifier = PeerVerifier::of_servers(world.svids(), aims_id::IdSet::from(id(TOOL)), provider());
    let anonymous = ClientConfig::builder_with_details(provider(), Arc::new(world.clock.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let refused = handshake(&Arc::new(anonymous), world.server().config()).err().unwrap();
    assert!(matches!(refused, HandshakeError::Server(Error::NoCertificatesPresented)), "{refused:?}");

    let verifier = PeerVerifier::of_clients(world.svids(), aims_id::IdSet::from(id(AGENT)), provider());
    assert_refused!(verifier.peer(None, world.clock.now()), "no_certificate", "MTLS-1");
    assert_refused!(verifier.peer(Some(&[]), world.clock.now()), "no_certificate", "MTLS-1");
}

#[test]
fn mtls_7_nobody_is_known_before_the_handshake_is_finished() {
    let world = World::new();
    let (client, server) = (world.client(), world.server());
    let connection =
        ClientConnection::new(client.config().clone(), "tools.example".try_into().unwrap()).unwrap();
    assert_refused!(client.peer(&connection, world.clock.now()), "handshaking", "MTLS-7");
    let connection = ServerConnection::new(server.config().clone()).unwrap();
    assert_refused!(server.peer(&connection, world.clock.now()), "handshaking", "MTLS-7");
}

/// Somebody else's certificate, and a key of one's own.
#[derive(Debug)]
struct Stolen(Arc<CertifiedKey>);

impl ResolvesClientCert for Stolen {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn aims_6_a_certificate_without_its_key_is_worth_nothing() {
    let world = World::new();
    let (owner, thief) = (
        key(Algorithm::Es256),
        aims_keys::PrivateKey::generate(Algorithm::Es256, aims_keys::backend::ring()).unwrap(),
    );
    let chain = world.chain(&world.acme, &id(AGENT), &owner);
    let pkcs8 = rustls::pki_types::PrivatePkcs8KeyDer::from(thief.expose_pkcs8().to_vec());
    let signing = rustls::crypto::ring::sign::any_ecdsa_type(&pkcs8.into()).unwrap();
    let mut config = (**world.client().config()).clone();
    config.client_auth_cert_resolver = Arc::new(Stolen(Arc::new(CertifiedKey::new(chain.clone(), signing))));
    config.resumption = Resumption::disabled();
    let refused = handshake(&Arc::new(config), world.server().config()).err().unwrap();
    assert!(
        matches!(refused, HandshakeError::Server(Error::InvalidCertificate(CertificateError::BadSignature))),
        "{refused:?}"
    );
    // A holder cannot even be made of the two.
    let svid = aims_credential::x509::Svid::from_issuer(chain, aims_keys::backend::ring()).unwrap();
    assert_refused!(Holder::for_svid(svid, key(Algorithm::Es256)), "foreign_key", "AIMS-5");
}

#[test]
fn x5v_3_expired_and_not_yet_valid() {
    let world = World::new();
    let own = world.current(AGENT);
    let client = world.tls(own.clone(), &[TOOL]).client().unwrap();
    world.clock.advance(3601);
    // The client's own clock tells it that it has nothing to present.
    let refused = handshake(client.config(), world.server().config()).err().unwrap();
    assert!(matches!(refused, HandshakeError::Server(Error::NoCertificatesPresented)), "{refused:?}");
    // A client whose clock stands still presents it all the same.
    let late = World::new();
    let stale = under_the_clock_of(&late, &world, own);
    let refused = handshake(&stale, world.server().config()).err().unwrap();
    assert!(
        matches!(refused, HandshakeError::Server(Error::InvalidCertificate(CertificateError::Expired))),
        "{refused:?}"
    );
}

/// The credential and trust of one world under the clock of another, by which the tool's certificate is not valid yet: only the
/// client is looked at here.
fn under_the_clock_of(other: &World, world: &World, own: CurrentCredential) -> Arc<ClientConfig> {
    let tls = world.tls(own, &[TOOL]).time_provider(Arc::new(other.clock.clone()));
    let mut config = (**tls.client().unwrap().config()).clone();
    config.dangerous().set_certificate_verifier(Arc::new(Anybody));
    Arc::new(config)
}

/// A client that does not care who the server is.
#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn mtls_1_older_versions_of_tls_are_not_spoken() {
    let world = World::new();
    let verifier = PeerVerifier::of_servers(world.svids(), aims_id::IdSet::from(id(TOOL)), provider());
    let older = ClientConfig::builder_with_details(provider(), Arc::new(world.clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let refused = handshake(&Arc::new(older), world.server().config()).err().unwrap();
    assert!(matches!(refused, HandshakeError::Server(Error::PeerIncompatible(_))), "{refused:?}");
}

#[test]
fn mtls_1_a_provider_without_tls_1_3_makes_no_configuration() {
    let world = World::new();
    let mut old = rustls::crypto::ring::default_provider();
    old.cipher_suites.retain(|suite| suite.tls13().is_none());
    let peers = aims_id::IdSet::new().id(id(TOOL));
    let tls = aims_tls::MutualTls::new(world.current(AGENT), world.svids(), peers, Arc::new(old));
    assert_refused!(tls.client(), "tls_provider", "MTLS-1");
    assert_refused!(tls.server(), "tls_provider", "MTLS-1");
}

#[test]
fn mtls_7_the_other_end_hears_no_more_than_an_alert() {
    let world = World::new();
    let client = world.tls(world.current("spiffe://acme.example/agents/other"), &[TOOL]).client().unwrap();
    let mut server = ServerConnection::new(world.server().config().clone()).unwrap();
    let mut client =
        ClientConnection::new(client.config().clone(), "tools.example".try_into().unwrap()).unwrap();
    let mut heard = None;
    for _ in 0..6 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            let _ = server.process_new_packets();
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            if let Err(error) = client.process_new_packets() {
                heard = Some(error);
            }
        }
    }
    assert_eq!(heard, Some(Error::AlertReceived(AlertDescription::CertificateUnknown)));
    let error = PeerError::Unexpected(id(AGENT));
    assert_eq!((error.code(), error.rule()), ("unexpected_peer", "X5V-7"));
}

#[test]
fn x5v_3_x5v_2_mtls_1_the_refusing_end_reads_the_reason_in_the_error_of_its_handshake() {
    let (world, elsewhere) = (World::new(), World::new());
    let read = |error: &Error| PeerError::from_tls(error).map(|error| (error.code(), error.rule()));
    let unknown_issuer = refused_by_server(&world, elsewhere.current(AGENT));
    assert_eq!(read(&unknown_issuer), Some(("unknown_issuer", "X5V-3")));
    let own = world.current(AGENT);
    world.bundles.remove(world.acme.origin());
    let client = under_the_clock_of(&world, &world, own);
    let refused = handshake(&client, world.server().config()).err().unwrap();
    let HandshakeError::Server(error) = refused else { panic!("the wrong end failed: {refused:?}") };
    assert_eq!(read(&error), Some(("unknown_trust_domain", "X5V-2")));
    for (error, code) in [
        (CertificateError::BadSignature, "bad_signature"),
        (CertificateError::Expired, "expired"),
        (CertificateError::ExpiredRevocationList, "revocation_outdated"),
        (CertificateError::UnknownRevocationStatus, "revocation_unknown"),
        (CertificateError::NotValidYet, "not_yet_valid"),
        (CertificateError::Revoked, "revoked"),
    ] {
        assert_eq!(read(&Error::InvalidCertificate(error)), Some((code, "X5V-3")));
    }
    assert_eq!(read(&Error::NoCertificatesPresented), Some(("no_certificate", "MTLS-1")));
    assert_eq!(read(&Error::HandshakeNotComplete), None, "no verifier said that");
}
