//! What a token is needed for.

use std::fmt;

use aims_id::WorkloadId;

use crate::wanted::Wanted;
use crate::{
    AuthorizationDetails, Authorized, Fingerprint, Issuer, Resource, Scope, TokenTypeUrn, TypedToken,
    UserGrant,
};

/// What a token is needed for: a resource, and in whose right.
#[derive(Clone, Debug)]
pub struct TokenNeed {
    resource: Resource,
    issuer: Option<Issuer>,
    scope: Option<Scope>,
    details: Option<AuthorizationDetails>,
    source: Source,
    /// Whom it is about, as far as the caller said.
    about: Vec<Principal>,
    /// Who called, and who had called before: clients, each by its name at an issuer.
    called_by: Box<[Called]>,
}

/// In whose right.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Of whom a token of another domain speaks: by a grant of this kind from the agent's own server, for that token.
    Across(Issuer, TypedToken, TokenTypeUrn),
    /// Of whom this token speaks, if that is known.
    Exchange(TypedToken, Option<Principal>),
    /// Of a user.
    Grant(UserGrant),
    /// The agent's own.
    Own,
}

/// What tells one need from another, but for the server.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Purpose {
    resource: Resource,
    /// In order: a scope is a set.
    scope: Vec<String>,
    details: Option<String>,
    right: Right,
}

/// In whose right, without the token that shows it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Right {
    Across(Issuer, Fingerprint, String),
    Exchange(Fingerprint),
    Grant(String),
    Own,
}

impl Purpose {
    pub(super) fn is_by_grant(&self, id: &str) -> bool {
        matches!(&self.right, Right::Grant(grant) if grant == id)
    }
}

/// Somebody, by the name that an issuer has for them.
#[derive(Clone)]
pub(super) struct Principal {
    pub(super) issuer: Issuer,
    pub(super) subject: Box<str>,
}

/// Shows no name.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A client, by its name at an issuer, and the workload that this is the identifier of, if it is.
#[derive(Clone)]
pub(super) struct Called {
    pub(super) issuer: Box<str>,
    pub(super) name: Box<str>,
    pub(super) workload: Option<WorkloadId>,
}

/// Shows no name.
impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Called").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The client of the token of a request, and all who acted.
fn called_by(caller: &Authorized) -> Box<[Called]> {
    let token = caller.token();
    let issuer = token.issuer().as_str();
    let client = Called::new(issuer, &token.client_id());
    let actors = token.actors().names(issuer);
    let actors = actors.iter().map(|(issuer, name)| Called::new(issuer, name));
    std::iter::once(client).chain(actors).collect()
}

impl Called {
    fn new(issuer: &str, name: &str) -> Self {
        Self { issuer: issuer.into(), name: name.into(), workload: name.parse().ok() }
    }
}

impl TokenNeed {
    /// For this resource, in the agent's own right (AIMS-31).
    #[must_use]
    pub fn of(resource: Resource) -> Self {
        Self {
            resource,
            issuer: None,
            scope: None,
            details: None,
            source: Source::Own,
            about: Vec::new(),
            called_by: [].into(),
        }
    }

    /// From this server. Default: from the first that the resource's metadata name and the client was built for.
    #[must_use]
    pub fn from(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Good for this scope. Default: for what the server gives.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope).filter(|scope| !scope.is_empty());
        self
    }

    /// Good for these details.
    #[must_use]
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// In the right of a user, who granted it (AZR-2).
    #[must_use]
    pub fn by(mut self, grant: &UserGrant) -> Self {
        self.source = Source::Grant(grant.clone());
        self
    }

    /// In the right of the subject of another token, which is exchanged for it (AIMS-34): what a tool does that calls another.
    ///
    /// [`from`](Self::from) says which server the token goes to, where the client was built for several: no resource chooses who sees it (MCP-15). Nobody reads here whom
    /// the token is about: say it with [`about`](Self::about).
    #[must_use]
    pub fn in_exchange_for(mut self, token: TypedToken) -> Self {
        self.source = Source::Exchange(token, None);
        self
    }

    /// In the right of whoever a request was authorized for, whose token is exchanged for it at its issuer: what a tool does whose handler calls another. The handler
    /// has no token, and needs none (AIMS-43).
    #[must_use]
    pub fn on_behalf_of(mut self, caller: &Authorized) -> Self {
        let token = caller.inbound().clone().into();
        let issuer = caller.token().issuer().clone();
        let principal = Principal { issuer: issuer.clone(), subject: caller.token().subject().into() };
        self.called_by = called_by(caller);
        self.source = Source::Exchange(TypedToken::new(token, TokenTypeUrn::AccessToken), Some(principal));
        self.issuer = Some(issuer);
        self
    }

    /// The same in another domain: the agent's own server, `home`, gives a grant for the server of the other, which gives the token (XD-1). What comes of it is used no
    /// more once the client is cut off at home, or whom it is [about](Self::about) (AZR-10).
    #[must_use]
    pub fn across_from(mut self, home: Issuer, token: TypedToken) -> Self {
        self.source = Source::Across(home, token, TokenTypeUrn::Jwt);
        self
    }

    /// The same in the right of whoever a request was authorized for, whose token its issuer gives a grant for: what a tool does whose handler calls one in another
    /// domain. The handler has no token, and needs none (AIMS-43). [`from`](Self::from) says which server gives the token there.
    #[must_use]
    pub fn across_for(mut self, caller: &Authorized) -> Self {
        self.called_by = called_by(caller);
        let token = TypedToken::new(caller.inbound().clone().into(), TokenTypeUrn::AccessToken);
        let issuer = caller.token().issuer().clone();
        self.about(&issuer, &caller.token().subject()).across_from(issuer, token)
    }

    /// The same by an Identity Assertion JWT Authorization Grant, in place of a plain one (JAG-1): `token` is an ID Token, most often.
    #[must_use]
    pub fn by_identity_assertion(mut self, home: Issuer, token: TypedToken) -> Self {
        self.source = Source::Across(home, token, TokenTypeUrn::IdJag);
        self
    }

    /// In the right of whom `issuer` calls `subject`: what is marked as cut off under that name is not used any more, though it is kept (AZR-10). A grant of a
    /// [user](UserGrant::set_subject), and [who called](Self::on_behalf_of), are known without. May be said of several issuers: each name counts.
    #[must_use]
    pub fn about(mut self, issuer: &Issuer, subject: &str) -> Self {
        self.about.push(Principal { issuer: issuer.clone(), subject: subject.into() });
        self
    }

    /// Whether it is in the right of a user: more than that user granted, the user has to be asked for.
    #[must_use]
    pub fn is_by_grant(&self) -> bool {
        matches!(self.source, Source::Grant(_))
    }

    /// The scope that it says, if it says one.
    #[must_use]
    pub fn told_scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// Whether it says itself which server the token comes from: nobody has to ask the resource.
    #[must_use]
    pub fn knows_server(&self) -> bool {
        self.issuer.is_some() || self.is_by_grant()
    }

    /// What it is for.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    pub(super) fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn called_by(&self) -> &[Called] {
        &self.called_by
    }

    pub(super) fn principals(&self) -> &[Principal] {
        &self.about
    }

    /// What tells it from others; its resource may be known by another identifier.
    pub(super) fn purpose(&self, resource: &Resource) -> Purpose {
        let mut scope: Vec<String> = self.scope.iter().flat_map(Scope::iter).map(ToOwned::to_owned).collect();
        scope.sort_unstable();
        scope.dedup();
        let right = match &self.source {
            Source::Across(home, token, kind) => {
                Right::Across(home.clone(), token.token().fingerprint(), kind.as_str().to_owned())
            }
            Source::Exchange(token, _) => Right::Exchange(token.token().fingerprint()),
            Source::Grant(grant) => Right::Grant(grant.id().to_owned()),
            Source::Own => Right::Own,
        };
        let details = self.details.as_ref().map(|details| details.as_json().to_owned());
        Purpose { resource: resource.clone(), scope, details, right }
    }

    /// For this resource, likewise.
    pub(super) fn wanted(&self, resource: &Resource) -> Wanted {
        Wanted { resources: vec![resource.clone()], scope: self.scope.clone(), details: self.details.clone() }
    }
}
