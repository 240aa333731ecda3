//! An issuer: makes a trust domain and an agent's credential, as files: `credential DIRECTORY`.
//!
//! - `trust.json`: the issuer's public keys, for whoever verifies;
//! - `agent.wit`: the credential of `spiffe://acme.example/agents/travel`, for an hour;
//! - `agent.pem`: its private key. A real agent makes it itself, proves to the issuer that it holds it, and keeps it.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use aims_credential::{BundleSet, TrustBundle, WitIssuer, WitVerifier};
use aims_id::{Origin, WorkloadId};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, PrivateKey, SoftwareKey, UnixTime, backend};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: credential DIRECTORY")?;
    let dir = Path::new(&dir);
    let now = UnixTime::try_from(SystemTime::now())?;

    let origin: Origin = "spiffe://acme.example".parse()?;
    let issuer_key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
    let jwks = JwkSet::new(vec![Jwk::new(issuer_key.public_key().clone()).with_key_id("1")?])?.to_json();
    let issuer = WitIssuer::new(origin.clone(), Arc::new(issuer_key), "1")?;

    let private = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
    let agent_key = private.load(Algorithm::Es256, backend::ring())?;
    let agent: WorkloadId = origin.workload("/agents/travel")?;
    let token = issuer.issue(&agent, agent_key.public_key(), now)?;

    fs::create_dir_all(dir)?;
    // First, because it refuses to replace a key that is there.
    write_private(&dir.join("agent.pem"), private.expose_pem().as_bytes())?;
    fs::write(dir.join("trust.json"), &jwks)?;
    fs::write(dir.join("agent.wit"), &token)?;

    // What everybody who is sent the token does with it.
    let trust = TrustBundle::from_jwks(origin, &jwks, backend::ring())?;
    let wit = WitVerifier::builder(BundleSet::from(trust), backend::ring()).build().verify(&token, now)?;
    println!("issued: {} until {}", wit.subject(), wit.not_after());
    Ok(())
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
