//! An issuer whose key is in a key service on the network: `remote_signer`.
//!
//! The service and the issuer run in one program here, over a socket. The issuer never has the private key: it sends what is to be
//! signed, and verifies what comes back. For the service of a cloud, see `aims_examples::remote_signer`.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use aims_credential::{BundleSet, TrustBundle, WitIssuer, WitVerifier};
use aims_examples::remote_signer::{KeyService, RemoteSigner};
use aims_id::Origin;
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, AsyncSigner, SignInput, SoftwareKey, UnixTime, backend};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::try_from(SystemTime::now())?;

    // The service, and what is written down when its key is made. One that has no room at all tells every client to come again.
    let service = Arc::new(KeyService::new("a token of the service", 16)?);
    let written_down = service.public_key().clone();
    let place = serve(service).await?;
    let crowded = serve(Arc::new(KeyService::new("a token of the service", 0)?)).await?;

    let signer = RemoteSigner::builder(&place, "a token of the service").expecting(&written_down);
    let signer = Arc::new(signer.connect(Algorithm::Es256, backend::ring()).await?);
    println!("key: {} in {}", signer.algorithm(), signer.protection().name());

    // An issuer like any other.
    let origin: Origin = "spiffe://acme.example".parse()?;
    let jwks = JwkSet::new(vec![Jwk::new(signer.public_key().clone()).with_key_id("1")?])?;
    let trust = BundleSet::from(TrustBundle::new(origin.clone(), jwks));
    let issuer = WitIssuer::with_async_signer(origin.clone(), signer, "1")?;
    let agent = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
    let token = issuer.issue_async(&origin.workload("/agents/travel")?, agent.public_key(), now).await?;
    let wit = WitVerifier::builder(trust, backend::ring()).build().verify(&token, now)?;
    println!("issued: {}", wit.subject());

    // What the service refuses, is an error of signing like that of any device.
    let signer = RemoteSigner::builder(&crowded, "a token of the service");
    let signer = signer.connect(Algorithm::Es256, backend::ring()).await?;
    if let Err(error) = signer.sign(SignInput::Message(b"a message")).await {
        println!("refused: {} ({}): {error:?}", error.code(), error.rule());
    }
    let stranger = RemoteSigner::builder(&place, "another token");
    if let Err(error) = stranger.connect(Algorithm::Es256, backend::ring()).await {
        println!("refused: {error}");
    }
    Ok(())
}

async fn serve(service: Arc<KeyService>) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let place = format!("http://{}/keys/agents", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, service.routes()).await });
    Ok(place)
}
