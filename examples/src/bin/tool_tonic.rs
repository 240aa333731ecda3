//! A tool over gRPC that admits the agents of one trust domain: `tool_tonic TRUST_FILE`.
//!
//! It listens on a free port of the loopback interface and says which; records go to standard error.

use std::error::Error;
use std::fs;

use aims::{Audiences, BundleSet, Callers, Guard, TrustBundle, backend};
use aims_examples::search::Search;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let trust = std::env::args().nth(1).ok_or("usage: tool_tonic TRUST_FILE")?;
    let trust = fs::read_to_string(trust)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);

    let trust = TrustBundle::from_jwks("spiffe://acme.example".parse()?, &trust, backend::ring())?;
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http(&base)?, BundleSet::from(trust), callers).build()?;
    let server = Server::builder().layer(guard.layer()).add_service(Search::default());

    println!("listening on {base}");
    server.serve_with_incoming(TcpIncoming::from(listener)).await?;
    Ok(())
}
