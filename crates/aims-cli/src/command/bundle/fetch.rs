//! `aims bundle fetch`.

use std::path::PathBuf;

use aims::credential::HttpsUrl;
use aims::id::{Origin, SpiffeId};
use aims::workload_api::federation::{BundleStore, Federation, Federations, MemoryBundleStore};
use aims::{BundleSet, TrustBundle, backend};

use crate::command::network::NetworkArgs;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;

/// What to fetch, from whom, and what is allowed on the way.
#[derive(clap::Args, Debug)]
pub(crate) struct Fetch {
    /// The URL of the bundle endpoint.
    url: String,
    /// The trust domain, such as `spiffe://bank.example`.
    #[arg(long)]
    origin: String,
    /// By the profile `https_spiffe`: the endpoint is this workload. Default: `https_web`.
    #[arg(long, value_name = "SPIFFE_ID", requires = "bootstrap")]
    endpoint: Option<String>,
    /// The bundle document to verify the endpoint with: of the trust domain itself, or of that of the endpoint.
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    bootstrap: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

impl Fetch {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let federation = self.federation(&origin, inputs)?;
        let fetch = self.network.guarded(inputs)?;
        super::block_on(async {
            let store = MemoryBundleStore::new();
            let federations =
                Federations::builder(BundleSet::new(), fetch, backend::ring()).store(store.clone()).build();
            federations.begin(federation).await?;
            federations.refresh(&origin).await?;
            // As it came: what this program does not read, others may.
            let document = store.load(&origin)?.unwrap_or_default();
            Ok(Report::Document(document))
        })
    }

    fn federation(&self, origin: &Origin, inputs: &mut Inputs) -> Result<Federation, Failure> {
        let url: HttpsUrl = self.url.parse()?;
        let (Some(endpoint), Some(bootstrap)) = (&self.endpoint, &self.bootstrap) else {
            return Ok(Federation::https_web(origin.clone(), url));
        };
        let endpoint: SpiffeId = endpoint.parse().about_option("--endpoint")?;
        let file = inputs.file(bootstrap)?;
        let bundle = TrustBundle::from_spiffe(endpoint.origin(), &file.text, backend::ring()).about(&file)?;
        if endpoint.is_in(origin) {
            return Ok(Federation::https_spiffe(origin.clone(), url, endpoint, bundle)?);
        }
        Ok(Federation::https_spiffe_elsewhere(origin.clone(), url, endpoint, BundleSet::from(bundle))?)
    }
}
