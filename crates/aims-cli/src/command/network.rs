//! What may be reached over the network, and whom to believe there: the same for every command that goes out.

use std::path::PathBuf;
use std::sync::Arc;

use aims::workload_api::fetch::{GuardedFetch, IpNetwork, ParseNetworkError, WebTrust};

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::pem;

/// What may be reached besides the public network on port 443, and who vouches for servers.
#[derive(clap::Args, Debug)]
pub(super) struct NetworkArgs {
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

impl NetworkArgs {
    /// What asks others, and nobody else than is allowed (FED-14).
    pub(super) fn guarded(&self, inputs: &mut Inputs) -> Result<GuardedFetch, Failure> {
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
    text.parse().map_err(|error: ParseNetworkError| error.to_string())
}
