//! What a token client is built with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aims_credential::{Marks, Post, Refreshed};
use aims_keys::{Backend, Clock};

use super::cache::TokenCache;
use super::known_grants::KnownGrants;
use super::{Inner, Server, TokenClient, discovery};
use crate::{ClientCredential, IdTokenVerifier, Issuer, SenderConstraint, TrustedIssuer};

/// Options of a [`TokenClient`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct TokenClientBuilder {
    http: Arc<dyn Post>,
    clock: Box<dyn Clock>,
    backend: Backend,
    marks: Option<Box<dyn Marks>>,
    servers: HashMap<Issuer, Server>,
    takes_parents: bool,
    capacity: usize,
}

impl TokenClientBuilder {
    pub(super) fn new(http: Arc<dyn Post>, clock: Box<dyn Clock>, backend: Backend) -> Self {
        let servers = HashMap::new();
        Self { http, clock, backend, marks: None, servers, takes_parents: false, capacity: DEFAULT_CAPACITY }
    }

    /// Gets tokens from this server: with this credential, which the server knows the client by, and bound like this. No other server is sent anything.
    pub fn server(
        mut self,
        issuer: Issuer,
        credential: ClientCredential,
        constraint: SenderConstraint,
    ) -> Self {
        let trusted = TrustedIssuer::following(issuer.clone(), Arc::clone(&self.http), self.backend);
        let id_tokens = IdTokenVerifier::builder(credential.client_id(), trusted, self.backend).build();
        let server = Server { credential, constraint, client: Refreshed::default(), id_tokens };
        self.servers.insert(issuer, server);
        self
    }

    /// Asks these marks at each use of a token that is kept (AZR-10). Default: nothing is known to be cut off.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.marks = Some(Box::new(marks));
        self
    }

    /// Takes metadata of a resource above the one that is asked for, at the same origin, as clients of the Model Context Protocol do (MCP-9). Default: of the very
    /// one alone (PRM-2).
    pub fn take_parent_resources(mut self) -> Self {
        self.takes_parents = true;
        self
    }

    /// How many tokens are kept, and of how many resources the servers. Default: 1024.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.max(1);
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> TokenClient {
        TokenClient(Arc::new(Inner {
            http: self.http,
            clock: self.clock,
            backend: self.backend,
            marks: self.marks,
            servers: self.servers,
            takes_parents: self.takes_parents,
            cache: TokenCache::with_capacity(self.capacity),
            grants: KnownGrants::default(),
            discovered: discovery::Resources::with_capacity(self.capacity),
        }))
    }
}

/// Shows the servers.
impl fmt::Debug for TokenClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.keys().collect();
        f.debug_struct("TokenClientBuilder").field("servers", &servers).finish_non_exhaustive()
    }
}

const DEFAULT_CAPACITY: usize = 1024;
