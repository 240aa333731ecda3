//! A workload: asks the Workload API that `SPIFFE_ENDPOINT_SOCKET` names who it is, and says so whenever that changes.

use std::error::Error;

use aims_credential::CredentialSource;
use aims_keys::backend;
use aims_workload_api::{Endpoint, WorkloadApi, WorkloadSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = WorkloadApi::new(&Endpoint::from_env()?, backend::ring());
    let mut source = WorkloadSource::builder(api).start().await?;
    // `source.x509()` is the identity of a `MutualTls`, and `source.bundles()` the trust of its verifier.
    loop {
        match source.x509().holder() {
            Ok(holder) => println!("this is {}, until {}", holder.subject(), holder.not_after()),
            Err(error) => println!("this is nobody: {error}"),
        }
        source.changed().await;
    }
}
