//! Which scope each operation needs.

use std::collections::{BTreeMap, BTreeSet};

use aims_oauth::Scope;

use super::calls::{CALL, McpCall, McpCalls, McpMessageError, PROMPT, READ};

/// Which scope each operation of a server needs (MCP-4), and which scopes stand for others.
///
/// What is not in the table nobody may call: a tool, a prompt or a resource by its name, another method by its own. Methods that ask what there is (`tools/list`), and
/// those that a connection needs (`initialize`, `ping`), need what [every request](McpScopesBuilder::every_request) does, unless something else is said.
///
/// ```
/// use aims::mcp::McpScopes;
///
/// let scopes = McpScopes::builder()
///     .every_request("trips".parse()?)
///     .tool("search", "trips:read".parse()?)
///     .tool("book", "trips:read trips:book".parse()?)
///     .implies("trips:admin", "trips:read trips:book".parse()?)
///     .build()?;
/// assert_eq!(scopes.supported()?.as_str(), "trips trips:book trips:read");
/// assert!(scopes.covers(&"trips:admin".parse()?, &"trips:book".parse()?));
///
/// let refused = McpScopes::builder().tool("book", "offline_access".parse()?).build().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("offline_access", "MCP-5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct McpScopes {
    every: Scope,
    methods: BTreeMap<String, Scope>,
    /// By method and target.
    targets: BTreeMap<(&'static str, String), Scope>,
    /// Of the targets of a method that are not listed.
    others: BTreeMap<&'static str, Scope>,
    /// INVARIANT: what is implied by what is implied is there, too.
    implied: BTreeMap<String, BTreeSet<String>>,
    /// Where the arguments stand that fields repeat, by tool and by the name of the field, in lower case.
    mirrored: BTreeMap<(String, String), Vec<String>>,
}

impl McpScopes {
    /// A table in which nothing is: nobody may call anything.
    pub fn builder() -> McpScopesBuilder {
        McpScopesBuilder {
            table: Self {
                every: Scope::none(),
                methods: BTreeMap::new(),
                targets: BTreeMap::new(),
                others: BTreeMap::new(),
                implied: BTreeMap::new(),
                mirrored: BTreeMap::new(),
            },
            implied: Vec::new(),
            is_repeated: false,
        }
    }

    /// All scopes of the table but those that stand for others: for the metadata of the resource
    /// ([`ResourceMetadataBuilder::scopes`](aims_oauth::ResourceMetadataBuilder::scopes)).
    ///
    /// # Errors
    ///
    /// [`McpScopesError::TooLong`].
    pub fn supported(&self) -> Result<Scope, McpScopesError> {
        let all: BTreeSet<&str> = self.scopes().flat_map(Scope::iter).collect();
        Scope::of(all).map_err(|_| McpScopesError::TooLong)
    }

    /// Whether a token of scope `granted` is good for `needed`, all of it: each scope is granted, or another that implies it.
    #[must_use]
    pub fn covers(&self, granted: &Scope, needed: &Scope) -> bool {
        let implies = |token: &str| {
            granted.iter().any(|broad| self.implied.get(broad).is_some_and(|narrow| narrow.contains(token)))
        };
        needed.without(granted).iter().all(implies)
    }

    /// All that a request needs, at once.
    pub(crate) fn needed(&self, calls: &McpCalls) -> Result<Scope, McpMessageError> {
        calls.iter().try_fold(self.every.clone(), |all, call| union(&all, &self.needed_for(call)?))
    }

    /// What a request seems to need whose content nobody has read: for whoever has no token yet.
    pub(crate) fn hinted(&self, method: Option<&str>, target: Option<&str>) -> Scope {
        let known = method.map(|method| self.of(method, target));
        let known = known.and_then(Result::ok).and_then(|scope| union(&self.every, &scope).ok());
        known.unwrap_or_else(|| self.every.clone())
    }

    /// Where the argument of this tool stands that the field `Mcp-Param-{name}` repeats, by its name in lower case.
    pub(super) fn mirrored(&self, tool: &str, name: &str) -> Option<&[String]> {
        self.mirrored.get(&(tool.to_owned(), name.to_owned())).map(Vec::as_slice)
    }

    fn needed_for(&self, call: &McpCall) -> Result<Scope, McpMessageError> {
        let Some(method) = call.method() else { return Ok(Scope::none()) };
        // Whoever is told of changes to a resource may read it.
        let watched =
            call.watched().try_fold(Scope::none(), |all, uri| union(&all, &self.of(READ, Some(uri))?));
        union(&self.of(method, call.target())?, &watched?)
    }

    fn of(&self, method: &str, target: Option<&str>) -> Result<Scope, McpMessageError> {
        let of_method = self.methods.get(method);
        let Some(target) = target else {
            let is_listed = of_method.is_some() || FREE.contains(&method) && !NAMED.contains(&method);
            return if is_listed {
                Ok(of_method.cloned().unwrap_or_default())
            } else {
                Err(McpMessageError::NotListed)
            };
        };
        // Whoever is told of changes to a resource may read it.
        let family = if method.starts_with("resources/") { READ } else { method };
        let named = NAMED.iter().find(|known| **known == family).copied().unwrap_or_default();
        let of_target = self.targets.get(&(named, target.to_owned())).or_else(|| self.others.get(named));
        let of_target = of_target.ok_or(McpMessageError::NotListed)?;
        union(of_target, &of_method.cloned().unwrap_or_default())
    }

    fn scopes(&self) -> impl Iterator<Item = &Scope> {
        let tables = self.methods.values().chain(self.targets.values()).chain(self.others.values());
        tables.chain([&self.every])
    }
}

/// A table in the making.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct McpScopesBuilder {
    table: McpScopes,
    implied: Vec<(String, Scope)>,
    is_repeated: bool,
}

impl McpScopesBuilder {
    /// Every request needs this, whatever it asks for.
    pub fn every_request(mut self, scope: Scope) -> Self {
        self.table.every = scope;
        self
    }

    /// This method may be called, with this scope besides. For a method that names what it is about (`tools/call`) it says what is needed besides, and lists nothing.
    pub fn method(mut self, method: &str, scope: Scope) -> Self {
        self.is_repeated |= self.table.methods.insert(method.to_owned(), scope).is_some();
        self
    }

    /// This tool may be called, with this scope.
    pub fn tool(self, name: &str, scope: Scope) -> Self {
        self.target(CALL, name, scope)
    }

    /// All other tools may be called, with this scope, whatever they are called.
    pub fn other_tools(self, scope: Scope) -> Self {
        self.others(CALL, scope)
    }

    /// This prompt may be had, with this scope.
    pub fn prompt(self, name: &str, scope: Scope) -> Self {
        self.target(PROMPT, name, scope)
    }

    /// All other prompts may be had, with this scope.
    pub fn other_prompts(self, scope: Scope) -> Self {
        self.others(PROMPT, scope)
    }

    /// This resource may be read, with this scope, by this spelling of its URI.
    pub fn resource(self, uri: &str, scope: Scope) -> Self {
        self.target(READ, uri, scope)
    }

    /// All other resources may be read, with this scope.
    pub fn other_resources(self, scope: Scope) -> Self {
        self.others(READ, scope)
    }

    /// The definition of this tool has one of its arguments said once more in the field `Mcp-Param-{name}`: `x-mcp-header` stands at this path of `properties`. Such a
    /// field says what the argument says, or the request is refused; so is one that is listed for no argument, for nobody knows what it repeats.
    pub fn mirrored(mut self, tool: &str, name: &str, path: &[&str]) -> Self {
        let path = path.iter().map(|member| (*member).to_owned()).collect();
        let key = (tool.to_owned(), name.to_ascii_lowercase());
        self.is_repeated |= self.table.mirrored.insert(key, path).is_some();
        self
    }

    /// Whoever was granted `broad` has these, too. Challenges name the narrow ones.
    pub fn implies(mut self, broad: &str, narrow: Scope) -> Self {
        self.implied.push((broad.to_owned(), narrow));
        self
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`McpScopesError`].
    pub fn build(mut self) -> Result<McpScopes, McpScopesError> {
        use McpScopesError as E;

        if self.is_repeated {
            return Err(E::Repeated);
        }
        let implied = self.implied.iter().flat_map(|(broad, narrow)| narrow.iter().chain([broad.as_str()]));
        if implied.chain(self.table.scopes().flat_map(Scope::iter)).any(|scope| scope == OFFLINE) {
            return Err(E::OfflineAccess);
        }
        let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (broad, narrow) in self.implied {
            direct.entry(broad).or_default().extend(narrow.iter().map(str::to_owned));
        }
        self.table.implied = closed(&direct);
        self.table.supported()?;
        Ok(self.table)
    }

    fn target(mut self, method: &'static str, target: &str, scope: Scope) -> Self {
        self.is_repeated |= self.table.targets.insert((method, target.to_owned()), scope).is_some();
        self
    }

    fn others(mut self, method: &'static str, scope: Scope) -> Self {
        self.is_repeated |= self.table.others.insert(method, scope).is_some();
        self
    }
}

/// Why a table is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum McpScopesError {
    /// Whether a client may come again without its user is between it and the authorization server.
    #[error("offline_access is no scope of a resource")]
    OfflineAccess,
    /// The same is listed twice.
    #[error("an operation is listed twice")]
    Repeated,
    /// All scopes together are more than one challenge holds.
    #[error("the scopes are too long")]
    TooLong,
}

impl McpScopesError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OfflineAccess => "offline_access",
            Self::Repeated => "mcp_listed_twice",
            Self::TooLong => "scope_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::OfflineAccess => "MCP-5",
            Self::Repeated => "MCP-4",
            Self::TooLong => "WIR-9",
        }
    }
}

/// With what is implied by what is implied.
fn closed(direct: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let all_of = |broad: &String| {
        let mut all = BTreeSet::new();
        let mut open = vec![broad];
        while let Some(next) = open.pop() {
            for narrow in direct.get(next).into_iter().flatten() {
                if all.insert(narrow.clone()) {
                    open.push(narrow);
                }
            }
        }
        all
    };
    direct.keys().map(|broad| (broad.clone(), all_of(broad))).collect()
}

fn union(one: &Scope, other: &Scope) -> Result<Scope, McpMessageError> {
    // All of the table fits into one: `supported` was asked.
    one.or(other).map_err(|_| McpMessageError::Batch)
}

pub(crate) const OFFLINE: &str = "offline_access";

/// Methods that name what they are about.
const NAMED: [&str; 3] = [CALL, PROMPT, READ];

/// Methods that say what there is, and those that a connection needs.
pub(super) const FREE: [&str; 14] = [
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "roots/list",
    "server/discover",
    "subscriptions/listen",
    "tools/list",
];
