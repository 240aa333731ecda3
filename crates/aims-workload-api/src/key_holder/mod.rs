//! Credentials for keys that stay where they are: the client.

mod error;
mod source;

pub use self::error::KeyHolderError;
pub use self::source::{HeldKeySource, HeldKeySourceBuilder};

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aims_attest::Evidence;
use aims_credential::x509::Svid;
use aims_credential::{Holder, Wit};
use aims_id::SpiffeId;
use aims_keys::{AsyncSigner, Backend, UnixTime};
use aims_provision::{Challenge, EvidenceSource, KeyProofError};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::client::response::certificates;
use crate::client::{connect, request};
use crate::proto::key_holder as wire;
use crate::proto::key_holder::issue_request::Proof;
use crate::proto::key_holder::key_holder_client::KeyHolderClient;
use crate::{Endpoint, ResponseError, WorkloadApiError};

/// A client of the service for workloads that keep their own keys. Cloning is cheap, and clones share a connection.
///
/// The Workload API hands out private keys; this service, beside it on the same socket, never sees one. The workload asks for a challenge, signs it with
/// its key, wherever that is, and gets a WIT and a certificate for that key.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::SystemTime;
/// use aims_keys::{Algorithm, AsyncSigner, SoftwareKey, backend};
/// use aims_workload_api::{Endpoint, KeyHolderApi, KeyRequest};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let api = KeyHolderApi::new(&Endpoint::from_env()?, "spiffe://acme.example", backend::ring());
/// // Here it is in memory; it may be in a TPM.
/// let key: Arc<dyn AsyncSigner> = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let issued = api.issue(&key, &KeyRequest::new(), SystemTime::now().try_into()?).await?;
/// assert!(issued.wit.is_some() && issued.x509.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct KeyHolderApi {
    way: Way,
    connected: Arc<OnceLock<KeyHolderClient<Channel>>>,
    /// By what name proofs call the service. It is configured: taken from the service itself it would bind them to nobody.
    audience: Arc<str>,
    backend: Backend,
    timeout: Duration,
}

/// How the service is reached.
#[derive(Clone, Debug)]
enum Way {
    Channel(Channel),
    Endpoint(Endpoint),
    #[cfg(feature = "tls")]
    Tls(connect::TlsHost),
}

/// What is asked for.
#[derive(Clone, Default)]
pub struct KeyRequest {
    spiffe_id: Option<SpiffeId>,
    types: Vec<&'static str>,
    join_token: Option<String>,
    previous: Option<Arc<dyn AsyncSigner>>,
    evidence: Option<Arc<dyn EvidenceSource>>,
}

/// What was issued, each with the key it is bound to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedForKey {
    /// A WIT.
    pub wit: Option<Holder>,
    /// A certificate.
    pub x509: Option<Holder>,
    /// The operator's word for the identity.
    pub hint: Option<String>,
}

impl KeyRequest {
    /// A WIT and a certificate for the workload's first identity, as far as they are granted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For this identity, where the workload has several.
    #[must_use]
    pub fn id(mut self, id: SpiffeId) -> Self {
        self.spiffe_id = Some(id);
        self
    }

    /// A WIT; and a certificate only if that is asked for, too.
    #[must_use]
    pub fn wit(mut self) -> Self {
        self.types.push(WIT);
        self
    }

    /// A certificate; and a WIT only if that is asked for, too. A certificate alone is asked for by a certificate request, all else by a token.
    #[must_use]
    pub fn x509(mut self) -> Self {
        self.types.push(X509);
        self
    }

    /// With this join token: the first time, from a machine where nobody vouches for the workload.
    #[must_use]
    pub fn join_token(mut self, token: impl Into<String>) -> Self {
        self.join_token = Some(token.into());
        self
    }

    /// With what this collects for the challenge of the issuer and the key that is asked about.
    #[must_use]
    pub fn evidence(mut self, source: Arc<dyn EvidenceSource>) -> Self {
        self.evidence = Some(source);
        self
    }

    /// As the workload that used this key the last time.
    #[must_use]
    pub fn previous(mut self, key: Arc<dyn AsyncSigner>) -> Self {
        self.previous = Some(key);
        self
    }
}

/// Shows no token.
impl fmt::Debug for KeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequest")
            .field("spiffe_id", &self.spiffe_id)
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}

impl KeyHolderApi {
    /// A client of the service at `endpoint`, whose proofs are for `audience`.
    #[must_use]
    pub fn new(endpoint: &Endpoint, audience: &str, backend: Backend) -> Self {
        Self::by(Way::Endpoint(endpoint.clone()), audience, backend)
    }

    /// A client over a channel of one's own.
    #[must_use]
    pub fn over(channel: Channel, audience: &str, backend: Backend) -> Self {
        Self::by(Way::Channel(channel), audience, backend)
    }

    /// A client of the service at this host, inside TLS. `config` says whom it trusts, and is told nothing else: the name of the certificate is
    /// that of the host.
    ///
    /// # Errors
    ///
    /// [`EndpointError::NotAnAddress`](crate::EndpointError::NotAnAddress) when `host` is neither a DNS name nor an IP address.
    #[cfg(feature = "tls")]
    pub fn over_tls(
        (host, port): (&str, u16),
        config: impl Into<Arc<rustls::ClientConfig>>,
        audience: &str,
        backend: Backend,
    ) -> Result<Self, crate::EndpointError> {
        let name = rustls::pki_types::ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| crate::EndpointError::NotAnAddress)?;
        let host = connect::TlsHost { name, port, config: config.into() };
        Ok(Self::by(Way::Tls(host), audience, backend))
    }

    fn by(way: Way, audience: &str, backend: Backend) -> Self {
        let timeout = Duration::from_secs(10);
        Self { way, connected: Arc::default(), audience: audience.into(), backend, timeout }
    }

    /// How long each answer may take. Default: 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Shows that this workload holds `key`, and gets credentials for it.
    ///
    /// # Errors
    ///
    /// [`KeyHolderError`].
    pub async fn issue(
        &self,
        key: &Arc<dyn AsyncSigner>,
        asked: &KeyRequest,
        now: UnixTime,
    ) -> Result<IssuedForKey, KeyHolderError> {
        let previous = match &asked.previous {
            Some(previous) => self.prove(&**previous, now).await?.1,
            None => String::new(),
        };
        let (challenge, proof) = if asked.types == [X509] {
            self.request_certificate(&**key).await?
        } else {
            let (challenge, jws) = self.prove(&**key, now).await?;
            (challenge, Proof::Jws(jws))
        };
        let evidence = match &asked.evidence {
            Some(source) => {
                let (binding, key) = (challenge.binding(key.public_key()), key.public_key());
                source.collect(&binding, key).await.map_err(KeyHolderError::Evidence)?
            }
            None => Vec::new(),
        };
        let message = wire::IssueRequest {
            spiffe_id: asked.spiffe_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            proof: Some(proof),
            types: asked.types.iter().map(|&name| name.to_owned()).collect(),
            join_token: asked.join_token.clone().unwrap_or_default(),
            previous,
            evidence: evidence.iter().map(wire_evidence).collect(),
        };
        let mut client = self.client();
        let response = self.answer(client.issue(request(message))).await?;
        Ok(self.read(&response, key, asked)?)
    }

    async fn challenge(&self) -> Result<Challenge, KeyHolderError> {
        let mut client = self.client();
        let response = self.answer(client.challenge(request(wire::ChallengeRequest {}))).await?;
        Challenge::new(&self.audience, &response.nonce).map_err(KeyHolderError::Challenge)
    }

    /// A fresh challenge, answered by `key` with a token.
    async fn prove(
        &self,
        key: &dyn AsyncSigner,
        now: UnixTime,
    ) -> Result<(Challenge, String), KeyHolderError> {
        let challenge = self.challenge().await?;
        let unsigned = challenge.prepare_proof(key.public_key(), now).map_err(KeyHolderError::Proof)?;
        let proof = unsigned.sign_async(key).await.map_err(KeyHolderError::Sign)?;
        Ok((challenge, proof))
    }

    /// A fresh challenge, answered by `key` with a certificate request. It has no names: the issuer knows them.
    async fn request_certificate(&self, key: &dyn AsyncSigner) -> Result<(Challenge, Proof), KeyHolderError> {
        let challenge = self.challenge().await?;
        let unsigned = challenge.certificate_request(key.public_key()).prepare();
        let unsigned = unsigned.map_err(|error| KeyHolderError::Proof(KeyProofError::Request(error)))?;
        let der = unsigned.sign_async(key).await.map_err(KeyHolderError::Sign)?;
        let nonce = challenge.nonce();
        Ok((challenge, Proof::Request(wire::CertificateRequest { der, nonce })))
    }

    fn read(
        &self,
        response: &wire::IssueResponse,
        key: &Arc<dyn AsyncSigner>,
        asked: &KeyRequest,
    ) -> Result<IssuedForKey, ResponseError> {
        use ResponseError as E;

        let id: SpiffeId = response.spiffe_id.parse().map_err(E::SpiffeId)?;
        if asked.spiffe_id.as_ref().is_some_and(|asked| *asked != id) {
            return Err(E::AnotherSubject);
        }
        let is_for = |holder: &Holder| holder.subject() == id.as_workload_id();
        let wit = if response.wit.is_empty() {
            None
        } else {
            let wit = Wit::from_issuer(&response.wit, self.backend).map_err(E::Wit)?;
            Some(Holder::new(wit, Arc::clone(key)).map_err(|_| E::ForeignKey)?)
        };
        let x509 = if response.x509_svid.is_empty() {
            None
        } else {
            let svid =
                Svid::from_issuer(certificates(&response.x509_svid)?, self.backend).map_err(E::Svid)?;
            Some(Holder::for_svid(svid, Arc::clone(key)).map_err(|_| E::ForeignKey)?)
        };
        if wit.is_none() && x509.is_none() {
            return Err(E::Empty);
        }
        if !wit.iter().chain(&x509).all(is_for) {
            return Err(E::AnotherSubject);
        }
        let hint = (!response.hint.is_empty()).then(|| response.hint.clone());
        Ok(IssuedForKey { wit, x509, hint })
    }

    fn client(&self) -> KeyHolderClient<Channel> {
        let connect = || {
            let channel = match &self.way {
                Way::Channel(channel) => channel.clone(),
                Way::Endpoint(endpoint) => connect::channel(endpoint),
                #[cfg(feature = "tls")]
                Way::Tls(host) => connect::tls_channel(host),
            };
            KeyHolderClient::new(channel).max_decoding_message_size(MAX_MESSAGE)
        };
        self.connected.get_or_init(connect).clone()
    }

    async fn answer<M>(
        &self,
        call: impl Future<Output = Result<tonic::Response<M>, tonic::Status>>,
    ) -> Result<M, KeyHolderError> {
        let answer = timeout(self.timeout, call).await.map_err(|_| WorkloadApiError::TimedOut)?;
        let answer = answer.map_err(|status| WorkloadApiError::of_status(&status))?;
        Ok(answer.into_inner())
    }
}

impl fmt::Debug for KeyHolderApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHolderApi")
            .field("way", &self.way)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn wire_evidence(evidence: &Evidence) -> wire::Evidence {
    wire::Evidence {
        r#type: evidence.evidence_type().name().to_owned(),
        format_version: evidence.format_version(),
        payload: evidence.payload().to_vec(),
    }
}

/// A token and a chain.
const MAX_MESSAGE: usize = 256 * 1024;

/// The kinds of credential, as they are asked for.
const WIT: &str = "wit";
const X509: &str = "x509";
