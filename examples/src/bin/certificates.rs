//! An authority: makes a trust domain and the certificates of two workloads, as files: `certificates DIRECTORY`.
//!
//! - `bundle.json`: the SPIFFE bundle document of `spiffe://acme.example`, for whoever verifies;
//! - `tool.crt`, `agent.crt`: the chains of `/tools/search` and `/agents/travel`, for an hour;
//! - `tool.key`, `agent.key`: their private keys. Real workloads make these themselves, send a certificate request, and keep them.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_credential::TrustBundle;
use aims_credential::x509::{SvidIssuer, to_pem};
use aims_id::Origin;
use aims_keys::{Algorithm, PrivateKey, SoftwareKey, UnixTime, backend};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: certificates DIRECTORY")?;
    let dir = Path::new(&dir);
    let now = UnixTime::try_from(SystemTime::now())?;

    let origin: Origin = "spiffe://acme.example".parse()?;
    let authority_key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let issuer = SvidIssuer::root(origin.clone(), authority_key, Duration::from_secs(86_400), now)?;
    let bundle = TrustBundle::for_x509(origin.clone(), vec![issuer.authority()?]);

    fs::create_dir_all(dir)?;
    for (name, path) in [("tool", "/tools/search"), ("agent", "/agents/travel")] {
        let private = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
        let key = private.load(Algorithm::Es256, backend::ring())?;
        let chain = issuer.issue(&origin.workload(path)?, key.public_key(), now)?;
        // First, because it refuses to replace a key that is there.
        write_private(&dir.join(format!("{name}.key")), private.expose_pem().as_bytes())?;
        fs::write(dir.join(format!("{name}.crt")), to_pem(&chain))?;
        println!("issued: {origin}{path}");
    }
    fs::write(dir.join("bundle.json"), bundle.to_spiffe_json()?)?;
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
