//! From a resource to the server that its tokens come from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aims_credential::{FetchError, Fetched, HttpsUrl, RefreshError, Refreshed};

use super::TokenClient;
use crate::metadata::exactly;
use crate::{Challenges, ClientError, Issuer, Resource, ResourceMetadata};

/// What a resource says of itself, and the server that its tokens come from.
#[derive(Clone, Debug)]
pub struct Discovered {
    metadata: ResourceMetadata,
    issuer: Issuer,
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

    /// The server: the first that the metadata name, of those that the client was built for.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }
}

/// What was discovered, by resource.
pub(super) struct Resources {
    capacity: usize,
    known: Mutex<HashMap<Resource, Arc<Refreshed<Discovered, ClientError>>>>,
}

impl Resources {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { capacity, known: Mutex::default() }
    }

    fn of(&self, resource: &Resource) -> Arc<Refreshed<Discovered, ClientError>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.capacity && !known.contains_key(resource) {
            // What it says can be asked for again.
            known.clear();
        }
        Arc::clone(known.entry(resource.clone()).or_default())
    }
}

impl TokenClient {
    /// Finds out what a resource, the URL of a tool, says of itself, and where its tokens come from: by what the challenges of its answer name, else at the usual places
    /// (MCP-7): at the root of the origin only where the client
    /// [takes parents](crate::TokenClientBuilder::take_parent_resources). It is remembered for as long as the resource says.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoServer`] when the metadata name no server that the client was built for (XD-19); why there are no metadata (PRM-2).
    pub async fn discover(
        &self,
        resource: &Resource,
        challenges: Option<&Challenges>,
    ) -> Result<Discovered, ClientError> {
        let named = challenges.map(named).transpose()?.flatten();
        let known = self.0.discovered.of(resource);
        let found = known.get(self.now()?, |_| true, || self.fetch(resource, named)).await?;
        Ok(Discovered::clone(&found))
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
                Err(error @ FetchError::Status(400..=499)) => last = error.into(),
                Err(error) => return Err(error.into()),
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
        let issuer =
            metadata.authorization_servers().iter().find(|issuer| self.0.servers.contains_key(issuer));
        let issuer = issuer.ok_or(ClientError::NoServer)?.clone();
        Ok(Discovered { metadata, issuer })
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

impl From<RefreshError<Self>> for ClientError {
    fn from(error: RefreshError<Self>) -> Self {
        match error {
            RefreshError::Failed(error) => error,
            _ => Self::Busy,
        }
    }
}
