//! A trust domain with a bundle endpoint, and a service elsewhere that federates with it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_credential::x509::{Role, SvidError, SvidVerifier, VerifiedSvid};
use aims_credential::{BundleSet, Credential, CurrentCredential, Holder, HttpsUrl, TrustBundle};
use aims_id::Origin;
use aims_keys::{UnixTime, backend};
use aims_testkit::{TestCertificates, TestClock};
use aims_tls::PublicTls;
use aims_workload_api::federation::{
    BundleEndpoint, BundleServer, EndpointTls, Federation, FederationState, Federations,
};
use aims_workload_api::fetch::{GuardedFetch, WebTrust};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::fetch::support::{WebAuthority, guarded, provider};

pub(crate) const BANK: &str = "spiffe://bank.example";
pub(crate) const ENDPOINT: &str = "spiffe://bank.example/bundles";

pub(crate) fn now() -> UnixTime {
    UnixTime::try_from(SystemTime::now()).unwrap()
}

pub(crate) fn bank() -> Origin {
    BANK.parse().unwrap()
}

pub(crate) fn authority(origin: &str) -> TestCertificates {
    TestCertificates::new(origin, now())
}

/// The bundle of these authorities, all of one trust domain.
pub(crate) fn bundle(authorities: &[&TestCertificates], sequence: u64) -> TrustBundle {
    let all = authorities.iter().map(|authority| authority.issuer().authority().unwrap()).collect();
    TrustBundle::for_x509(authorities[0].issuer().origin().clone(), all).with_sequence(sequence)
}

pub(crate) fn document(authorities: &[&TestCertificates], sequence: u64) -> String {
    bundle(authorities, sequence).to_spiffe_json().unwrap()
}

/// TLS of a workload that shows itself to everybody, with a certificate issued at `issued`, by a server whose clock stands there.
pub(crate) fn spiffe_tls(authority: &TestCertificates, path: &str, issued: UnixTime) -> Arc<ServerConfig> {
    PublicTls::new(authority.current(path, issued), provider())
        .time_provider(Arc::new(TestClock::at(issued)))
        .server()
        .unwrap()
}

/// A bundle server of ours that runs until it is dropped.
pub(crate) struct Endpoint {
    pub(crate) url: HttpsUrl,
    pub(crate) server: Arc<BundleServer>,
    /// What it serves.
    pub(crate) bundles: BundleSet,
    task: AbortHandle,
}

impl Endpoint {
    pub(crate) async fn web(authority: &WebAuthority, bundle: TrustBundle) -> Self {
        let (chain, key) = authority.pem(&["a.test"]);
        Self::start(bundle, EndpointTls::web(&chain, &key, &provider()).unwrap(), |server| server).await
    }

    pub(crate) async fn spiffe(own: CurrentCredential, bundle: TrustBundle) -> Self {
        Self::start(bundle, EndpointTls::spiffe(own, &provider()).unwrap(), |server| server).await
    }

    pub(crate) async fn start(
        bundle: TrustBundle,
        tls: EndpointTls,
        options: impl FnOnce(BundleServer) -> BundleServer,
    ) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: HttpsUrl =
            format!("https://a.test:{}/bundle.json", tcp.local_addr().unwrap().port()).parse().unwrap();
        let origin = bundle.origin().clone();
        let bundles = BundleSet::from(bundle);
        let endpoint = BundleEndpoint::new(bundles.clone(), origin, &url, backend::ring());
        let server = Arc::new(options(BundleServer::new(endpoint, tls)));
        let serving = Arc::clone(&server);
        let task = tokio::spawn(async move { serving.serve(tcp).await }).abort_handle();
        Self { url, server, bundles, task }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A fetcher that reaches `a.test` and `b.test` on these ports.
pub(crate) fn fetcher(trust: WebTrust, ports: &[u16]) -> GuardedFetch {
    ports.iter().fold(guarded(trust, &[]), |guarded, port| guarded.allow_port(*port)).build().unwrap()
}

/// A service that trusts nobody yet, and reaches this endpoint.
pub(crate) fn service(trust: WebTrust, ports: &[u16]) -> (BundleSet, Federations) {
    let bundles = BundleSet::new();
    let federations = Federations::builder(bundles.clone(), fetcher(trust, ports), backend::ring())
        .timeout(Duration::from_secs(5))
        .build();
    (bundles, federations)
}

/// Begins, and waits for the first attempt.
pub(crate) async fn begin(federations: &Federations, federation: Federation) -> FederationState {
    let origin = federation.origin().clone();
    federations.begin(federation).await.unwrap();
    attempted(federations, &origin).await
}

pub(crate) async fn attempted(federations: &Federations, origin: &Origin) -> FederationState {
    for _ in 0..1000 {
        let state = federations.state(origin).unwrap();
        // The last thing that an attempt says.
        if state.next_attempt().is_some() {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no attempt is made");
}

/// Whether a service with these bundles believes a workload of this authority.
pub(crate) fn verify(bundles: &BundleSet, authority: &TestCertificates) -> Result<VerifiedSvid, SvidError> {
    verify_holder(bundles, &authority.holder("/agents/teller", now()))
}

pub(crate) fn verify_holder(bundles: &BundleSet, holder: &Holder) -> Result<VerifiedSvid, SvidError> {
    let Credential::Svid(svid) = holder.credential() else { panic!("a certificate") };
    let (leaf, rest) = svid.chain().split_first().unwrap();
    SvidVerifier::builder(bundles.clone(), backend::ring()).build().verify(leaf, rest, Role::Client, now())
}
