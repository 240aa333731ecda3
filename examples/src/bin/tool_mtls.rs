//! A tool over mutual TLS that admits the agents of one trust domain: `tool_mtls DIRECTORY`.
//!
//! The directory is one that the program `certificates` made. It listens on a free port of the loopback interface and says which;
//! records, and connections that it refused, go to standard error.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use aims::{Acceptor, Audiences, Callers, Connection, Guard, Listener, Permit};
use aims_examples::workload;
use axum::extract::RawQuery;
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;

async fn search(Extension(permit): Extension<Permit>, RawQuery(query): RawQuery) -> String {
    format!("mTLS: found {} for {}", query.unwrap_or_default(), permit.caller().subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: tool_mtls DIRECTORY")?;
    let bundles = workload::bundles(Path::new(&dir))?;
    // Whoever is known may connect; who may call, the guard decides.
    let tls = workload::mutual_tls(Path::new(&dir), "tool", bundles.clone(), "spiffe://acme.example/**")?;
    // Once a certificate has ended or a bundle was withdrawn, what is under way has five seconds.
    let acceptor = Acceptor::new(tls.server()?).grace(Duration::from_secs(5));
    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await?, acceptor)
        .on_refused(|refused| eprintln!("refused {}: {}", refused.address, refused.error.code()));
    let base = format!("https://{}", listener.local_addr()?);

    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http(&base)?, bundles, callers).accept_connections().build()?;
    let app = Router::new().route("/v1/search", get(search)).layer(guard.layer());

    println!("listening on {base}");
    axum::serve(listener, app.into_make_service_with_connect_info::<Connection>()).await?;
    Ok(())
}
