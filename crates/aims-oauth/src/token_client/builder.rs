//! What a token client is built with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aims_credential::{Marks, Post};
use aims_keys::{Backend, Clock};

use super::cache::TokenCache;
use super::known_grants::KnownGrants;
use super::others::Learned;
use super::{Inner, OtherServers, Server, TokenClient, discovery};
use crate::{ClientCredential, Issuer, SenderConstraint};

/// Options of a [`TokenClient`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct TokenClientBuilder {
    http: Arc<dyn Post>,
    clock: Box<dyn Clock>,
    backend: Backend,
    marks: Option<Box<dyn Marks>>,
    servers: HashMap<Issuer, Arc<Server>>,
    others: Option<OtherServers>,
    takes_parents: bool,
    asks_for_supported: bool,
    capacity: usize,
    #[cfg(feature = "jwe")]
    recipients: HashMap<Issuer, crate::TokenRecipient>,
}

impl TokenClientBuilder {
    pub(super) fn new(http: Arc<dyn Post>, clock: Box<dyn Clock>, backend: Backend) -> Self {
        let servers = HashMap::new();
        Self {
            http,
            clock,
            backend,
            marks: None,
            servers,
            others: None,
            takes_parents: false,
            asks_for_supported: false,
            capacity: DEFAULT_CAPACITY,
            #[cfg(feature = "jwe")]
            recipients: HashMap::new(),
        }
    }

    /// Gets tokens from this server: with this credential, which the server knows the client by, and bound like this. No other server is sent anything, but those of
    /// [`other_servers`](Self::other_servers).
    pub fn server(
        mut self,
        issuer: Issuer,
        credential: ClientCredential,
        constraint: SenderConstraint,
    ) -> Self {
        let server = Server::new(&issuer, credential, constraint, &self.http, self.backend);
        self.servers.insert(issuer, Arc::new(server));
        self
    }

    /// Gets to be known at other servers, too, that resources name: at those that the host admits (MCP-13). Default: at none.
    pub fn other_servers(mut self, others: OtherServers) -> Self {
        self.others = Some(others);
        self
    }

    /// Asks, where a need names no scope, for what the last challenge of the resource named, else for all that its metadata do, as clients of the Model Context Protocol do
    /// (MCP-12). Default: for what the server gives, whatever the resource says.
    pub fn ask_for_supported_scopes(mut self) -> Self {
        self.asks_for_supported = true;
        self
    }

    /// Takes ID Tokens of this server that are encrypted to the client, as it registered there, and no others (SEC-9). Default: of every server, such as are not. Those in
    /// [`HeldToken::id_token`](crate::HeldToken::id_token) are as they came.
    #[cfg(feature = "jwe")]
    pub fn encrypted_id_tokens(mut self, issuer: Issuer, recipient: crate::TokenRecipient) -> Self {
        self.recipients.insert(issuer, recipient);
        self
    }

    /// Asks these marks at each use of a token that is kept (AZR-10): about the client at its server, and at home where the token comes
    /// [across](crate::TokenNeed::across_from); the key; and the user, where that is known or [said](crate::TokenNeed::about). Default: nothing is known to be cut off.
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
            others: self.others,
            learned: Learned::with_capacity(self.capacity),
            takes_parents: self.takes_parents,
            asks_for_supported: self.asks_for_supported,
            cache: TokenCache::with_capacity(self.capacity),
            grants: KnownGrants::default(),
            discovered: discovery::Resources::with_capacity(self.capacity),
            #[cfg(feature = "jwe")]
            recipients: self.recipients,
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
