//! A server of the Model Context Protocol behind a guard, and an agent that calls its tools: `mcp`.
//!
//! Server and client are those of the crate `rmcp`; what stands in front of one and behind the other is ours. The agent knows the URL of the server and an authorization
//! server, and nothing else: the first answer tells it where to ask for tokens, and for which scope. It gets a token that is bound to a key by `DPoP`, more scope when a tool
//! needs it, and a question to its user, whose answer comes back with a state that only the server can read. All of it over mutual TLS on this machine; the authorization
//! server is one for tests.

mod agent;
mod server;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::credential::x509::{CertificateRequest, Svid, SvidIssuer, SvidVerifier};
use aims::id::{IdSet, WorkloadId};
use aims::keys::{Algorithm, SoftwareKey, SystemClock, UnixTime};
use aims::oauth::{ClientCredential, ClientKey, DpopProver, SenderConstraint, TokenClient, TokenNeed};
use aims::tls::MutualTls;
use aims::{
    Acceptor, BundleSet, Connection, Connector, CurrentCredential, Holder, Listener, TokenAgent, TrustBundle,
    backend,
};
use aims_testkit::TestAuthorizationServer;
use tokio::net::TcpListener;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const AGENT: &str = "spiffe://acme.example/agents/travel";

const TOOL: &str = "spiffe://acme.example/tools/trips";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let issuer = SvidIssuer::root(
        "spiffe://acme.example".parse()?,
        new_key()?,
        Duration::from_secs(86_400),
        UnixTime::try_from(SystemTime::now())?,
    )?;
    let authority = TrustBundle::for_x509("spiffe://acme.example".parse()?, vec![issuer.authority()?]);
    let tls = |own: &str, peer: &str| -> Result<MutualTls, Failure> {
        let svids = SvidVerifier::builder(BundleSet::from(authority.clone()), backend::ring()).build();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let peers = IdSet::new().id(peer.parse()?);
        Ok(MutualTls::new(CurrentCredential::new(certified(&issuer, own)?), svids, peers, provider))
    };
    let acceptor = Acceptor::new(tls(TOOL, AGENT)?.server()?);
    let connector = Connector::new(tls(AGENT, TOOL)?.client()?);

    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await?, acceptor);
    let base = format!("https://{}", listener.local_addr()?);
    let url = format!("{base}/mcp");

    // The agent's client is known to the authorization server by a key; its tokens are bound to another.
    let key = new_key()?;
    let tokens = TestAuthorizationServer::builder("https://as.example", SystemClock::default())
        .client(AGENT, &*key, &[])
        .resource(&url, "trips:read trips:book")
        .build();
    let app = server::router(&base, &url, tokens.trusted())?;
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let http = agent::Http::new(connector);
    let credential = ClientCredential::key(ClientKey::new(AGENT, key, None)?);
    let constraint = SenderConstraint::dpop(DpopProver::new(new_key()?)?);
    let client = TokenClient::builder(
        agent::Network::new(http.clone(), tokens.clone()),
        SystemClock::default(),
        backend::ring(),
    )
    .server(tokens.issuer().clone(), credential, constraint)
    .take_parent_resources()
    .ask_for_supported_scopes()
    .build();
    let shows = TokenAgent::new(client).needing(TokenNeed::of(url.parse()?)).asking_first();
    agent::run(&url, agent::Tools::new(&shows, http)).await
}

fn new_key() -> Result<Arc<SoftwareKey>, Failure> {
    Ok(Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?))
}

/// A certificate for a workload, from the issuer in this program.
fn certified(issuer: &SvidIssuer, name: &str) -> Result<Holder, Failure> {
    let key = new_key()?;
    let request = CertificateRequest::prepare(key.public_key())?.sign(&*key)?;
    let id: WorkloadId = name.parse()?;
    let request = CertificateRequest::verify(&request, backend::ring())?;
    let chain = issuer.issue(&id, request.key(), UnixTime::try_from(SystemTime::now())?)?;
    Ok(Holder::for_svid(Svid::from_issuer(chain, backend::ring())?, key)?)
}
