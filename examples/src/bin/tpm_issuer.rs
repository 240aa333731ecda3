//! An issuer that asks for evidence of TPMs: `tpm_issuer DIRECTORY`.
//!
//! In the directory are
//!
//! - `register.toml`: who gets which identity, and on what evidence;
//! - `devices/`: a file for each TPM that is believed, as `aims attest enrol` prints it;
//! - `pcr-policy.json`: which values PCRs have to have. Without it, machines may have been started with anything;
//!
//! and the program adds `api.sock`, on which it serves, and `trust.json`, by which tools verify its WITs: `tool_axum` takes it.
//! On standard error it says why callers were refused, which they are not told.
//!
//! ```toml
//! [[entry]]
//! spiffe_id = "spiffe://acme.example/agents/travel"
//! selectors = ["unix:uid:1000"]
//! evidence = [{ type = "tpm2-quote", key = "hardware", max_age = 3600 }]
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_attest::Verifiers;
use aims_attest::tpm::{EnrolledDevices, EnrolledTpm, PcrPolicy, TpmVerifier};
use aims_keys::backend;
use aims_provision::{Authority, AuthoritySettings, Entries};
#[cfg(target_os = "linux")]
use aims_workload_api::UnixAttestor;
use aims_workload_api::WorkloadApiServer;
use tokio::net::UnixListener;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(dir) = std::env::args().nth(1) else {
        eprintln!("usage: tpm_issuer DIRECTORY");
        return ExitCode::from(2);
    };
    match serve(Path::new(&dir)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tpm_issuer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(dir: &Path) -> Result<(), Failure> {
    let now = SystemTime::now().try_into()?;
    // A real one keeps its keys, in a store; and it serves its bundle, since its keys take turns.
    let authority =
        Authority::in_memory("acme.example".parse()?, AuthoritySettings::new(), backend::ring(), now)?;
    fs::write(dir.join("trust.json"), authority.trust_bundle().keys().to_json())?;

    let register = dir.join("register.toml");
    let entries = Entries::from_toml(authority.origin().clone(), &read(&register)?);
    let entries = entries.map_err(|error| format!("{}: {error}", register.display()))?;
    #[cfg(target_os = "linux")]
    let attestor = UnixAttestor::new(backend::ring());
    // Elsewhere nobody is known, and nobody gets anything.
    #[cfg(not(target_os = "linux"))]
    let attestor = aims_workload_api::Unattested::default();
    let server = WorkloadApiServer::builder(Arc::new(authority), entries, attestor, backend::ring())
        .key_holders("spiffe://acme.example")
        .evidence(Verifiers::new(backend::ring()).with(verifier(dir)?))
        .build();

    let socket = dir.join("api.sock");
    // What a server that ended has left is in the way.
    if fs::metadata(&socket).is_ok_and(|file| file.file_type().is_socket()) {
        fs::remove_file(&socket)?;
    }
    let listener = UnixListener::bind(&socket)?;
    println!("serving on unix://{}", socket.display());
    tokio::spawn(tell(server.clone()));
    Ok(server.serve_unix(listener).await?)
}

/// Believes the TPMs that were enrolled, of machines that were started as the policy has it.
fn verifier(dir: &Path) -> Result<TpmVerifier, Failure> {
    let devices = EnrolledDevices::new();
    for file in fs::read_dir(dir.join("devices"))? {
        let path = file?.path();
        let enrolled = EnrolledTpm::from_json(read(&path)?.as_bytes(), backend::ring());
        let enrolled = enrolled.map_err(|error| format!("{}: {error}", path.display()))?;
        println!("enrolled: a TPM of {}", enrolled.manufacturer());
        devices.enrol(enrolled.device().clone());
    }
    let verifier = TpmVerifier::builder(devices, backend::ring());
    let policy = dir.join("pcr-policy.json");
    if !policy.try_exists()? {
        return Ok(verifier.build());
    }
    let policy = PcrPolicy::from_json(read(&policy)?.as_bytes())?;
    println!("machines: {}", policy.id());
    Ok(verifier.pcr_policy(policy).build())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Says why callers were refused, and what evidence lacked.
async fn tell(server: WorkloadApiServer) {
    let mut told = BTreeMap::new();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let status = server.status();
        if status.refused != told {
            let unmet: Vec<String> = status.unmet.iter().map(ToString::to_string).collect();
            eprintln!("refused so far: {:?}; missing last: {}", status.refused, unmet.join(", "));
            told = status.refused;
        }
    }
}
