//! A tool over HTTP that admits the agents of one trust domain: `tool_axum TRUST_FILE`.
//!
//! It listens on a free port of the loopback interface and says which; records go to standard error. On a network it would
//! stand behind TLS, and its audience would be `https`.

use std::error::Error;
use std::fs;

use aims::{Audiences, BundleSet, Callers, Guard, Permit, TrustBundle, backend};
use axum::extract::RawQuery;
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;

async fn search(Extension(permit): Extension<Permit>, RawQuery(query): RawQuery) -> String {
    format!("HTTP: found {} for {}", query.unwrap_or_default(), permit.caller().subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let trust = std::env::args().nth(1).ok_or("usage: tool_axum TRUST_FILE")?;
    let trust = fs::read_to_string(trust)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);

    let trust = TrustBundle::from_jwks("spiffe://acme.example".parse()?, &trust, backend::ring())?;
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http(&base)?, BundleSet::from(trust), callers).build()?;
    let app = Router::new().route("/v1/search", get(search)).layer(guard.layer());

    println!("listening on {base}");
    axum::serve(listener, app).await?;
    Ok(())
}
