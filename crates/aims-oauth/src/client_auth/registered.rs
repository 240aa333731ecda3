//! How a client authenticates: what a registry knows of it.

#[cfg(feature = "mtls")]
use std::sync::Arc;

use aims_id::WorkloadId;
#[cfg(feature = "mtls")]
use aims_jose::JwkSet;

#[cfg(feature = "client-secret")]
use super::SecretDigest;
#[cfg(feature = "mtls")]
use super::TlsClientName;
use super::spiffe::Named;
use super::{ClientAttesters, ClientKeys, SpiffeProof, SpiffeRegistration};

/// A client as it is registered, as far as authentication is concerned: what it is called, and how it shows that it is that client.
///
/// ```
/// use aims_oauth::{RegisteredClient, SpiffeProof, SpiffeRegistration};
///
/// // Each agent of this trust domain is a client, under its own SPIFFE ID.
/// let agents = SpiffeRegistration::new("spiffe://acme.example/agents/*".parse()?, SpiffeProof::WitSvid);
/// let client = RegisteredClient::workloads(agents.or(SpiffeProof::X509Svid));
/// assert!(!client.is_public());
/// # Ok::<(), aims_oauth::SpiffeClientIdError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// None, where each workload is a client under its SPIFFE ID.
    id: Option<Box<str>>,
    /// None, where anybody may say that it is this client.
    methods: Vec<RegisteredMethod>,
}

/// One way in which a client may authenticate, and with what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RegisteredMethod {
    /// By an attestation of one of these (`attest_jwt_client_auth`, `attest_jwt_client_auth_dpop`).
    Attestation(ClientAttesters),
    /// By a JWT that it signs with one of its keys (`private_key_jwt`).
    PrivateKeyJwt(ClientKeys),
    /// With a secret (`client_secret_basic`, `client_secret_post`).
    #[cfg(feature = "client-secret")]
    Secret(SecretDigest),
    /// With a certificate that holds one of its keys, and that nobody has to vouch for (`self_signed_tls_client_auth`).
    #[cfg(feature = "mtls")]
    SelfSignedTls(Arc<JwkSet>),
    /// With the credential of a workload (`spiffe_jwt`, `spiffe_wit`, `spiffe_x509`).
    Spiffe(SpiffeRegistration),
    /// With a verified certificate that holds this name (`tls_client_auth`).
    #[cfg(feature = "mtls")]
    Tls(TlsClientName),
}

impl RegisteredClient {
    /// A client that authenticates in this way.
    #[must_use]
    pub fn new(client_id: impl Into<Box<str>>, method: RegisteredMethod) -> Self {
        Self { id: Some(client_id.into()), methods: vec![method] }
    }

    /// A public client, which does not authenticate (`none`): anybody can say that it is this one. PKCE alone ties its requests together.
    #[must_use]
    pub fn public(client_id: impl Into<Box<str>>) -> Self {
        Self { id: Some(client_id.into()), methods: Vec::new() }
    }

    /// Workloads, of which each is a client under its own SPIFFE ID (SPC-3).
    #[must_use]
    pub fn workloads(registration: SpiffeRegistration) -> Self {
        Self { id: None, methods: vec![RegisteredMethod::Spiffe(registration)] }
    }

    /// In this way, too. A public client is none any more: it has to authenticate.
    #[must_use]
    pub fn or(mut self, method: RegisteredMethod) -> Self {
        self.methods.push(method);
        self
    }

    /// What it is registered under; nothing, where workloads are clients under their own identifiers.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether it need not authenticate.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.methods.is_empty()
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = &RegisteredMethod> {
        self.methods.iter()
    }

    /// Whether it is registered under this identifier, or workloads are under theirs.
    pub(super) fn is_called(&self, client_id: &str) -> bool {
        self.id.as_deref() == Some(client_id)
    }

    /// The keys with which it signs its assertions and, if it does, its request objects.
    #[must_use]
    pub fn keys(&self) -> Option<&ClientKeys> {
        self.methods().find_map(|method| match method {
            RegisteredMethod::PrivateKeyJwt(keys) => Some(keys),
            _ => None,
        })
    }

    pub(super) fn attesters(&self) -> Option<&ClientAttesters> {
        self.methods().find_map(|method| match method {
            RegisteredMethod::Attestation(attesters) => Some(attesters),
            _ => None,
        })
    }

    /// Whether it is this workload, and may show that in this way.
    pub(super) fn is_workload(&self, workload: &WorkloadId, proof: SpiffeProof) -> bool {
        self.methods().any(|method| match method {
            RegisteredMethod::Spiffe(registration) => registration.allows(workload, proof),
            _ => false,
        })
    }

    /// How the parameter `client_id` may call it.
    pub(super) fn named<'a>(&'a self, client_id: Option<&'a str>) -> Named<'a> {
        Named { client_id, registered: self.client_id() }
    }

    /// What a workload is called, that is this client.
    pub(super) fn id_of(&self, workload: &WorkloadId) -> Box<str> {
        self.client_id().unwrap_or(workload.as_str()).into()
    }
}
