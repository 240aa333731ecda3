//! Two trust domains, workloads in them, and connections in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aims_credential::x509::{CertificateDer, NewSvid, Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, TrustBundle};
use aims_id::{IdSet, WorkloadId};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_tls::{MutualTls, TlsClient, TlsServer};
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;

pub(crate) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(crate) const TOOL: &str = "spiffe://acme.example/tools/search";

pub(crate) fn id(text: &str) -> WorkloadId {
    text.parse().unwrap()
}

pub(crate) fn key(algorithm: Algorithm) -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(algorithm, backend::ring()).unwrap())
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A clock that a test sets.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(self.now().as_secs())))
    }
}

/// Issuers of two domains, and a set of bundles that trusts both.
pub(crate) struct World {
    pub(crate) acme: SvidIssuer,
    pub(crate) bank: SvidIssuer,
    pub(crate) bundles: BundleSet,
    pub(crate) clock: Clock,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Clock(Arc::new(AtomicU64::new(1_790_000_000)));
        let issuer = |origin: &str| {
            let day = Duration::from_secs(86_400);
            SvidIssuer::root(origin.parse().unwrap(), key(Algorithm::Es256), 30 * day, clock.now())
                .unwrap()
                .intermediate(key(Algorithm::Es256), 7 * day, clock.now())
                .unwrap()
        };
        let (acme, bank) = (issuer("spiffe://acme.example"), issuer("spiffe://bank.example"));
        let bundles = BundleSet::new();
        for issuer in [&acme, &bank] {
            bundles.insert(Self::bundle(issuer));
        }
        Self { acme, bank, bundles, clock }
    }

    /// Anchored at the issuer itself.
    pub(crate) fn bundle(issuer: &SvidIssuer) -> TrustBundle {
        TrustBundle::for_x509(issuer.origin().clone(), vec![issuer.authority().unwrap()])
    }

    pub(crate) fn chain(
        &self,
        issuer: &SvidIssuer,
        id: &WorkloadId,
        key: &SoftwareKey,
    ) -> Vec<CertificateDer<'static>> {
        issuer.issue(id, key.public_key(), self.clock.now()).unwrap()
    }

    pub(crate) fn holder(&self, issuer: &SvidIssuer, name: &str, algorithm: Algorithm) -> Holder {
        let key = key(algorithm);
        let chain = self.chain(issuer, &id(name), &key);
        Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), key).unwrap()
    }

    /// A tool that has host names beside its identity.
    pub(crate) fn named(&self, names: &[&str]) -> CurrentCredential {
        let (tool, key) = (id(TOOL), key(Algorithm::Es256));
        let request =
            names.iter().fold(NewSvid::new(&tool, key.public_key()), |request, name| request.dns_name(name));
        let chain = self.acme.sign(&request, self.clock.now()).unwrap();
        let svid = Svid::from_issuer(chain, backend::ring()).unwrap();
        CurrentCredential::new(Holder::for_svid(svid, key).unwrap())
    }

    pub(crate) fn current(&self, name: &str) -> CurrentCredential {
        let issuer = if name.starts_with("spiffe://bank.example") { &self.bank } else { &self.acme };
        CurrentCredential::new(self.holder(issuer, name, Algorithm::Es256))
    }

    pub(crate) fn svids(&self) -> SvidVerifier {
        SvidVerifier::builder(self.bundles.clone(), backend::ring()).build()
    }

    pub(crate) fn tls(&self, own: CurrentCredential, peers: &[&str]) -> MutualTls {
        let peers = peers.iter().fold(IdSet::new(), |set, peer| set.pattern(peer.parse().unwrap()));
        MutualTls::new(own, self.svids(), peers, provider()).time_provider(Arc::new(self.clock.clone()))
    }

    pub(crate) fn server(&self) -> TlsServer {
        self.tls(self.current(TOOL), &[AGENT]).server().unwrap()
    }

    pub(crate) fn client(&self) -> TlsClient {
        self.tls(self.current(AGENT), &[TOOL]).client().unwrap()
    }
}
