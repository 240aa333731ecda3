//! Where may be connected to.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aims_credential::{FetchError, HttpsUrl};

use super::address::{IpNetwork, Reach};
use super::resolve::Resolve;

/// The rules about hosts, addresses and ports; and who knows the addresses.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) private_hosts: BTreeSet<String>,
    pub(super) networks: Vec<IpNetwork>,
    pub(super) ports: BTreeSet<u16>,
}

impl Guard {
    /// The addresses to dial for `url`, each of them checked.
    ///
    /// One address that is not allowed refuses the host, whatever the others are: an honest name does not have both.
    pub(super) async fn addresses(&self, url: &HttpsUrl) -> Result<Vec<SocketAddr>, FetchError> {
        let port = url.port();
        if !self.ports.contains(&port) {
            return Err(FetchError::Port(port));
        }
        let mut addresses = match url.address() {
            Some(address) => vec![address],
            None => self.resolver.resolve(url.host()).await.map_err(|_| FetchError::Resolve)?,
        };
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(FetchError::Resolve);
        }
        if let Some(&refused) = addresses.iter().find(|address| !self.allows(url.host(), **address)) {
            return Err(FetchError::Address(refused));
        }
        // In canonical form, so that what was checked is what is dialled.
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address.to_canonical(), port)).collect())
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        let is_listed = || self.networks.iter().any(|network| network.contains(address));
        match Reach::of(address) {
            Reach::Global => true,
            Reach::Private => self.private_hosts.contains(host) || is_listed(),
            Reach::Special => is_listed(),
            Reach::Never => false,
        }
    }
}

/// More than an honest host has; what follows is neither checked nor dialled.
const MAX_ADDRESSES: usize = 16;
