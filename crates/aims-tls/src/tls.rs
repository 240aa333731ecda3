//! Both ends of mutual TLS, configured.

use std::sync::Arc;

use aims_credential::CredentialSource;
use aims_credential::x509::SvidVerifier;
use aims_id::IdSet;
use aims_keys::UnixTime;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, CommonState, ServerConfig, version};

use crate::{Identity, PeerError, PeerVerifier, TlsConfigError, VerifiedPeer};

/// What both ends of mutual TLS are made from: who this is, whom it trusts, and who may be at the other end.
///
/// TLS 1.3 only, and without resumption: every connection shows both keys, so none outlives what its certificates and bundles
/// allow when it begins.
#[derive(Clone, Debug)]
pub struct MutualTls {
    identity: Arc<dyn CredentialSource>,
    svids: SvidVerifier,
    peers: IdSet,
    checks_host_names: bool,
    provider: Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
}

impl MutualTls {
    /// Presents the certificates of `identity`, verifies the other end with `svids`, and lets in `peers` and nobody else.
    ///
    /// `provider` is rustls's, such as `rustls::crypto::ring::default_provider()`: nothing is installed for the process.
    pub fn new(
        identity: impl CredentialSource + 'static,
        svids: SvidVerifier,
        peers: impl Into<IdSet>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self {
            identity: Arc::new(identity),
            svids,
            peers: peers.into(),
            checks_host_names: false,
            provider,
            time: Arc::new(DefaultTimeProvider),
        }
    }

    /// For clients that reach servers by host name: the certificate must be for that name, too (MTLS-3). Default: whom to expect is
    /// known by identifier, and a name decides nothing (MTLS-4).
    #[must_use]
    pub fn verify_host_names(mut self) -> Self {
        self.checks_host_names = true;
        self
    }

    /// The clock of handshakes. Default: the system's.
    #[must_use]
    pub fn time_provider(mut self, time: Arc<dyn TimeProvider>) -> Self {
        self.time = time;
        self
    }

    /// The end that accepts connections; clients must present a certificate (MTLS-1).
    ///
    /// # Errors
    ///
    /// [`TlsConfigError`] when the provider has no cipher suite or key exchange of TLS 1.3.
    pub fn server(&self) -> Result<TlsServer, TlsConfigError> {
        let verifier = Arc::new(PeerVerifier::of_clients(
            self.svids.clone(),
            self.peers.clone(),
            Arc::clone(&self.provider),
        ));
        let identity = self.identity();
        let mut config =
            ServerConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.time))
                .with_protocol_versions(&[&version::TLS13])
                .map_err(|error| TlsConfigError(error.to_string()))?
                .with_client_cert_verifier(Arc::<PeerVerifier>::clone(&verifier))
                .with_cert_resolver(Arc::<Identity>::clone(&identity));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(TlsServer { config: Arc::new(config), verifier, identity })
    }

    /// The end that makes connections.
    ///
    /// # Errors
    ///
    /// As [`server`](Self::server).
    pub fn client(&self) -> Result<TlsClient, TlsConfigError> {
        let mut verifier =
            PeerVerifier::of_servers(self.svids.clone(), self.peers.clone(), Arc::clone(&self.provider));
        if self.checks_host_names {
            verifier = verifier.with_host_names();
        }
        let verifier = Arc::new(verifier);
        let identity = self.identity();
        let mut config =
            ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.time))
                .with_protocol_versions(&[&version::TLS13])
                .map_err(|error| TlsConfigError(error.to_string()))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::<PeerVerifier>::clone(&verifier))
                .with_client_cert_resolver(Arc::<Identity>::clone(&identity));
        config.resumption = Resumption::disabled();
        // Host names of workloads are not for the network to read, and decide nothing here.
        config.enable_sni = false;
        Ok(TlsClient::new(config, verifier, Some(identity)))
    }

    fn identity(&self) -> Arc<Identity> {
        Arc::new(Identity::new(Arc::clone(&self.identity), Arc::clone(&self.time)))
    }
}

/// The accepting end.
#[derive(Clone, Debug)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    verifier: Arc<PeerVerifier>,
    identity: Arc<Identity>,
}

impl TlsServer {
    /// For an acceptor of rustls or tokio-rustls. Add protocol names (ALPN) to a clone of it.
    #[must_use]
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Whether a handshake that begins now waits for a device or a service, where the key of this end's certificate is (TPM-46).
    /// rustls asks for a signature without a way to go on later: such a handshake belongs on a thread that may wait, and the
    /// acceptors and connectors of the crate `aims` put it on one.
    #[must_use]
    pub fn signs_in_device(&self) -> bool {
        self.identity.signs_in_device()
    }

    /// The client at the other end of `connection`, such as a `rustls::ServerConnection`, once its handshake is finished.
    ///
    /// # Errors
    ///
    /// [`PeerError`]; what changed since the handshake counts.
    pub fn peer(&self, connection: &CommonState, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
        peer(&self.verifier, connection, now)
    }

    /// Checks a client again, at a later request or during a stream: see [`PeerVerifier::peer_again`].
    ///
    /// # Errors
    ///
    /// [`PeerError`]; whoever gets one closes the connection.
    pub fn peer_again(&self, peer: &VerifiedPeer, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
        self.verifier.peer_again(peer, now)
    }
}

/// The connecting end.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    verifier: Arc<PeerVerifier>,
    /// None for clients that show nobody who they are.
    identity: Option<Arc<Identity>>,
}

impl TlsClient {
    pub(crate) fn new(
        config: ClientConfig,
        verifier: Arc<PeerVerifier>,
        identity: Option<Arc<Identity>>,
    ) -> Self {
        Self { config: Arc::new(config), verifier, identity }
    }

    /// For a connector of rustls or tokio-rustls. Add protocol names (ALPN) to a clone of it.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Whether a handshake that begins now waits for a device or a service, where the key of this end's certificate is (TPM-46).
    /// rustls asks for a signature without a way to go on later: such a handshake belongs on a thread that may wait, and the
    /// acceptors and connectors of the crate `aims` put it on one.
    #[must_use]
    pub fn signs_in_device(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.signs_in_device())
    }

    /// The server at the other end of `connection`, such as a `rustls::ClientConnection`, once its handshake is finished.
    ///
    /// # Errors
    ///
    /// [`PeerError`]; what changed since the handshake counts.
    pub fn peer(&self, connection: &CommonState, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
        peer(&self.verifier, connection, now)
    }

    /// Checks a server again, at a later request or during a stream: see [`PeerVerifier::peer_again`].
    ///
    /// # Errors
    ///
    /// [`PeerError`]; whoever gets one closes the connection.
    pub fn peer_again(&self, peer: &VerifiedPeer, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
        self.verifier.peer_again(peer, now)
    }
}

fn peer(verifier: &PeerVerifier, connection: &CommonState, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
    if connection.is_handshaking() {
        return Err(PeerError::Handshaking);
    }
    verifier.peer(connection.peer_certificates(), now)
}
