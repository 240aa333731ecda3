//! Their client at our Workload API server, over a Unix socket: X.509 and JWT, and a rotation that it is sent.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{CertificateDer, Role, SvidVerifier};
use aims_credential::{BundleSet, JwtSvidVerifier, TrustBundle};
use aims_keys::backend;
use aims_provision::{Authority, AuthoritySettings, CredentialType, Entries, Entry};
use aims_workload_api::{UnixAttestor, WorkloadApiServer};
use spiffe::{JwtSource, TrustDomain, WorkloadApiClient, X509Source};
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::support::now;

const AGENT: &str = "spiffe://acme.example/agents/travel";

struct Served {
    server: WorkloadApiServer,
    endpoint: String,
    path: std::path::PathBuf,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn entries(lifetime: Duration) -> Entries {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    let uid = uid.split_whitespace().nth(1).unwrap();
    let entry = Entry::builder(AGENT.parse().unwrap())
        .selector(format!("unix:uid:{uid}").parse().unwrap())
        .hint("internal")
        .lifetime(CredentialType::X509, lifetime)
        .build()
        .unwrap();
    Entries::new("spiffe://acme.example".parse().unwrap(), [entry]).unwrap()
}

fn serve(name: &str, lifetime: Duration) -> Served {
    let settings = AuthoritySettings::new();
    let authority = Arc::new(
        Authority::in_memory("acme.example".parse().unwrap(), settings, backend::ring(), now()).unwrap(),
    );
    let attestor = UnixAttestor::new(backend::ring());
    let server = WorkloadApiServer::builder(authority, entries(lifetime), attestor, backend::ring()).build();
    let path = std::env::temp_dir().join(format!("aims-interop-{name}-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_unix(listener).await.unwrap() });
    Served { server, endpoint: format!("unix://{}", path.display()), path }
}

fn bundles(served: &Served) -> BundleSet {
    BundleSet::from(TrustBundle::clone(&served.server.authority().trust_bundle()))
}

fn verify(served: &Served, chain: &[spiffe::cert::Certificate]) {
    let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_bytes().to_vec())).collect();
    let verifier = SvidVerifier::builder(bundles(served), backend::ring()).build();
    let svid = verifier.verify(&chain[0], &chain[1..], Role::Client, now()).unwrap();
    assert_eq!(svid.subject().as_str(), AGENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_client_gets_certificates_tokens_and_bundles() {
    let served = serve("client", Duration::from_secs(600));
    let client = WorkloadApiClient::connect_to(&served.endpoint).await.unwrap();
    let context = client.fetch_x509_context().await.unwrap();
    let svid = context.default_svid().unwrap();
    assert_eq!((svid.spiffe_id().to_string().as_str(), svid.hint()), (AGENT, Some("internal")));
    verify(&served, svid.cert_chain());
    let domain = TrustDomain::new("acme.example").unwrap();
    let authorities = |set: &spiffe::X509BundleSet| set.get(&domain).unwrap().authorities().len();
    assert_eq!(authorities(&client.fetch_x509_bundles().await.unwrap()), 1);

    let token = client.fetch_jwt_token(["https://tools.example"], None).await.unwrap();
    let verifier = JwtSvidVerifier::builder(bundles(&served), "https://tools.example").build();
    assert_eq!(verifier.verify(&token, now()).unwrap().subject().as_str(), AGENT);
    // They verify it by themselves, with the bundle that they were given, and by asking.
    let jwt_bundles = client.fetch_jwt_bundles().await.unwrap();
    let parsed =
        spiffe::JwtSvid::parse_and_validate(&token, &jwt_bundles, &["https://tools.example"]).unwrap();
    assert_eq!(parsed.spiffe_id().to_string(), AGENT);
    let asked = client.validate_jwt_token("https://tools.example", &token).await.unwrap();
    assert_eq!(asked.spiffe_id().to_string(), AGENT);
    client.validate_jwt_token("https://other.example", &token).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_sources_follow_a_rotation_that_is_streamed_to_them() {
    let served = serve("source", Duration::from_secs(4));
    let source = X509Source::builder().endpoint(&served.endpoint).build().await.unwrap();
    // It asks twice to begin with, and gets a fresh certificate each time.
    let leaf = |source: &X509Source| source.svid().unwrap().cert_chain()[0].as_bytes().to_vec();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (first, issued) = (leaf(&source), served.server.status().issued["x509"]);
    // At half its life the next one comes, over the stream that is open.
    let streams = served.server.status().streams;
    timeout(Duration::from_secs(10), async {
        while leaf(&source) == first {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("no other certificate comes");
    assert!(served.server.status().issued["x509"] > issued && served.server.status().streams == streams);
    let second = source.svid().unwrap();
    verify(&served, second.cert_chain());

    let jwt = JwtSource::builder().endpoint(&served.endpoint).build().await.unwrap();
    let keys = |source: &JwtSource| {
        let domain = TrustDomain::new("acme.example").unwrap();
        source.bundle_set().unwrap().get(&domain).unwrap().jwt_authorities().count()
    };
    assert_eq!(keys(&jwt), 1);
    let mut updates = jwt.updated();
    served.server.authority().rotate(now()).unwrap();
    served.server.bundles_changed();
    timeout(Duration::from_secs(10), updates.changed()).await.unwrap().unwrap();
    assert_eq!(keys(&jwt), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_client_is_denied_where_it_has_no_entry() {
    let served = serve("denied", Duration::from_secs(600));
    served.server.set_entries(Entries::none("spiffe://acme.example".parse().unwrap()));
    let client = WorkloadApiClient::connect_to(&served.endpoint).await.unwrap();
    let error = client.fetch_x509_svid().await.unwrap_err();
    assert!(
        matches!(
            error,
            spiffe::WorkloadApiError::PermissionDenied(_) | spiffe::WorkloadApiError::NoIdentityIssued
        ),
        "{error:?}"
    );
}
