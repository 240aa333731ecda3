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
use aims::tls::MutualTls;
use aims::{
    Acceptor, Audiences, BundleSet, Callers, Connection, Connector, CurrentCredential, Guard, Holder,
    Listener, Permit, TrustBundle, backend,
};
use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

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
    let server = Acceptor::new(tls(&tool, "spiffe://acme.example/agents/*")?.server()?);
    let client = Connector::new(tls(&agent, "spiffe://acme.example/tools/search")?.client()?);

    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await?, server);
    let url = format!("https://{}/v1/search", listener.local_addr()?);
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http("https://tools.example")?, bundles.clone(), callers)
        .accept_connections()
        .build()?;
    let app = Router::new().route("/v1/search", get(search)).layer(guard.layer());
    // Tells the guard who is at the other end of each connection.
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });

    println!("{}", call(&client, &url).await?);
    tool.replace(certified(&issuer, "spiffe://acme.example/tools/search")?)?;
    agent.replace(certified(&issuer, "spiffe://acme.example/agents/travel")?)?;
    println!("renewed: {}", call(&client, &url).await?);
    Ok(())
}

async fn search(Extension(permit): Extension<Permit>) -> String {
    format!("found it for {}", permit.caller().subject())
}

/// One request, over a connection of its own. With `hyper_util`'s client, or tonic's, the connector is theirs to call.
async fn call(client: &Connector, url: &str) -> Result<String, Failure> {
    let stream = client.connect(&url.parse()?).await?;
    println!("connected to {}", stream.peer().subject());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(Request::get(url).body(Body::empty())?).await?;
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
