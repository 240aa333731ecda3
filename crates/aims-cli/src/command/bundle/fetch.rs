//! `aims bundle fetch`.

use std::path::PathBuf;
use std::sync::Arc;

use aims::credential::HttpsUrl;
use aims::id::{Origin, SpiffeId};
use aims::workload_api::federation::{BundleStore, Federation, Federations, MemoryBundleStore};
use aims::workload_api::fetch::{GuardedFetch, IpNetwork, WebTrust};
use aims::{BundleSet, TrustBundle, backend};

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;
use crate::pem;

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
    /// Authorities of the web to trust in place of the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Allows this host to have addresses that are not public; may be repeated.
    #[arg(long, value_name = "HOST")]
    allow_private_host: Vec<String>,
    /// Allows the addresses of this network, such as 10.1.0.0/16; may be repeated.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    allow_network: Vec<IpNetwork>,
    /// Allows this port besides 443; may be repeated.
    #[arg(long, value_name = "PORT")]
    allow_port: Vec<u16>,
}

impl Fetch {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let federation = self.federation(&origin, inputs)?;
        let fetch = self.guarded(inputs)?;
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

    fn guarded(&self, inputs: &mut Inputs) -> Result<GuardedFetch, Failure> {
        let trust = match &self.authorities {
            Some(path) => {
                let file = pem::certificates(path, inputs)?;
                WebTrust::anchors(file.items).about_option(&file.name)?
            }
            None => WebTrust::system()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut builder = GuardedFetch::builder(trust, provider);
        for host in &self.allow_private_host {
            builder = builder.allow_private_host(host);
        }
        for network in &self.allow_network {
            builder = builder.allow_network(*network);
        }
        for port in &self.allow_port {
            builder = builder.allow_port(*port);
        }
        Ok(builder.build()?)
    }
}

fn network(text: &str) -> Result<IpNetwork, String> {
    text.parse().map_err(|error: aims::workload_api::fetch::ParseNetworkError| error.to_string())
}
