//! Signed requests and responses, both ends in one program: `signed`.
//!
//! An agent books a flight. What it sends is signed as a whole, so that whatever stands between it and the tool can neither alter it nor send it twice; and it
//! takes no answer that the tool did not sign for this very request.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use aims::credential::{AccessHandle, PeerMap, WitIssuer};
use aims::jose::{Jwk, JwkSet};
use aims::keys::{Algorithm, SoftwareKey, UnixTime};
use aims::proof::VerifiedResponse;
use aims::{
    Accept, Agent, Audiences, BundleSet, Callers, CurrentCredential, Guard, Holder, Permit, TrustBundle, Wit,
    backend,
};
use axum::routing::post;
use axum::{Extension, Router};
use reqwest::{Method, Request};
use tokio::net::TcpListener;

/// The content is there as a whole, and is what the caller signed.
async fn book(Extension(permit): Extension<Permit>, order: String) -> String {
    format!("booked {order} for {}", permit.caller().subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (trust, agent, tool) = credentials(SystemTime::now().try_into()?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);

    // The tool: nobody books who does not sign, and whoever asks for it gets a signed answer.
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http(&url)?, trust.clone(), callers)
        .accept(Accept::signature())
        .sign_responses(tool)
        .build()?;
    let app = Router::new().route("/v1/book", post(book)).layer(guard.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });

    // The agent knows which workload is behind the name.
    let peers = PeerMap::new();
    peers.insert(AccessHandle::DnsName("127.0.0.1"), "spiffe://acme.example/tools/booking".parse()?);
    let agent = Agent::new(agent).signing(trust, peers).demand_signed_responses();
    let mut request = Request::new(Method::POST, format!("{url}/v1/book?seat=4A").parse()?);
    *request.body_mut() = Some("LIS to OPO".into());
    let response = agent.send(&Agent::client().build()?, request).await?;

    let signer =
        response.extensions().get::<VerifiedResponse>().ok_or("nobody signed it")?.wit().subject().clone();
    println!("{} {}", response.status().as_u16(), response.text().await?);
    println!("signed by {signer}");
    Ok(())
}

/// An issuer that both trust, and a credential for each. Where there is a Workload API, `WorkloadSource` brings all of this.
fn credentials(now: UnixTime) -> Result<(BundleSet, CurrentCredential, CurrentCredential), Box<dyn Error>> {
    let key = || SoftwareKey::generate(Algorithm::Es256, backend::ring()).map(Arc::new);
    let issuer_key = key()?;
    let jwk = Jwk::new(issuer_key.public_key().clone()).with_key_id("2026-11")?;
    let trust = BundleSet::from(TrustBundle::new("spiffe://acme.example".parse()?, JwkSet::new(vec![jwk])?));
    let issuer = WitIssuer::new("spiffe://acme.example".parse()?, issuer_key, "2026-11")?;
    let credential = |id: &str| -> Result<CurrentCredential, Box<dyn Error>> {
        let key = key()?;
        let token = issuer.issue(&id.parse()?, key.public_key(), now)?;
        Ok(CurrentCredential::new(Holder::new(Wit::from_issuer(&token, backend::ring())?, key)?))
    };
    let agent = credential("spiffe://acme.example/agents/travel")?;
    let tool = credential("spiffe://acme.example/tools/booking")?;
    Ok((trust, agent, tool))
}
