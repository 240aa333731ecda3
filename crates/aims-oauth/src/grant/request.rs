//! What a grant for another domain shall say.

use std::borrow::Cow;
use std::time::Duration;

use aims_credential::LineageId;
use aims_jose::Thumbprint;
use aims_jose::json::ObjectWriter;
use aims_keys::{Backend, UnixTime};

use super::GrantProfile;
use crate::{AuthorizationDetails, Issuer, Lineage, NewActor, Resource, Scope};

/// What a grant shall say: about whom, and for which server.
///
/// It says no more than the other domain needs (AIMS-49): what is not asked for by name is not in it.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until a grant is issued for it"]
pub struct GrantRequest<'a> {
    profile: GrantProfile,
    subject: Cow<'a, str>,
    audience: Issuer,
    client_id: Option<&'a str>,
    scope: Scope,
    resources: Vec<Resource>,
    details: Option<AuthorizationDetails>,
    key: Option<Thumbprint>,
    actor: Option<NewActor<'a>>,
    transaction: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
    authenticated: Option<(UnixTime, Option<Cow<'a, str>>)>,
    from: Option<LineageId>,
    /// Whose names are in it, where it comes from a token.
    names_of: Option<Issuer>,
    not_after: Option<UnixTime>,
}

impl<'a> GrantRequest<'a> {
    /// A grant about this subject, for this server alone (XD-3).
    pub fn chaining(subject: impl Into<Cow<'a, str>>, audience: Issuer) -> Self {
        Self::new(GrantProfile::Chaining, subject, audience)
    }

    /// An ID-JAG: for the client that goes by `client_id` **at that server** (JAG-9).
    pub fn id_jag(subject: impl Into<Cow<'a, str>>, audience: Issuer, client_id: &'a str) -> Self {
        Self::new(GrantProfile::IdJag, subject, audience).for_client(client_id)
    }

    /// What goes on there of this transaction (XD-43).
    pub fn transaction_chain(
        subject: impl Into<Cow<'a, str>>,
        audience: Issuer,
        transaction: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self::new(GrantProfile::TransactionChain, subject, audience).transaction(transaction)
    }

    /// For this client alone, by its name at that server.
    pub fn for_client(mut self, client_id: &'a str) -> Self {
        self.client_id = Some(client_id);
        self
    }

    /// Good for this scope at most.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Good for this resource of that server's; each call adds one.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// Good for these details at most.
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// For whoever shows this key there, too (JAG-10).
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.key = Some(key);
        self
    }

    /// This one acts for the subject.
    pub fn acting(mut self, actor: NewActor<'a>) -> Self {
        self.actor = Some(actor);
        self
    }

    /// In this transaction.
    pub fn transaction(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.transaction = Some(id.into());
        self
    }

    /// Of this part of the issuer (JAG-7).
    pub fn tenant(mut self, tenant: impl Into<Cow<'a, str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// When and how strongly the user was authenticated.
    pub fn authenticated(mut self, at: UnixTime, acr: Option<Cow<'a, str>>) -> Self {
        self.authenticated = Some((at, acr));
        self
    }

    /// Comes from this, which is the first that the other domain has to know of: what is issued there ends with it. It is told by a
    /// [name of its own](LineageId::across), which says nothing to anybody else (design D10).
    pub fn from(mut self, first: LineageId) -> Self {
        self.from = Some(first);
        self
    }

    /// Until this at most: as long as what it comes from.
    pub fn not_after(mut self, time: UnixTime) -> Self {
        self.not_after = Some(self.not_after.map_or(time, |known| known.min(time)));
        self
    }

    /// What the client is told that its grant is good for, where that is another than it asked for (JAG-3).
    #[must_use]
    pub fn granted_scope(&self) -> &Scope {
        &self.scope
    }

    /// The same of details.
    #[must_use]
    pub fn granted_details(&self) -> Option<&AuthorizationDetails> {
        self.details.as_ref()
    }

    pub(crate) fn new(profile: GrantProfile, subject: impl Into<Cow<'a, str>>, audience: Issuer) -> Self {
        Self {
            profile,
            subject: subject.into(),
            audience,
            client_id: None,
            scope: Scope::none(),
            resources: Vec::new(),
            details: None,
            key: None,
            actor: None,
            transaction: None,
            tenant: None,
            authenticated: None,
            from: None,
            names_of: None,
            not_after: None,
        }
    }

    /// Comes from a token of this issuer, by whose names it speaks.
    pub(crate) fn of_issuer(mut self, issuer: Issuer) -> Self {
        self.names_of = Some(issuer);
        self
    }

    pub(super) fn names_of(&self) -> Option<&Issuer> {
        self.names_of.as_ref()
    }

    pub(super) fn profile(&self) -> GrantProfile {
        self.profile
    }

    pub(super) fn audience(&self) -> &Issuer {
        &self.audience
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    /// When it ends, if it is issued now.
    pub(super) fn expires(&self, now: UnixTime) -> UnixTime {
        let end = now + if self.profile == GrantProfile::IdJag { ID_JAG_LIFETIME } else { LIFETIME };
        self.not_after.map_or(end, |not_after| not_after.min(end))
    }

    /// The first that it comes from, as the other domain is to know it.
    pub(super) fn crossed(&self, backend: Backend) -> Option<LineageId> {
        self.from.map(|first| first.across(self.audience.as_str(), backend))
    }

    /// What RFC 7519 does not register.
    pub(super) fn write(&self, to: &mut ObjectWriter, crossed: Option<LineageId>) {
        for (name, value) in [
            ("client_id", self.client_id),
            ("scope", Some(self.scope.as_str()).filter(|scope| !scope.is_empty())),
            ("txn", self.transaction.as_deref()),
            ("tenant", self.tenant.as_deref()),
        ] {
            if let Some(value) = value {
                to.str(name, value);
            }
        }
        match self.resources.as_slice() {
            [] => {}
            [resource] => {
                to.str("resource", resource.as_str());
            }
            resources => {
                to.strs("resource", resources.iter().map(Resource::as_str));
            }
        }
        if let Some(details) = &self.details {
            to.value("authorization_details", details.as_value());
        }
        if let Some(key) = self.key {
            to.object("cnf", |cnf| {
                cnf.str("jkt", &key.to_string());
            });
        }
        if let Some(actor) = &self.actor {
            actor.write(to);
        }
        if let Some((at, acr)) = &self.authenticated {
            to.u64("auth_time", at.as_secs());
            if let Some(acr) = acr {
                to.str("acr", acr);
            }
        }
        if let Some(first) = crossed {
            Lineage::of(first).write(to);
        }
    }
}

/// XD-7.
const LIFETIME: Duration = Duration::from_secs(60);

/// JAG-4.
const ID_JAG_LIFETIME: Duration = Duration::from_secs(300);
