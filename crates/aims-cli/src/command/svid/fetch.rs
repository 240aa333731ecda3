//! `aims svid fetch`.

use std::time::Duration;

use aims::credential::TrustBundle;
use aims::keys::backend;
use aims::workload_api::{Endpoint, WorkloadApi, WorkloadApiError, WorkloadIdentity};

use crate::failure::{About, Failure};
use crate::output::{Fact, Facts, Report};

/// Which Workload API.
#[derive(Debug, clap::Args)]
pub(crate) struct Api {
    /// Where the Workload API is: `unix:///run/agent/api.sock` or `tcp://127.0.0.1:8081`. Default: what `SPIFFE_ENDPOINT_SOCKET` says.
    #[arg(long, value_name = "URI")]
    socket: Option<String>,
    /// How long to wait for it, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

impl Api {
    pub(super) fn connect(&self) -> Result<WorkloadApi, Failure> {
        let endpoint = match &self.socket {
            Some(socket) => socket.parse().about_option("--socket")?,
            None => Endpoint::from_env()?,
        };
        Ok(WorkloadApi::new(&endpoint, backend::ring()).with_timeout(self.wait()))
    }

    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    #[command(flatten)]
    api: Api,
}

impl Fetch {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let api = self.api.connect()?;
        super::block_on(async {
            let context = api.fetch_x509().await?;
            // Not every API has these.
            let wits = match api.fetch_wit().await {
                Ok(wits) => wits,
                Err(WorkloadApiError::Unimplemented | WorkloadApiError::PermissionDenied) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let identities = |all: &[WorkloadIdentity]| Fact::Each(all.iter().map(identity).collect());
            let facts = Facts::new()
                .with("certificates", identities(&context.identities))
                .with("wits", identities(&wits))
                .with("bundles", Fact::Each(context.bundles.iter().map(bundle).collect()));
            Ok(Report::Facts(facts))
        })
    }
}

pub(super) fn identity(identity: &WorkloadIdentity) -> Facts {
    Facts::new()
        .with("subject", identity.holder.subject().to_string())
        .with("not_after", identity.holder.not_after())
        .with_some("hint", identity.hint.clone())
}

fn bundle(bundle: &TrustBundle) -> Facts {
    let count = |count: usize| Fact::Number(count as u64);
    Facts::new()
        .with("trust_domain", bundle.origin().to_string())
        .with("authorities", count(bundle.x509_authorities().len()))
        .with("revocation_lists", count(bundle.revocation_lists().len()))
}
