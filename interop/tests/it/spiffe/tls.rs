//! `spiffe-rustls` at the other end of mutual TLS.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, TrustBundle};
use aims_id::IdSet;
use aims_keys::backend;
use aims_testkit::{HandshakeError, assert_refused, handshake};
use aims_tls::{MutualTls, PeerError};
use rustls::{ClientConfig, ServerConfig};
use spiffe_rustls::{LocalOnly, authorizer, mtls_client, mtls_server};

use super::workload_api::{configured, source};
use crate::support::{key, now};

const AGENT: &str = "spiffe://acme.example/agents/travel";
const TOOL: &str = "spiffe://acme.example/tools/search";
const OTHER: &str = "spiffe://other.example/tools/search";

const DAY: Duration = Duration::from_secs(86_400);

/// A trust domain: its root, and an issuer below it.
struct Domain {
    root: SvidIssuer,
    issuer: SvidIssuer,
}

impl Domain {
    fn new(origin: &str) -> Self {
        let root = SvidIssuer::root(origin.parse().unwrap(), key(), DAY, now()).unwrap();
        let issuer = root.intermediate(key(), DAY, now()).unwrap();
        Self { root, issuer }
    }

    fn bundle(&self) -> TrustBundle {
        TrustBundle::for_x509(self.root.origin().clone(), vec![self.root.authority().unwrap()])
    }

    /// Ours: who we are, and whom we expect, of this trust domain.
    fn ours(&self, own: &str, peer: &str) -> MutualTls {
        self.ours_by(&self.issuer, own, peer)
    }

    fn ours_by(&self, issuer: &SvidIssuer, own: &str, peer: &str) -> MutualTls {
        let key = key();
        let chain = issuer.issue(&own.parse().unwrap(), key.public_key(), now()).unwrap();
        let holder = Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), key).unwrap();
        let svids = SvidVerifier::builder(BundleSet::from(self.bundle()), backend::ring()).build();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let peers = IdSet::new().id(peer.parse().unwrap());
        MutualTls::new(CurrentCredential::new(holder), svids, peers, provider)
    }

    /// Theirs, that trusts `federated` besides.
    fn their_client(&self, own: &str, peer: &str, federated: &[&SvidIssuer]) -> Arc<ClientConfig> {
        let source = source(own, &self.issuer, &self.root, federated);
        let peer = authorizer::exact([peer]).unwrap();
        Arc::new(configured(|| mtls_client(source).authorize(peer).build().unwrap()))
    }

    fn their_server(&self, own: &str, peer: &str) -> Arc<ServerConfig> {
        let source = source(own, &self.issuer, &self.root, &[]);
        let peer = authorizer::exact([peer]).unwrap();
        Arc::new(configured(|| mtls_server(source).authorize(peer).build().unwrap()))
    }
}

/// Why we refused, as the end of a handshake that we are.
fn refusal(error: &rustls::Error) -> Result<(), PeerError> {
    Err(PeerError::from_tls(error).expect("a reason of ours"))
}

/// X5V-7, WIC-5: either end knows the other, and refuses whom it does not expect.
#[test]
fn spiffe_calls_our_server() {
    let acme = Domain::new("spiffe://acme.example");
    let server = acme.ours(TOOL, AGENT).server().unwrap();
    let done = handshake(&acme.their_client(AGENT, TOOL, &[]), server.config()).unwrap();
    assert_eq!(server.peer(&done.server, now()).unwrap().subject().as_str(), AGENT);

    let wrong_server = handshake(&acme.their_client(AGENT, AGENT, &[]), server.config());
    assert!(matches!(wrong_server, Err(HandshakeError::Client(_))), "{wrong_server:?}");

    let wrong_client = handshake(&acme.their_client(TOOL, TOOL, &[]), server.config());
    let Err(HandshakeError::Server(error)) = wrong_client else { panic!("{wrong_client:?}") };
    assert_refused!(refusal(&error), "unexpected_peer", "X5V-7");
}

/// X5V-7, WIC-5, the other way round.
#[test]
fn we_call_the_server_of_spiffe() {
    let acme = Domain::new("spiffe://acme.example");
    let server = acme.their_server(TOOL, AGENT);
    let client = acme.ours(AGENT, TOOL).client().unwrap();
    let done = handshake(client.config(), &server).unwrap();
    assert_eq!(client.peer(&done.client, now()).unwrap().subject().as_str(), TOOL);

    let wrong_server = handshake(acme.ours(AGENT, AGENT).client().unwrap().config(), &server);
    let Err(HandshakeError::Client(error)) = wrong_server else { panic!("{wrong_server:?}") };
    assert_refused!(refusal(&error), "unexpected_peer", "X5V-7");

    let wrong_client = handshake(acme.ours(TOOL, TOOL).client().unwrap().config(), &server);
    assert!(matches!(wrong_client, Err(HandshakeError::Server(_))), "{wrong_client:?}");
}

/// X5V-2, X5V-3: a trust domain of which there is no bundle, and an authority that only calls itself one of ours.
#[test]
fn neither_talks_to_foreign_trust_domains() {
    let acme = Domain::new("spiffe://acme.example");
    for (origin, code, rule) in [
        ("spiffe://other.example", "unknown_trust_domain", "X5V-2"),
        ("spiffe://acme.example", "unknown_issuer", "X5V-3"),
    ] {
        let foreign = Domain::new(origin);
        let (agent, tool) = (format!("{origin}/agents/travel"), format!("{origin}/tools/search"));

        // They are foreign to us; they would take us for whom they expect, if they trusted us.
        let server = acme.ours(TOOL, &agent).server().unwrap();
        let client = foreign_client(&foreign, &acme, &agent);
        let refused = handshake(&client, server.config());
        let Err(HandshakeError::Server(error)) = refused else { panic!("{refused:?}") };
        assert_refused!(refusal(&error), code, rule);

        let client = acme.ours(AGENT, &tool).client().unwrap();
        let refused = handshake(client.config(), &foreign.their_server(&tool, AGENT));
        let Err(HandshakeError::Client(error)) = refused else { panic!("{refused:?}") };
        assert_refused!(refusal(&error), code, rule);

        // And we to them.
        let server = foreign.ours(&tool, AGENT).server().unwrap();
        let refused = handshake(&acme.their_client(AGENT, &tool, &[]), server.config());
        assert!(matches!(refused, Err(HandshakeError::Client(_))), "{refused:?}");

        let client = acme.ours_by(&foreign.issuer, &agent, TOOL).client().unwrap();
        let refused = handshake(client.config(), &acme.their_server(TOOL, &agent));
        assert!(matches!(refused, Err(HandshakeError::Server(_))), "{refused:?}");
    }
}

/// With a certificate of `foreign`, and trust in `acme`.
fn foreign_client(foreign: &Domain, acme: &Domain, own: &str) -> Arc<ClientConfig> {
    let federated: &[&SvidIssuer] = &[&acme.root];
    // Of two bundles for one trust domain, it would have one: what it calls its own is ours then.
    let (root, federated) = if foreign.root.origin() == acme.root.origin() {
        (&acme.root, &[][..])
    } else {
        (&foreign.root, federated)
    };
    let source = source(own, &foreign.issuer, root, federated);
    let peer = authorizer::exact([TOOL]).unwrap();
    Arc::new(configured(|| mtls_client(source).authorize(peer).build().unwrap()))
}

/// X5V-2: with a federated bundle they know our server of another trust domain, unless they stay in their own.
#[test]
fn spiffe_calls_our_server_in_a_federated_trust_domain() {
    let (acme, other) = (Domain::new("spiffe://acme.example"), Domain::new("spiffe://other.example"));
    let bundles = BundleSet::from(other.bundle());
    bundles.insert(acme.bundle());
    let tool = key();
    let chain = other.issuer.issue(&OTHER.parse().unwrap(), tool.public_key(), now()).unwrap();
    let holder = Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), tool).unwrap();
    let svids = SvidVerifier::builder(bundles, backend::ring()).build();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let peers = IdSet::new().id(AGENT.parse().unwrap());
    let server = MutualTls::new(CurrentCredential::new(holder), svids, peers, provider).server().unwrap();

    let done = handshake(&acme.their_client(AGENT, OTHER, &[&other.root]), server.config()).unwrap();
    assert_eq!(server.peer(&done.server, now()).unwrap().subject().as_str(), AGENT);

    let source = source(AGENT, &acme.issuer, &acme.root, &[&other.root]);
    let local = LocalOnly("acme.example".try_into().unwrap());
    let client = configured(|| mtls_client(source).trust_domain_policy(local).build().unwrap());
    let refused = handshake(&Arc::new(client), server.config());
    assert!(matches!(refused, Err(HandshakeError::Client(_))), "{refused:?}");
}

/// X5V-10: we process a name constraint on URIs. `spiffe-rustls` verifies with webpki alone, which refuses every chain below one.
#[test]
fn spiffe_refuses_our_chains_with_name_constraints() {
    let mut acme = Domain::new("spiffe://acme.example");
    acme.root = acme.root.with_name_constraints();
    let constrained = acme.root.intermediate(key(), DAY, now()).unwrap();

    let server = acme.ours_by(&constrained, TOOL, AGENT).server().unwrap();
    let refused = handshake(&acme.their_client(AGENT, TOOL, &[]), server.config());
    assert!(matches!(refused, Err(HandshakeError::Client(_))), "{refused:?}");

    let client = acme.ours(AGENT, TOOL).client().unwrap();
    let done = handshake(client.config(), server.config()).unwrap();
    assert_eq!(client.peer(&done.client, now()).unwrap().subject().as_str(), TOOL);
}
