//! A full TLS 1.3 handshake, both ends in this thread: what our verifiers add to it.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, TrustBundle};
use aims_id::IdSet;
use aims_keys::{Algorithm, SoftwareKey, backend};
use aims_testkit::handshake;
use aims_tls::MutualTls;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

use crate::fixtures::NOW;
use crate::row::Row;

/// Over the same handshake by ends that look at no certificate, between peers that have met before. The signatures of the handshake
/// itself are in both.
pub(super) fn full_handshake() -> Row {
    let (client, server) = ends();
    let (blind_client, blind_server) = blind(&client, &server);
    let now = *NOW;
    let (our_client, our_server) = (client.config().clone(), server.config().clone());
    Row::new(move || {
        let done = handshake(&our_client, &our_server).expect("a handshake");
        std::hint::black_box(server.peer(&done.server, now).expect("a peer"));
    })
    .raw(move || {
        std::hint::black_box(handshake(&blind_client, &blind_server).expect("a handshake"));
    })
}

fn ends() -> (aims_tls::TlsClient, aims_tls::TlsServer) {
    let key = || Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
    let day = Duration::from_hours(24);
    let origin = "spiffe://acme.example".parse().expect("an origin");
    let root = SvidIssuer::root(origin, key(), day, *NOW).expect("an authority");
    let issuer = root.intermediate(key(), day, *NOW).expect("an issuer");
    let authority = root.authority().expect("its own");
    let bundles = BundleSet::from(TrustBundle::for_x509(root.origin().clone(), vec![authority]));
    let tls = |name: &str| {
        let own = key();
        let id = name.parse().expect("an identifier");
        let chain = issuer.issue(&id, own.public_key(), *NOW).expect("a certificate");
        let svid = Svid::from_issuer(chain, backend::ring()).expect("a certificate");
        let holder = Holder::for_svid(svid, own).expect("its key");
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        let peers = IdSet::new().pattern("spiffe://acme.example/**".parse().expect("a pattern"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        MutualTls::new(CurrentCredential::new(holder), svids, peers, provider).time_provider(Arc::new(Clock))
    };
    let client = tls("spiffe://acme.example/agents/travel").client().expect("a client");
    (client, tls("spiffe://acme.example/tools/search").server().expect("a server"))
}

/// The same ends, that verify nothing but the signatures of the handshake.
fn blind(
    client: &aims_tls::TlsClient,
    server: &aims_tls::TlsServer,
) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let mut client = ClientConfig::clone(client.config());
    client.dangerous().set_certificate_verifier(Arc::new(Blind));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut blind = ServerConfig::builder_with_details(provider, Arc::new(Clock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(Arc::new(Blind))
        .with_cert_resolver(Arc::clone(&server.config().cert_resolver));
    blind.send_tls13_tickets = 0;
    (Arc::new(client), Arc::new(blind))
}

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs())))
    }
}

/// Looks at no certificate.
#[derive(Debug)]
struct Blind;

impl Blind {
    fn check(
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signature, &algorithms)
    }

    fn schemes() -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }
}

impl ClientCertVerifier for Blind {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }
}
