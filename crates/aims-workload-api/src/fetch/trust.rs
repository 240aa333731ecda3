//! Which servers are believed to be who they say.

use std::fmt;
use std::sync::Arc;

use aims_credential::FetchError;
use aims_credential::x509::CertificateDer;
use aims_tls::{PeerError, TlsClient};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};

/// The authorities of the web that are trusted for servers by their host names.
#[derive(Clone)]
pub struct WebTrust(Arc<RootCertStore>);

impl WebTrust {
    /// The authorities that the operating system trusts. Those that cannot be read count for nothing.
    ///
    /// It reads files: make it once, at the start.
    ///
    /// # Errors
    ///
    /// [`WebTrustError::NoAuthority`] when there are none.
    pub fn system() -> Result<Self, WebTrustError> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::of(store)
    }

    /// These authorities and no others, such as those of a company: their certificates in DER.
    ///
    /// # Errors
    ///
    /// [`WebTrustError::NoAuthority`] when there are none, [`WebTrustError::Certificate`] when one is malformed.
    pub fn anchors(
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, WebTrustError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate).map_err(|_| WebTrustError::Certificate)?;
        }
        Self::of(store)
    }

    fn of(store: RootCertStore) -> Result<Self, WebTrustError> {
        if store.is_empty() { Err(WebTrustError::NoAuthority) } else { Ok(Self(Arc::new(store))) }
    }

    pub(super) fn config(
        self,
        provider: Arc<CryptoProvider>,
        time: Arc<dyn TimeProvider>,
    ) -> Result<ClientConfig, WebTrustError> {
        let mut config = ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|_| WebTrustError::Provider)?
            .with_root_certificates(self.0)
            .with_no_client_auth();
        // No session of one fetch says anything about the next.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(config)
    }
}

/// Shows how many they are.
impl fmt::Debug for WebTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebTrust").field(&self.0.len()).finish()
    }
}

/// Why there is nothing to verify servers of the web with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WebTrustError {
    /// A certificate is not one of an authority.
    #[error("a certificate is not one of an authority")]
    Certificate,
    /// There is no authority to be trusted.
    #[error("no authority is trusted")]
    NoAuthority,
    /// The crypto provider has no cipher suite or key exchange of TLS 1.2 or 1.3.
    #[error("the crypto provider does not fit")]
    Provider,
}

impl WebTrustError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate => "malformed_anchor",
            Self::NoAuthority => "no_anchor",
            Self::Provider => "tls_provider",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "FED-3"
    }
}

/// How servers are verified.
#[derive(Clone, Debug)]
pub(super) struct ServerTrust {
    config: Arc<ClientConfig>,
    /// What servers that are refused have failed.
    rule: &'static str,
}

impl ServerTrust {
    /// By host name (FED-3).
    pub(super) fn web(config: ClientConfig) -> Self {
        Self { config: Arc::new(config), rule: "FED-3" }
    }

    /// By identifier (FED-4).
    pub(super) fn workload(client: &TlsClient) -> Self {
        let mut config = ClientConfig::clone(client.config());
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Self { config: Arc::new(config), rule: "FED-4" }
    }

    /// The same, with a certificate for servers that ask for one.
    pub(super) fn with_identity(&self, identity: Arc<dyn ResolvesClientCert>) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = identity;
        Self { config: Arc::new(config), rule: self.rule }
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Why a handshake failed.
    pub(super) fn reason(&self, failed: &std::io::Error) -> FetchError {
        let Some(error) = failed.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
            return FetchError::Unreachable;
        };
        let code = match (PeerError::from_tls(error), error) {
            (Some(refused), _) => refused.code(),
            (None, Error::InvalidCertificate(certificate)) => web_code(certificate),
            (None, _) => return FetchError::Tls,
        };
        FetchError::Server { code, rule: self.rule }
    }
}

fn web_code(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYetContext { .. } => "not_yet_valid",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "host_name",
        _ => "server_certificate",
    }
}

const HTTP_1_1: &[u8] = b"http/1.1";
