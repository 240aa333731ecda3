//! An agent that calls a tool over mutual TLS: `agent_mtls DIRECTORY URL`.
//!
//! The directory is one that the program `certificates` made; the URL is what `tool_mtls` said.

use std::error::Error;
use std::path::Path;

use aims::Connector;
use aims_examples::workload;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, url] = &arguments[..] else {
        return Err("usage: agent_mtls DIRECTORY URL".into());
    };
    // Whatever the address is: it must be this workload that answers there.
    let expected = "spiffe://acme.example/tools/search";
    let tls = workload::mutual_tls(Path::new(dir), "agent", workload::bundles(Path::new(dir))?, expected)?
        .client()?;
    let client = Client::builder(TokioExecutor::new()).build(Connector::new(tls));

    let request = Request::get(format!("{url}/v1/search?flights")).body(Body::empty())?;
    let response = client.request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{status} {}", String::from_utf8_lossy(&body));
    Ok(())
}
