//! From a resource to the server that its tokens come from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aims_credential::{FetchError, Fetched, HttpsUrl, RefreshError, Refreshed};
use aims_keys::UnixTime;

use super::TokenClient;
use crate::client::{is_known, of_resource};
use crate::metadata::exactly;
use crate::{
    AuthorizationFlow, Challenges, ClientError, Issuer, NoAnswer, RedirectUri, Resource, ResourceMetadata,
    Scope,
};

/// What a resource says of itself, and the server that its tokens come from.
#[derive(Clone, Debug)]
pub struct Discovered {
    metadata: ResourceMetadata,
    issuer: Issuer,
    /// By its last challenge.
    wanted: Option<Scope>,
    /// By its metadata.
    offered: Option<Scope>,
}

impl Discovered {
    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &ResourceMetadata {
        &self.metadata
    }

    /// The identifier that tokens are asked for with: as its metadata say.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        self.metadata.resource()
    }

    /// The server: the first that the metadata name, of those that the client was built for; else of those that it may get to be
    /// [known at](crate::TokenClientBuilder::other_servers).
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What scope [`TokenClient::authorize`] asks for (MCP-12): what a challenge of the resource named last, else all that the metadata name. `None`, where neither does: no scope is asked for then.
    /// `offline_access` is not in it, whatever the resource says: that is between the user and the server (MCP-5), and asked for by
    /// [`lasting`](AuthorizationFlow::lasting).
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.wanted.as_ref().or(self.offered.as_ref())
    }
}

/// What was discovered, by resource.
pub(super) struct Resources {
    capacity: usize,
    known: Mutex<HashMap<Resource, Known>>,
}

#[derive(Clone, Default)]
struct Known {
    discovered: Arc<Refreshed<Discovered, ClientError>>,
    /// Of its last challenge.
    scope: Option<Scope>,
}

impl Resources {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { capacity, known: Mutex::default() }
    }

    fn of(&self, resource: &Resource, scope: Option<Scope>) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.capacity && !known.contains_key(resource) {
            // What it says can be asked for again.
            known.clear();
        }
        let known = known.entry(resource.clone()).or_default();
        known.scope = scope.or(known.scope.take());
        known.clone()
    }

    fn has(&self, resource: &Resource, now: UnixTime) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(resource).is_some_and(|known| known.discovered.held(now).is_ok())
    }
}

impl TokenClient {
    /// Whether it is known already what a resource says of itself.
    #[must_use]
    pub fn has_discovered(&self, resource: &Resource) -> bool {
        self.now().is_ok_and(|now| self.0.discovered.has(resource, now))
    }

    /// Begins to ask a user for what a resource needs, at the server that it names, with the scope that it [asks for](Discovered::scope): a flow for
    /// [`begin`](Self::begin), which may be [lasting](AuthorizationFlow::lasting).
    ///
    /// # Errors
    ///
    /// As [`discover`](Self::discover) and [`OAuthClient::authorize`](crate::OAuthClient::authorize).
    pub async fn authorize(
        &self,
        resource: &Resource,
        challenges: Option<&Challenges>,
        redirect_uri: &RedirectUri,
    ) -> Result<AuthorizationFlow, ClientError> {
        let discovered = self.discover(resource, challenges).await?;
        let client = self.client(discovered.issuer()).await?;
        let flow = client.authorize(redirect_uri)?.resource(discovered.resource().clone());
        Ok(match discovered.scope() {
            Some(scope) => flow.scope(scope.clone()),
            None => flow,
        })
    }

    /// Finds out what a resource, the URL of a tool, says of itself, and where its tokens come from: by what the challenges of its answer name, else at the usual places
    /// (MCP-7): at the root of the origin only where the client
    /// [takes parents](crate::TokenClientBuilder::take_parent_resources). It is remembered for as long as the resource says.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoServer`] when the metadata name no server that the client was built for, and none that its [other servers](crate::TokenClientBuilder::other_servers)
    /// admit (XD-19); why there are no metadata (PRM-2).
    pub async fn discover(
        &self,
        resource: &Resource,
        challenges: Option<&Challenges>,
    ) -> Result<Discovered, ClientError> {
        let named = challenges.map(named).transpose()?.flatten();
        let scope = challenges.map(scope_of).transpose()?.flatten().as_ref().and_then(of_resource);
        let Known { discovered, scope } = self.0.discovered.of(resource, scope);
        let found = discovered.get(self.now()?, |_| true, || self.fetch(resource, named)).await?;
        Ok(Discovered { wanted: scope, ..Discovered::clone(&found) })
    }

    async fn fetch(
        &self,
        resource: &Resource,
        named: Option<HttpsUrl>,
    ) -> Result<(Discovered, Duration), ClientError> {
        let places = match named {
            Some(url) => vec![url],
            None if self.0.takes_parents => ResourceMetadata::urls(resource)?,
            None => vec![ResourceMetadata::url(resource)?],
        };
        let mut last = ClientError::NoServer;
        for url in places {
            let request = ResourceMetadata::request(&url).keep(&Fetched::FRESHNESS_FIELDS);
            match exactly(&*self.0.http, request).await {
                Ok(fetched) => {
                    let discovered = self.read(fetched.body(), resource)?;
                    return Ok((discovered, fetched.fresh_for()));
                }
                Err(error @ FetchError::Status(400..=499)) => last = NoAnswer::of(&url, error).into(),
                Err(error) => return Err(NoAnswer::of(&url, error).into()),
            }
        }
        Err(last)
    }

    fn read(&self, text: &[u8], resource: &Resource) -> Result<Discovered, ClientError> {
        let metadata = if self.0.takes_parents {
            ResourceMetadata::parse_above(text, resource)?
        } else {
            ResourceMetadata::parse(text, resource)?
        };
        let named = metadata.authorization_servers();
        let admits = |issuer: &&Issuer| self.0.others.as_ref().is_some_and(|others| others.admits(issuer));
        let issuer = named.iter().find(|issuer| self.0.servers.contains_key(issuer));
        let issuer = issuer.or_else(|| named.iter().find(admits)).ok_or(ClientError::NoServer)?.clone();
        let offered = metadata.scopes().and_then(of_resource);
        Ok(Discovered { metadata, issuer, wanted: None, offered })
    }
}

/// `resource_metadata` of the first challenge that has one.
fn named(challenges: &Challenges) -> Result<Option<HttpsUrl>, ClientError> {
    for challenge in challenges.iter() {
        if let Some(url) = challenge.resource_metadata()? {
            return url.parse().map(Some).map_err(|_| ClientError::Challenge);
        }
    }
    Ok(None)
}

/// `scope` of the first challenge that has one and is about tokens.
fn scope_of(challenges: &Challenges) -> Result<Option<Scope>, ClientError> {
    for challenge in challenges.iter().filter(|challenge| is_known(challenge)) {
        if let Some(scope) = challenge.scope()? {
            return Ok(Some(scope));
        }
    }
    Ok(None)
}

impl From<RefreshError<Self>> for ClientError {
    fn from(error: RefreshError<Self>) -> Self {
        match error {
            RefreshError::Failed(error) => error,
            _ => Self::Busy,
        }
    }
}
