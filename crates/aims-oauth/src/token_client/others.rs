//! Servers that the client was not built for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aims_credential::{PostRequest, Refreshed};

use super::{Server, TokenClient};
use crate::client::{check_media_type, refusal};
use crate::{
    ClientCredential, ClientError, ClientIdUrl, ClientInformation, ClientMetadata, Endpoint, Issuer,
    NoAnswer, SenderConstraint, ServerMetadata,
};

/// How an agent gets to be known at authorization servers that it was not built for, and at which.
///
/// A server that the client was [built for](crate::TokenClientBuilder::server) knows it already, and comes first. Of the others, the client goes to those that the host
/// admits, and to none by itself: whoever writes the metadata of a tool could name any (XD-19). There it is known by its document, where the server takes that; else it
/// registers, if it may, once; else somebody has to register it ([`ClientError::NotRegistered`], MCP-13). What a server registered is shown to no other (MCP-14).
///
/// In its own right an agent gets tokens of servers that it was built for alone: nobody gives rights to whoever registers itself (MCP-30).
///
/// ```
/// use aims_oauth::{ClientAuthMethod, ClientCredential, ClientMetadata, OtherServers, SenderConstraint};
///
/// # fn example(constraint: SenderConstraint) -> Result<OtherServers, Box<dyn std::error::Error>> {
/// let metadata = ClientMetadata::builder(ClientAuthMethod::None)
///     .redirect_uris(["http://127.0.0.1/callback".parse()?])
///     .name("Travel agent")
///     .build()?;
/// let others = OtherServers::admitted_by(|issuer| issuer.as_url().host().ends_with(".acme.example"), constraint)
///     .by_document(ClientCredential::none("https://agents.acme.example/travel.json"))?
///     // The place to keep the identifier for the next start, too.
///     .by_registration(metadata, |client| Ok(ClientCredential::none(client.client_id())));
/// # Ok(others) }
/// ```
pub struct OtherServers {
    admits: Box<dyn Fn(&Issuer) -> bool + Send + Sync>,
    constraint: SenderConstraint,
    document: Option<ClientCredential>,
    registration: Option<Registration>,
}

struct Registration {
    metadata: ClientMetadata,
    credential: Box<Credential>,
}

type Credential = dyn Fn(&ClientInformation) -> Result<ClientCredential, ClientError> + Send + Sync;

impl OtherServers {
    /// Those for which `admits` says so, and tokens that are bound like this. Whoever writes the metadata of a tool chose the issuer: look at its
    /// [host](aims_credential::HttpsUrl::host), and not at how the text of it begins or ends. So far, the client gets to be known at none of them.
    #[must_use]
    pub fn admitted_by(
        admits: impl Fn(&Issuer) -> bool + Send + Sync + 'static,
        constraint: SenderConstraint,
    ) -> Self {
        Self { admits: Box::new(admits), constraint, document: None, registration: None }
    }

    /// By the document at the URL that the client is known by (CMD-1): with a key that the document names, or nothing.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotRegistered`] when the client of the credential is no such URL.
    pub fn by_document(mut self, credential: ClientCredential) -> Result<Self, ClientError> {
        credential.client_id().parse::<ClientIdUrl>().map_err(|_| ClientError::NotRegistered)?;
        self.document = Some(credential);
        Ok(self)
    }

    /// By registration with these metadata, where the server does not take documents (DCR-1). `credential` makes what the client shows from then on, and may keep it.
    #[must_use]
    pub fn by_registration(
        mut self,
        metadata: ClientMetadata,
        credential: impl Fn(&ClientInformation) -> Result<ClientCredential, ClientError> + Send + Sync + 'static,
    ) -> Self {
        self.registration = Some(Registration { metadata, credential: Box::new(credential) });
        self
    }

    pub(super) fn admits(&self, issuer: &Issuer) -> bool {
        (self.admits)(issuer)
    }
}

/// Servers where the client got to be known.
pub(super) struct Learned {
    capacity: usize,
    known: Mutex<HashMap<Issuer, Arc<Introduction>>>,
}

/// What became of it.
type Introduction = Refreshed<Arc<Server>, ClientError>;

impl Learned {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { capacity, known: Mutex::default() }
    }

    /// What is registered is not forgotten: where there is no more room, nothing is registered.
    fn of(&self, issuer: &Issuer) -> Result<Arc<Introduction>, ClientError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.capacity && !known.contains_key(issuer) {
            return Err(ClientError::Busy);
        }
        Ok(Arc::clone(known.entry(issuer.clone()).or_default()))
    }
}

impl TokenClient {
    /// A server that the client was built for.
    pub(super) fn known_server(&self, issuer: &Issuer) -> Result<Arc<Server>, ClientError> {
        self.0.servers.get(issuer).cloned().ok_or_else(|| ClientError::UnknownServer(issuer.clone()))
    }

    /// The same, or one where the client gets to be known.
    pub(super) async fn server(&self, issuer: &Issuer) -> Result<Arc<Server>, ClientError> {
        if let Some(server) = self.0.servers.get(issuer) {
            return Ok(Arc::clone(server));
        }
        // Asked each time: the host may have changed its mind.
        let others = self.0.others.as_ref().filter(|others| others.admits(issuer));
        let others = others.ok_or_else(|| ClientError::UnknownServer(issuer.clone()))?;
        let learned = self.0.learned.of(issuer)?;
        let introduced = || async { Ok((self.introduced(others, issuer).await?, FOREVER)) };
        Ok(Arc::clone(&*learned.get(self.now()?, |_| true, introduced).await?))
    }

    /// MCP-13: by document, by registration, or not at all.
    async fn introduced(&self, others: &OtherServers, issuer: &Issuer) -> Result<Arc<Server>, ClientError> {
        let (metadata, _) = ServerMetadata::fetch::<ClientError>(&*self.0.http, issuer).await?;
        let credential = match (&others.document, &others.registration) {
            (Some(document), _) if metadata.takes_client_documents() => document.clone(),
            (_, Some(registration)) if metadata.endpoint(Endpoint::Registration).is_some() => {
                // MCP-14: another server may know somebody else by the same name.
                self.registered(registration, &metadata).await?.registered_at(issuer.clone())
            }
            _ => return Err(ClientError::NotRegistered),
        };
        let constraint = others.constraint.clone();
        Ok(Arc::new(Server::new(issuer, credential, constraint, &self.0.http, self.0.backend)))
    }

    async fn registered(
        &self,
        registration: &Registration,
        metadata: &ServerMetadata,
    ) -> Result<ClientCredential, ClientError> {
        let url = metadata.endpoint(Endpoint::Registration).ok_or(ClientError::NotRegistered)?;
        let body = registration.metadata.to_json();
        let answer = self.0.http.post(PostRequest::json(url, &body)).await;
        let answer = answer.map_err(|error| NoAnswer::of(url, error))?;
        if answer.status() != 201 {
            return Err(refusal(metadata.issuer(), None, &answer));
        }
        check_media_type(&answer)?;
        (registration.credential)(&ClientInformation::parse(answer.body(), self.0.backend)?)
    }
}

/// Shows what the client does at such servers.
impl fmt::Debug for OtherServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherServers")
            .field("document", &self.document)
            .field("registers", &self.registration.is_some())
            .finish_non_exhaustive()
    }
}

/// A century: for as long as any process runs.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
