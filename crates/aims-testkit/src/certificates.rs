//! Certificates of a test authority, and both ends of mutual TLS made from them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, TrustBundle};
use aims_id::{IdSet, Origin};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_tls::MutualTls;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::UnixTime as TlsTime;
use rustls::time_provider::TimeProvider;

use crate::clock::TestClock;

/// The certificate authority of a trust domain, made for a test: real keys, real certificates, no check weakened.
///
/// Everything here panics where a test would `unwrap`.
///
/// ```
/// use aims_credential::{BundleSet, CurrentCredential};
/// use aims_keys::UnixTime;
/// use aims_testkit::{TestCertificates, TestClock, handshake};
///
/// let clock = TestClock::at(UnixTime::from_secs(1_790_000_000));
/// let acme = TestCertificates::new("spiffe://acme.example", clock.now());
/// let bundles = BundleSet::from(acme.trust());
/// let tls = |path, peers| acme.mutual_tls(acme.current(path, clock.now()), &bundles, peers, &clock);
/// let server = tls("/tools/search", "spiffe://acme.example/agents/*").server().unwrap();
/// let client = tls("/agents/travel", "spiffe://acme.example/tools/search").client().unwrap();
///
/// let connection = handshake(client.config(), server.config()).unwrap();
/// let agent = server.peer(&connection.server, clock.now()).unwrap();
/// assert_eq!(agent.subject().as_str(), "spiffe://acme.example/agents/travel");
/// ```
pub struct TestCertificates {
    issuer: SvidIssuer,
}

impl TestCertificates {
    /// An authority for an origin such as `spiffe://acme.example`, with a fresh ES256 key and a root of ten years from `now` on.
    ///
    /// # Panics
    ///
    /// When the text is not an origin, or the system has no randomness.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn new(origin: &str, now: UnixTime) -> Self {
        let origin: Origin = origin.parse().expect("an origin such as spiffe://acme.example");
        let issuer = SvidIssuer::root(origin, fresh_key(), TEN_YEARS, now).expect("a root");
        Self { issuer }
    }

    /// The issuer itself, for certificates that the rest does not make. It is an ordinary one: what it must not issue, it does not
    /// issue.
    #[must_use]
    pub fn issuer(&self) -> &SvidIssuer {
        &self.issuer
    }

    /// What a service trusts that trusts this authority, and nothing but its certificates.
    ///
    /// # Panics
    ///
    /// Never: the root is acceptable.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the issuer has made its root itself")]
    pub fn trust(&self) -> TrustBundle {
        let authority = self.issuer.authority().expect("the root");
        TrustBundle::for_x509(self.issuer.origin().clone(), vec![authority])
    }

    /// A workload of this trust domain, such as `/agents/travel`, with a fresh key and a certificate of an hour from `now` on.
    ///
    /// # Panics
    ///
    /// When the path is not one of an identifier.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn holder(&self, path: &str, now: UnixTime) -> Holder {
        let id = self.issuer.origin().workload(path).expect("a path such as /agents/travel");
        let key = fresh_key();
        let chain = self.issuer.issue(&id, key.public_key(), now).expect("a certificate");
        let svid = Svid::from_issuer(chain, backend::ring()).expect("a certificate as issued");
        Holder::for_svid(svid, key).expect("the key that the certificate is for")
    }

    /// As [`holder`](Self::holder), as a source that can be replaced.
    ///
    /// # Panics
    ///
    /// As [`holder`](Self::holder).
    #[must_use]
    pub fn current(&self, path: &str, now: UnixTime) -> CurrentCredential {
        CurrentCredential::new(self.holder(path, now))
    }

    /// Either end of mutual TLS: who it is, whom it trusts, a pattern of whom it expects, and the time of its handshakes.
    ///
    /// # Panics
    ///
    /// When `peers` is not a pattern of identifiers.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn mutual_tls(
        &self,
        own: CurrentCredential,
        bundles: &BundleSet,
        peers: &str,
        clock: &TestClock,
    ) -> MutualTls {
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        let peers = IdSet::new().pattern(peers.parse().expect("a pattern such as spiffe://acme.example/**"));
        MutualTls::new(own, svids, peers, Arc::new(default_provider())).time_provider(Arc::new(clock.clone()))
    }
}

#[expect(clippy::expect_used, reason = "a test helper: a system without randomness must fail the test")]
fn fresh_key() -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a fresh key"))
}

/// The time of handshakes.
impl TimeProvider for TestClock {
    fn current_time(&self) -> Option<TlsTime> {
        Some(TlsTime::since_unix_epoch(Duration::from_secs(self.now().as_secs())))
    }
}

/// Shows the origin.
impl fmt::Debug for TestCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCertificates").field("origin", self.issuer.origin()).finish_non_exhaustive()
    }
}

const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
