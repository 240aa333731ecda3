//! Proves possession of an agent's key for one request, and verifies it as the recipient would: `proof DIRECTORY URL`.
//!
//! The directory is one that the program `credential` made.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use aims_credential::{BundleSet, Holder, TrustBundle, Wit, WitCache, WitVerifier};
use aims_keys::{Algorithm, PrivateKey, UnixTime, backend};
use aims_proof::{Audiences, CHALLENGE, NewWpt, ReplayMemory, WptVerifier, http_audience};
use http::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, url] = &arguments[..] else { return Err("usage: proof DIRECTORY URL".into()) };
    let read = |name| fs::read_to_string(Path::new(dir).join(name));
    let now = UnixTime::try_from(SystemTime::now())?;

    // The agent: one proof, for this target.
    let key = PrivateKey::from_pem(&read("agent.pem")?)?.load(Algorithm::Es256, backend::ring())?;
    let wit = Wit::from_issuer(&read("agent.wit")?, backend::ring())?;
    let holder = Holder::new(wit, Arc::new(key))?;
    let proof = NewWpt::new(http_audience(url)).sign(&holder, now).await?;
    let request = Request::get(url)
        .header("workload-identity-token", read("agent.wit")?)
        .header("authorization", format!("{CHALLENGE} {proof}"))
        .body(())?;

    // The recipient: whom it trusts, who it is, and what it has seen.
    let trust =
        TrustBundle::from_jwks("spiffe://acme.example".parse()?, &read("trust.json")?, backend::ring())?;
    let wits = WitCache::new(WitVerifier::builder(BundleSet::from(trust), backend::ring()).build(), 1000);
    let own = Audiences::http("https://tools.example")?;
    let proofs = WptVerifier::builder(own, ReplayMemory::with_capacity(1000)).build();
    for _ in 0..2 {
        match proofs.verify_http(&wits, request.headers(), request.uri().path(), now) {
            Ok(proof) => println!("verified: {} for {}", proof.wit().subject(), proof.audience()),
            Err(refusal) => println!("refused: {} ({})", refusal.code(), refusal.rule()),
        }
    }
    Ok(())
}
