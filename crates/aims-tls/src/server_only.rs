//! TLS in which the server alone shows who it is, as the bundle endpoints of SPIFFE have it (FED-5).

use std::sync::Arc;

use aims_credential::CredentialSource;
use aims_credential::x509::SvidVerifier;
use aims_id::IdSet;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion, version};

use crate::{Identity, PeerVerifier, TlsClient, TlsConfigError};

/// The connecting end that verifies a workload and shows nobody who it is itself.
///
/// For what anybody may read, such as the bundle of a trust domain, from a server whose identity matters. A workload that has to say
/// who it is connects by [`MutualTls`](crate::MutualTls). There is no resumption: every connection verifies the certificate with the
/// bundle of that time.
///
/// ```
/// use std::sync::Arc;
///
/// use aims_credential::BundleSet;
/// use aims_credential::x509::SvidVerifier;
/// use aims_id::IdSet;
/// use aims_keys::backend;
/// use aims_tls::AnonymousTls;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let svids = SvidVerifier::builder(BundleSet::new(), backend::ring()).build();
/// let endpoint = IdSet::new().id("spiffe://bank.example/bundle-endpoint".parse()?);
/// let provider = Arc::new(rustls::crypto::ring::default_provider());
/// let client = AnonymousTls::new(svids, endpoint, provider).client()?;
/// assert!(!client.config().client_auth_cert_resolver.has_certs());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AnonymousTls {
    svids: SvidVerifier,
    servers: IdSet,
    provider: Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl AnonymousTls {
    /// Verifies servers with `svids`, and connects to `servers` and nobody else.
    ///
    /// `provider` is rustls's, such as `rustls::crypto::ring::default_provider()`: nothing is installed for the process.
    pub fn new(svids: SvidVerifier, servers: impl Into<IdSet>, provider: Arc<CryptoProvider>) -> Self {
        let time = Arc::new(DefaultTimeProvider);
        Self { svids, servers: servers.into(), provider, time, versions: MODERN }
    }

    /// The clock of handshakes. Default: the system's.
    #[must_use]
    pub fn time_provider(mut self, time: Arc<dyn TimeProvider>) -> Self {
        self.time = time;
        self
    }

    /// The versions of TLS that are spoken, for servers that have only 1.2. Default: 1.3 alone.
    #[must_use]
    pub fn protocol_versions(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// The end that makes connections. What verified a server is its certificate alone: the name under which it was reached decides
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`TlsConfigError`] when the provider has no cipher suite or key exchange of these versions.
    pub fn client(&self) -> Result<TlsClient, TlsConfigError> {
        let verifier = Arc::new(PeerVerifier::of_servers(
            self.svids.clone(),
            self.servers.clone(),
            Arc::clone(&self.provider),
        ));
        let mut config =
            ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.time))
                .with_protocol_versions(self.versions)
                .map_err(|error| TlsConfigError(error.to_string()))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::<PeerVerifier>::clone(&verifier))
                .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(TlsClient::new(config, verifier, None))
    }
}

/// The accepting end that presents the current certificate of a workload and asks clients for none.
///
/// It says nothing about who connects: use it for what anybody may read, and [`MutualTls`](crate::MutualTls) for all else.
#[derive(Clone, Debug)]
pub struct PublicTls {
    identity: Arc<dyn CredentialSource>,
    provider: Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl PublicTls {
    /// Presents the certificates of `identity`, whichever is current at each handshake.
    pub fn new(identity: impl CredentialSource + 'static, provider: Arc<CryptoProvider>) -> Self {
        let time = Arc::new(DefaultTimeProvider);
        Self { identity: Arc::new(identity), provider, time, versions: MODERN }
    }

    /// The clock of handshakes. Default: the system's.
    #[must_use]
    pub fn time_provider(mut self, time: Arc<dyn TimeProvider>) -> Self {
        self.time = time;
        self
    }

    /// The versions of TLS that are spoken, for clients that have only 1.2. Default: 1.3 alone.
    #[must_use]
    pub fn protocol_versions(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// The configuration, for an acceptor of rustls or tokio-rustls. Add protocol names (ALPN) to a clone of it.
    ///
    /// # Errors
    ///
    /// [`TlsConfigError`] when the provider has no cipher suite or key exchange of these versions.
    pub fn server(&self) -> Result<Arc<ServerConfig>, TlsConfigError> {
        let identity = Identity::new(Arc::clone(&self.identity), Arc::clone(&self.time));
        let mut config =
            ServerConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.time))
                .with_protocol_versions(self.versions)
                .map_err(|error| TlsConfigError(error.to_string()))?
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(identity));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

const MODERN: &[&SupportedProtocolVersion] = &[&version::TLS13];
