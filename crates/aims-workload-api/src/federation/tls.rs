//! How an endpoint shows who it is.

use std::fmt;
use std::sync::Arc;

use aims_credential::CredentialSource;
use aims_tls::PublicTls;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{CipherSuite, ServerConfig};

/// The server side of TLS, in either profile of bundle endpoints. Clients are asked for nothing (FED-5).
///
/// TLS 1.2 and 1.3 are spoken, with the cipher suites of Mozilla's intermediate profile and no others, whatever the provider has
/// (FED-13).
#[derive(Clone)]
pub struct EndpointTls(pub(super) Arc<ServerConfig>);

impl EndpointTls {
    /// For `https_web`: a certificate chain, leaf first, and the private key of the leaf, as PEM.
    ///
    /// # Errors
    ///
    /// [`EndpointTlsError::Certificate`], [`EndpointTlsError::Key`] when either is malformed or the two do not belong together;
    /// [`EndpointTlsError::Provider`] when the provider has none of the cipher suites.
    pub fn web(chain: &str, key: &str, provider: &CryptoProvider) -> Result<Self, EndpointTlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| EndpointTlsError::Certificate)?;
        if chain.is_empty() {
            return Err(EndpointTlsError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| EndpointTlsError::Key)?;
        let mut config = ServerConfig::builder_with_provider(intermediate(provider))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|_| EndpointTlsError::Provider)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(_) => EndpointTlsError::Certificate,
                _ => EndpointTlsError::Key,
            })?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self::over_http_1_1(config))
    }

    /// For `https_spiffe`: the X.509-SVIDs of `identity`, whichever is current at each handshake.
    ///
    /// # Errors
    ///
    /// [`EndpointTlsError::Provider`].
    pub fn spiffe(
        identity: impl CredentialSource + 'static,
        provider: &CryptoProvider,
    ) -> Result<Self, EndpointTlsError> {
        let config = PublicTls::new(identity, intermediate(provider))
            .protocol_versions(rustls::ALL_VERSIONS)
            .server()
            .map_err(|_| EndpointTlsError::Provider)?;
        Ok(Self::over_http_1_1(ServerConfig::clone(&config)))
    }

    fn over_http_1_1(mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }
}

/// Shows nothing: there is a key in it.
impl fmt::Debug for EndpointTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointTls").finish_non_exhaustive()
    }
}

/// Why an endpoint cannot show who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointTlsError {
    /// The chain has no certificate, or a malformed one.
    #[error("the certificate chain is empty or malformed")]
    Certificate,
    /// The private key is malformed, or not that of the certificate.
    #[error("the private key is malformed or not that of the certificate")]
    Key,
    /// The crypto provider has no cipher suite or key exchange that endpoints may use.
    #[error("the crypto provider does not fit")]
    Provider,
}

impl EndpointTlsError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate => "endpoint_certificate",
            Self::Key => "endpoint_key",
            Self::Provider => "tls_provider",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Certificate | Self::Key => "FED-3",
            Self::Provider => "FED-13",
        }
    }
}

/// What the provider has of Mozilla's intermediate profile.
fn intermediate(provider: &CryptoProvider) -> Arc<CryptoProvider> {
    let mut provider = provider.clone();
    provider.cipher_suites.retain(|suite| INTERMEDIATE.contains(&suite.suite()));
    Arc::new(provider)
}

/// Mozilla, Server Side TLS 5.7, intermediate; those with finite-field Diffie-Hellman are not in rustls.
const INTERMEDIATE: &[CipherSuite] = &[
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];
