//! Delegation: a token that comes from another is good for no more (RFC 8693, design D9 and D10).

use std::time::Duration;

use aims_keys::UnixTime;

use super::within::Asked;
use super::{DerivationError, Narrowing};
use crate::{
    AccessTokenRequest, AuthorizationDetails, DetailRule, Resource, Scope, TokenBinding, VerifiedAccessToken,
};

/// A token that is to come from another: for another client, another resource, and for less.
///
/// Its subject stays, whoever acts for it stands in front of those who acted before, it ends no later, and with any of its ancestors (EXC-3, EXC-4, EXC-8). What is
/// asked for beyond the parent is refused, never cut down.
///
/// ```
/// # use aims_keys::UnixTime;
/// use aims_oauth::{Derivation, VerifiedAccessToken};
///
/// fn derive(parent: &VerifiedAccessToken, now: UnixTime) -> Result<(), Box<dyn std::error::Error>> {
///     let derived = Derivation::of(parent, "spiffe://acme.example/tools/search", "https://inner.example".parse()?)
///         .scope("trips:read".parse()?)
///         .derive(now)?;
///     println!("{}", derived.narrowing()); // "scope without trips:book"
///     // issuer.issue(derived.request(), now)
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is derived yet"]
pub struct Derivation<'a> {
    asked: Asked<'a>,
    client_id: &'a str,
    resource: Resource,
    binding: Option<TokenBinding>,
    has_to_be_bound: bool,
    lifetime: Option<Duration>,
}

/// What was asked for, within what the parent has; and what of that is left out.
#[derive(Clone, Debug)]
pub struct Derived<'a> {
    request: AccessTokenRequest<'a>,
    narrowing: Narrowing,
}

impl<'a> Derivation<'a> {
    /// From `parent`, whoever asks: what shows that it may is [to be checked](crate::ExchangeParties) before. For this client, which acts for the subject of the parent from now on (EXC-6), and for this resource.
    pub fn of(parent: &'a VerifiedAccessToken, client_id: &'a str, resource: Resource) -> Self {
        Self {
            asked: Asked::of(parent, client_id),
            client_id,
            resource,
            binding: None,
            has_to_be_bound: false,
            lifetime: None,
        }
    }

    /// Another acts than the client: the subject of an actor token, as its issuer knows it (EXC-6).
    pub fn acting(mut self, subject: &'a str, issuer: Option<&'a str>) -> Self {
        (self.asked.actor, self.asked.known_to) = (subject, issuer);
        self
    }

    /// Good for this scope. Default: that of the parent.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.asked.scope = Some(scope);
        self
    }

    /// Good for these details. Default: those of the parent.
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.asked.details = Some(details);
        self
    }

    /// For the holder of this key or certificate alone. Default: whoever shows the token may use it (SEC-4).
    pub fn bound_to(mut self, binding: TokenBinding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// Bound to nothing, though the parent is bound, and nothing was shown that it could be bound to: whoever has a copy of it can use it (SEC-4).
    pub fn dangerous_bearer(mut self) -> Self {
        self.has_to_be_bound = false;
        self
    }

    /// Bound, if its parent is.
    pub(crate) fn bound_like_its_parent(mut self) -> Self {
        self.has_to_be_bound = self.asked.parent.binding().is_some();
        self
    }

    /// For no longer than this.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// What a token may say that comes from the parent, details compared by the rule for types of which nothing is known.
    ///
    /// # Errors
    ///
    /// [`DerivationError`]: more is asked for than the parent has.
    pub fn derive(self, now: UnixTime) -> Result<Derived<'a>, DerivationError> {
        self.derive_by(&crate::CommonMembers, now)
    }

    /// The same, with a rule of one's own for details (RAR-4).
    ///
    /// # Errors
    ///
    /// As [`derive`](Self::derive).
    pub fn derive_by(self, rule: &dyn DetailRule, now: UnixTime) -> Result<Derived<'a>, DerivationError> {
        let Self { asked, client_id, resource, binding, has_to_be_bound, lifetime } = self;
        if has_to_be_bound && binding.is_none() {
            return Err(DerivationError::Unbound);
        }
        let parent = asked.parent;
        let within = asked.within(parent.details(), rule, now)?;
        let lineage = parent.lineage().clone().and(*parent.lineage_id())?;
        let actor = asked.actor_after_all()?;
        let narrowing = Narrowing {
            scope: parent.scope().without(&within.scope),
            resource: (resource != *parent.resource()).then(|| (parent.resource().clone(), resource.clone())),
            details: within.details_less_than(parent),
            earlier: lifetime.map_or(Duration::ZERO, |lifetime| parent.not_after().since(now + lifetime)),
            domain: None,
        };

        let mut request = AccessTokenRequest::new(parent.subject(), client_id, resource)
            .scope(within.scope)
            .acting(actor)
            .from(lineage)
            .not_after(parent.not_after())
            .of_issuer(parent.issuer().clone());
        if let Some(binding) = binding {
            request = request.bound_to(binding);
        }
        if let Some(details) = within.details {
            request = request.details(details);
        }
        if let Some(lifetime) = lifetime {
            request = request.lifetime(lifetime);
        }
        if let Some(transaction) = parent.transaction() {
            request = request.transaction(transaction);
        }
        Ok(Derived { request, narrowing })
    }
}

impl<'a> Derived<'a> {
    /// For the holder of this key or certificate alone.
    #[must_use]
    pub fn bound_to(mut self, binding: TokenBinding) -> Self {
        self.request = self.request.bound_to(binding);
        self
    }

    /// What to issue. Nothing can be added to it that the parent has not.
    pub fn request(&self) -> &AccessTokenRequest<'a> {
        &self.request
    }

    /// What is left out, to be recorded.
    #[must_use]
    pub fn narrowing(&self) -> &Narrowing {
        &self.narrowing
    }
}
