//! A tool and an agent over mutual TLS, with axum on one side and hyper on the other.
//!
//! Both get certificates from an issuer in this program; in a deployment each has its own, from wherever it gets them. The call
//! is made twice, the second time with renewed certificates, over the same listener.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::credential::x509::{CertificateRequest, Svid, SvidIssuer, SvidVerifier};
use aims::id::{IdSet, WorkloadId};
use aims::keys::{Algorithm, SoftwareKey, UnixTime};
use aims::tls::{MutualTls, TlsClient, TlsServer};
use aims::{
    Audiences, BundleSet, Callers, Connection, CurrentCredential, Guard, Holder, Permit, TrustBundle, backend,
};
use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let issuer_key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let acme = || "spiffe://acme.example".parse();
    let issuer = SvidIssuer::root(acme()?, issuer_key, Duration::from_secs(86_400), now()?)?;
    let bundles = BundleSet::from(TrustBundle::for_x509(acme()?, vec![issuer.authority()?]));
    let tool = CurrentCredential::new(certified(&issuer, "spiffe://acme.example/tools/search")?);
    let agent = CurrentCredential::new(certified(&issuer, "spiffe://acme.example/agents/travel")?);

    let tls = |own: &CurrentCredential, peers: &str| -> Result<MutualTls, Failure> {
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        let peers = IdSet::new().pattern(peers.parse()?);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(MutualTls::new(own.clone(), svids, peers, provider))
    };
    let server = tls(&tool, "spiffe://acme.example/agents/*")?.server()?;
    let client = tls(&agent, "spiffe://acme.example/tools/search")?.client()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http("https://tools.example")?, bundles.clone(), callers)
        .accept_connections()
        .build();
    let app = Router::new().route("/v1/search", get(search)).layer(guard.layer());
    tokio::spawn(serve(listener, server, app));

    println!("{}", call(&client, TcpStream::connect(address).await?).await?);
    tool.replace(certified(&issuer, "spiffe://acme.example/tools/search")?)?;
    agent.replace(certified(&issuer, "spiffe://acme.example/agents/travel")?)?;
    println!("renewed: {}", call(&client, TcpStream::connect(address).await?).await?);
    Ok(())
}

async fn search(Extension(permit): Extension<Permit>) -> String {
    format!("found it for {}", permit.caller().subject())
}

/// Accepts connections, and tells the guard who is at the other end of each.
async fn serve(listener: TcpListener, server: TlsServer, app: Router) -> Result<(), Failure> {
    let acceptor = TlsAcceptor::from(server.config().clone());
    loop {
        let (tcp, _) = listener.accept().await?;
        let (acceptor, server, app) = (acceptor.clone(), server.clone(), app.clone());
        tokio::spawn(async move {
            // Whoever does not finish a handshake must not keep the connection.
            let tls = timeout(Duration::from_secs(10), acceptor.accept(tcp)).await??;
            let connection = Connection::accepted(&server, tls.get_ref().1, now()?)?;
            let service = TowerToHyperService::new(app.layer(Extension(connection)));
            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(tls), service).await
        });
    }
}

/// One request, over a connection of its own.
async fn call(client: &TlsClient, tcp: TcpStream) -> Result<String, Failure> {
    let connector = TlsConnector::from(client.config().clone());
    let tls = connector.connect("tools.example".try_into()?, tcp).await?;
    let tool = client.peer(tls.get_ref().1, now()?)?;
    println!("connected to {}", tool.subject());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
    tokio::spawn(connection);
    let request = Request::get("/v1/search").header("host", "tools.example").body(Body::empty())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(format!("{status}: {}", String::from_utf8_lossy(&body)))
}

/// A certificate for a workload: it makes a key, shows that it holds it, and gets its certificate.
fn certified(issuer: &SvidIssuer, name: &str) -> Result<Holder, Failure> {
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let request = CertificateRequest::prepare(key.public_key())?.sign(&*key)?;

    // At the issuer, which knows from elsewhere who asks.
    let id: WorkloadId = name.parse()?;
    let request = CertificateRequest::verify(&request, backend::ring())?;
    let chain = issuer.issue(&id, request.key(), now()?)?;

    Ok(Holder::for_svid(Svid::from_issuer(chain, backend::ring())?, key)?)
}

fn now() -> Result<UnixTime, Failure> {
    Ok(UnixTime::try_from(SystemTime::now())?)
}
