//! A Workload API on a Unix socket: `workload_api SOCKET REGISTER`.
//!
//! Whoever the register names gets X.509-SVIDs, JWT-SVIDs and WITs of `spiffe://acme.example`; `SPIFFE_ENDPOINT_SOCKET=unix://SOCKET` is all that its
//! clients need. The register is TOML, and read again when it changes. Whoever changes it moves a new file into its place: half of one may be a register, too.
//!
//! ```toml
//! [[entry]]
//! spiffe_id = "spiffe://acme.example/agents/travel"
//! selectors = ["unix:uid:1000"]
//! ```

use std::error::Error;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_keys::backend;
use aims_provision::{Authority, AuthoritySettings, Entries};
#[cfg(target_os = "linux")]
use aims_workload_api::UnixAttestor;
use aims_workload_api::WorkloadApiServer;
use tokio::net::UnixListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(socket), Some(register)) = (arguments.next(), arguments.next()) else {
        return Err("usage: workload_api SOCKET REGISTER".into());
    };
    let now = SystemTime::now().try_into()?;
    let authority =
        Authority::in_memory("acme.example".parse()?, AuthoritySettings::new(), backend::ring(), now)?;
    let entries = Entries::from_toml(authority.origin().clone(), &fs::read_to_string(&register)?)?;
    #[cfg(target_os = "linux")]
    let attestor = UnixAttestor::new(backend::ring());
    // Elsewhere nobody is known, and nobody gets anything.
    #[cfg(not(target_os = "linux"))]
    let attestor = aims_workload_api::Unattested::default();
    let server = WorkloadApiServer::builder(Arc::new(authority), entries, attestor, backend::ring()).build();

    // What a server that ended has left is in the way.
    if fs::metadata(&socket).is_ok_and(|file| file.file_type().is_socket()) {
        fs::remove_file(&socket)?;
    }
    let listener = UnixListener::bind(&socket)?;
    println!("serving on unix://{socket}");
    tokio::spawn(follow(server.clone(), register));
    server.serve_unix(listener).await?;
    Ok(())
}

/// Puts the register in force again whenever it changes; one with an error changes nothing.
async fn follow(server: WorkloadApiServer, register: String) {
    let modified = |path: &str| fs::metadata(Path::new(path)).and_then(|file| file.modified()).ok();
    let mut seen = modified(&register);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = modified(&register);
        if now == seen {
            continue;
        }
        let Ok(text) = fs::read_to_string(&register) else { continue };
        seen = now;
        match Entries::from_toml(server.authority().origin().clone(), &text) {
            Ok(entries) => server.set_entries(entries),
            Err(error) => eprintln!("{register}: {error}; the register that was in force stays"),
        }
    }
}
