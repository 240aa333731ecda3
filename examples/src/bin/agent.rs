//! An agent that calls a tool over HTTP and one over gRPC: `agent DIRECTORY HTTP_URL GRPC_URL`.
//!
//! The directory is one that the program `credential` made; the URLs are what `tool_axum` and `tool_tonic` said.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aims::keys::{Algorithm, PrivateKey};
use aims::{Agent, CurrentCredential, Holder, Wit, backend};
use aims_examples::search;
use reqwest::{Method, Request};
use tonic::transport::Endpoint;
use tower_layer::Layer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, http, grpc] = &arguments[..] else {
        return Err("usage: agent DIRECTORY HTTP_URL GRPC_URL".into());
    };
    let read = |name| fs::read_to_string(Path::new(dir).join(name));

    let key = PrivateKey::from_pem(&read("agent.pem")?)?.load(Algorithm::Es256, backend::ring())?;
    let wit = Wit::from_issuer(&read("agent.wit")?, backend::ring())?;
    let agent = Agent::new(CurrentCredential::new(Holder::new(wit, Arc::new(key))?));

    let client = Agent::client().build()?;
    let url = format!("{http}/v1/search?flights");
    let response = agent.send(&client, Request::new(Method::GET, url.parse()?)).await?;
    println!("{} {}", response.status().as_u16(), response.text().await?);

    let channel = Endpoint::from_shared(grpc.clone())?.connect().await?;
    match search::find(agent.layer_for(grpc)?.layer(channel), "hotels").await {
        Ok(answer) => println!("OK {answer}"),
        Err(status) => println!("{:?}", status.code()),
    }
    Ok(())
}
