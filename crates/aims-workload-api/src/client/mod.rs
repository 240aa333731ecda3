//! The client: one call each, or streams that are followed.

pub(crate) mod connect;
mod error;
mod jwt_svids;
pub mod response;

pub use self::error::{ResponseError, WorkloadApiError};

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aims_credential::TrustBundle;
use aims_id::SpiffeId;
use aims_keys::Backend;
use tokio::time::timeout;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use self::response::{JwtIdentity, WorkloadIdentity, X509Context};
use crate::Endpoint;
use crate::proto::workload as wire;
use crate::proto::workload::spiffe_workload_api_client::SpiffeWorkloadApiClient;

/// A client of a Workload API, SPIRE's or ours. Cloning is cheap, and clones share a connection.
///
/// Each method is one call, and what it returns was checked for form and coherence: the keys belong to the credentials, the credentials to
/// their identifiers. For credentials that stay current there is [`WorkloadSource`](crate::WorkloadSource).
///
/// ```no_run
/// use aims_keys::backend;
/// use aims_workload_api::{Endpoint, WorkloadApi};
///
/// # async fn example() -> Result<(), aims_workload_api::WorkloadApiError> {
/// let api = WorkloadApi::new(&Endpoint::from_env()?, backend::ring());
/// let context = api.fetch_x509().await?;
/// println!("this is {}", context.identities[0].holder.subject());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct WorkloadApi {
    endpoint: Endpoint,
    /// Made with the first call, inside the runtime that makes it.
    connected: Arc<OnceLock<Client>>,
    backend: Backend,
    timeout: Duration,
}

impl WorkloadApi {
    /// A client of the API at `endpoint`, to which it connects when it is first called, and again when the connection is lost. `backend`
    /// signs with the keys that come.
    #[must_use]
    pub fn new(endpoint: &Endpoint, backend: Backend) -> Self {
        Self { endpoint: endpoint.clone(), connected: Arc::default(), backend, timeout: DEFAULT_TIMEOUT }
    }

    /// How long an answer, or the first message of a stream, may take. Default: 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The X.509-SVIDs of this workload and the bundles, as they are now.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError`].
    pub async fn fetch_x509(&self) -> Result<X509Context, WorkloadApiError> {
        let response = self.first(self.clone().x509_stream()).await?;
        Ok(response::read_x509(response, self.backend)?)
    }

    /// The bundles for X.509-SVIDs, as they are now.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError`].
    pub async fn fetch_x509_bundles(&self) -> Result<Vec<TrustBundle>, WorkloadApiError> {
        let response = self.first(self.clone().x509_bundle_stream()).await?;
        Ok(response::read_x509_bundles(&response)?)
    }

    /// JWT-SVIDs for these audiences: of this identity, or of each of the workload's.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError`].
    pub async fn fetch_jwt(
        &self,
        audiences: &[&str],
        subject: Option<&SpiffeId>,
    ) -> Result<Vec<JwtIdentity>, WorkloadApiError> {
        let message = wire::JwtsvidRequest {
            audience: audiences.iter().map(|&audience| audience.to_owned()).collect(),
            spiffe_id: subject.map(ToString::to_string).unwrap_or_default(),
        };
        let mut client = self.client();
        let response = self.answer(client.fetch_jwtsvid(request(message))).await?;
        let identities = response::read_jwt(&response)?;
        let is_other = |identity: &JwtIdentity| subject.is_some_and(|asked| identity.svid.subject() != asked);
        if identities.iter().any(is_other) {
            return Err(ResponseError::AnotherSubject.into());
        }
        Ok(identities)
    }

    /// The bundles for JWT-SVIDs, as they are now.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError`].
    pub async fn fetch_jwt_bundles(&self) -> Result<Vec<TrustBundle>, WorkloadApiError> {
        let response = self.first(self.clone().jwt_bundle_stream()).await?;
        Ok(response::read_jwt_bundles(&response, self.backend)?)
    }

    /// Asks the API whether a JWT-SVID is valid for `audience`, and whom it is about. Whoever has the bundles finds out without asking, with
    /// a [`JwtSvidVerifier`](aims_credential::JwtSvidVerifier); the answer here is the API's word, and no evidence.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError::InvalidArgument`] when it is not valid.
    pub async fn validate_jwt(&self, audience: &str, token: &str) -> Result<SpiffeId, WorkloadApiError> {
        let message = wire::ValidateJwtsvidRequest { audience: audience.to_owned(), svid: token.to_owned() };
        let mut client = self.client();
        let response = self.answer(client.validate_jwtsvid(request(message))).await?;
        if response.spiffe_id.is_empty() || response.claims.is_none() {
            return Err(ResponseError::FieldMissing.into());
        }
        Ok(response.spiffe_id.parse().map_err(ResponseError::SpiffeId)?)
    }

    /// The WITs of this workload with their keys, as they are now.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError`]; [`WorkloadApiError::Unimplemented`] where the API has none (WA-1).
    pub async fn fetch_wit(&self) -> Result<Vec<WorkloadIdentity>, WorkloadApiError> {
        let response = self.first(self.clone().wit_stream()).await?;
        Ok(response::read_wit(response, self.backend)?)
    }

    /// The bundles for WITs, as they are now.
    ///
    /// # Errors
    ///
    /// As [`fetch_wit`](Self::fetch_wit).
    pub async fn fetch_wit_bundles(&self) -> Result<Vec<TrustBundle>, WorkloadApiError> {
        let response = self.first(self.clone().wit_bundle_stream()).await?;
        Ok(response::read_wit_bundles(&response, self.backend)?)
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) async fn x509_stream(self) -> Result<Streaming<wire::X509svidResponse>, WorkloadApiError> {
        streaming(self.client().fetch_x509svid(request(wire::X509svidRequest {})).await)
    }

    pub(crate) async fn x509_bundle_stream(
        self,
    ) -> Result<Streaming<wire::X509BundlesResponse>, WorkloadApiError> {
        streaming(self.client().fetch_x509_bundles(request(wire::X509BundlesRequest {})).await)
    }

    pub(crate) async fn jwt_bundle_stream(
        self,
    ) -> Result<Streaming<wire::JwtBundlesResponse>, WorkloadApiError> {
        streaming(self.client().fetch_jwt_bundles(request(wire::JwtBundlesRequest {})).await)
    }

    pub(crate) async fn wit_stream(self) -> Result<Streaming<wire::WitsvidResponse>, WorkloadApiError> {
        let message = wire::WitsvidRequest { spiffe_id: String::new() };
        streaming(self.client().fetch_witsvid(request(message)).await)
    }

    pub(crate) async fn wit_bundle_stream(
        self,
    ) -> Result<Streaming<wire::WitBundlesResponse>, WorkloadApiError> {
        streaming(self.client().fetch_wit_bundles(request(wire::WitBundlesRequest {})).await)
    }

    fn client(&self) -> Client {
        let connect = || Client::new(connect::channel(&self.endpoint)).max_decoding_message_size(MAX_MESSAGE);
        self.connected.get_or_init(connect).clone()
    }

    async fn first<M>(
        &self,
        stream: impl Future<Output = Result<Streaming<M>, WorkloadApiError>>,
    ) -> Result<M, WorkloadApiError> {
        let first = async {
            let message = stream.await?.message().await;
            message.map_err(|status| WorkloadApiError::of_status(&status))?.ok_or(WorkloadApiError::Ended)
        };
        timeout(self.timeout, first).await.map_err(|_| WorkloadApiError::TimedOut)?
    }

    async fn answer<M>(
        &self,
        call: impl Future<Output = Result<tonic::Response<M>, tonic::Status>>,
    ) -> Result<M, WorkloadApiError> {
        let answer = timeout(self.timeout, call).await.map_err(|_| WorkloadApiError::TimedOut)?;
        answer.map(tonic::Response::into_inner).map_err(|status| WorkloadApiError::of_status(&status))
    }
}

type Client = SpiffeWorkloadApiClient<Channel>;

impl fmt::Debug for WorkloadApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadApi")
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// WE-2: with the header that no browser can be made to send.
pub(crate) fn request<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(SECURITY_HEADER, MetadataValue::from_static("true"));
    request
}

fn streaming<M>(
    response: Result<tonic::Response<Streaming<M>>, tonic::Status>,
) -> Result<Streaming<M>, WorkloadApiError> {
    response.map(tonic::Response::into_inner).map_err(|status| WorkloadApiError::of_status(&status))
}

/// The metadata without which no Workload API answers.
pub(crate) const SECURITY_HEADER: &str = "workload.spiffe.io";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Identities and bundles of a workload, of however many trust domains, fit well.
const MAX_MESSAGE: usize = 8 * 1024 * 1024;
