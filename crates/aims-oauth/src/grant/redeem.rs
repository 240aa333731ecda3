//! From a grant of another domain to a token of this one (XD-10, JAG-22).

use super::{GrantError, VerifiedGrant};
use crate::access_token::MAX_ACTORS;
use crate::{
    AccessTokenRequest, AuthorizationDetails, DetailRule, NewActor, Resource, Scope, TokenBinding,
    TokenRequest,
};

/// What a token may be good for that is given for a grant (JAG-22): what was asked for, or all that was granted; and less, where the policy of this server says so.
///
/// Whom the subject of the grant is here, nobody knows but this server: it says so itself, or refuses (XD-12, JAG-24).
///
/// ```
/// use aims_oauth::{AccessTokenRequest, CommonMembers, GrantError, Resource, TokenRequest, VerifiedGrant};
///
/// # fn account_of(_: &str, _: &str) -> Option<&'static str> { None }
/// fn redeem<'a>(grant: &'a VerifiedGrant, request: &TokenRequest, resource: &Resource) -> Result<AccessTokenRequest<'a>, GrantError> {
///     let user = account_of(grant.issuer().as_str(), &grant.subject()).ok_or(GrantError::UnknownSubject)?;
///     // What this server knows of is all that it gives.
///     let redemption = grant.redeem(request, &CommonMembers)?.at_most(&"trips:read trips:book".parse()?);
///     redemption.token(user, resource)
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is redeemed yet"]
pub struct Redemption<'a> {
    grant: &'a VerifiedGrant,
    scope: Option<Scope>,
    /// What was asked for of which the grant says nothing.
    unsaid: Option<Scope>,
    resources: Vec<Resource>,
    details: Option<AuthorizationDetails>,
}

impl VerifiedGrant {
    /// What a request may get for it: no more than is granted. What is asked for beyond is refused, never cut down (JAG-22, XD-10).
    ///
    /// # Errors
    ///
    /// [`GrantError::ScopeWidened`], [`GrantError::ResourceWidened`], [`GrantError::DetailsWidened`].
    pub fn redeem(
        &self,
        request: &TokenRequest,
        rule: &dyn DetailRule,
    ) -> Result<Redemption<'_>, GrantError> {
        let (scope, unsaid) = match (request.wanted_scope(), self.scope()) {
            (Some(wanted), Some(granted)) if !wanted.is_subset_of(granted) => {
                return Err(GrantError::ScopeWidened(wanted.without(granted)));
            }
            (Some(wanted), Some(_)) => (Some(wanted.clone()), None),
            (None, Some(granted)) => (Some(granted.clone()), None),
            (wanted, None) => (None, wanted.cloned()),
        };
        let resources = match (request.resources(), self.resources()) {
            ([], granted) => granted,
            (wanted, []) => wanted,
            (wanted, granted) if wanted.iter().all(|wanted| granted.contains(wanted)) => wanted,
            _ => return Err(GrantError::ResourceWidened),
        };
        let details = match (request.wanted_details(), self.details()) {
            (None, granted) => granted.cloned(),
            (Some(wanted), Some(granted)) if wanted.is_within(granted, rule) => Some(wanted.clone()),
            (Some(_), _) => return Err(GrantError::DetailsWidened),
        };
        Ok(Redemption { grant: self, scope, unsaid, resources: resources.to_vec(), details })
    }
}

impl<'a> Redemption<'a> {
    /// None, where the grant says nothing of scopes: what is asked for then, this server [decides](Self::at_most), or there is none.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// None, where the grant says nothing of resources and none was asked for.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// None, where there are none.
    #[must_use]
    pub fn details(&self) -> Option<&AuthorizationDetails> {
        self.details.as_ref()
    }

    /// No more than this scope, by the policy of this server: what is left is told in the response (JAG-22). Where the grant says nothing of scopes, what was asked for of
    /// it; where nothing was asked for, none.
    pub fn at_most(mut self, scope: &Scope) -> Self {
        self.scope = self.scope.or_else(|| self.unsaid.take()).map(|known| known.and(scope));
        self
    }

    /// This scope, where neither the grant nor the request says one: what this server gives to whoever asks for nothing, by such a grant.
    pub fn by_default(mut self, scope: Scope) -> Self {
        if self.scope.is_none() && self.unsaid.is_none() {
            self.scope = Some(scope);
        }
        self
    }

    /// Without details, by the policy of this server.
    pub fn without_details(mut self) -> Self {
        self.details = None;
        self
    }

    /// A token about `subject`, which is whom the subject of the grant is here, for one of the resources; for the client that has shown the grant.
    ///
    /// It is bound to the key that the grant is bound to, or else to the one that came with it (JAG-23, XD-17). The client acts, in front of those who acted in the other domain, each by the name that it has
    /// there (EXC-8). It ends with the grant and with what the grant comes from (design D10), but may last longer than the grant could be shown: how long is the policy of
    /// this server. The transaction and the time at which the user was authenticated are the grant's; `acr` is not, since each domain has names of its own for that.
    ///
    /// # Errors
    ///
    /// [`GrantError::ResourceWidened`]: it is none of them. [`GrantError::Lapsed`]: the subject was cut off here after the grant was made. [`GrantError::TooManyActors`], [`GrantError::Lineage`]: what comes of it would be refused by everybody.
    pub fn token(&self, subject: &'a str, resource: &Resource) -> Result<AccessTokenRequest<'a>, GrantError> {
        let grant = self.grant;
        if !(self.resources.is_empty() || self.resources.contains(resource)) {
            return Err(GrantError::ResourceWidened);
        }
        if grant.actors().iter().count() >= MAX_ACTORS {
            return Err(GrantError::TooManyActors);
        }
        grant.check_subject_here(subject).map_err(GrantError::Lapsed)?;
        let client = grant.client_id();
        let mut request = AccessTokenRequest::new(subject, client, resource.clone())
            .scope(self.scope.clone().unwrap_or_default())
            .from(grant.lineage().clone().and(*grant.lineage_id())?);
        // Who acts for itself has nobody act for it.
        if !(grant.actors().is_empty() && subject == client) {
            request = request.acting(NewActor::new(client).after_grant(grant));
        }
        if let Some(details) = &self.details {
            request = request.details(details.clone());
        }
        if let Some(key) = grant.key().or(grant.shown.as_ref()) {
            request = request.bound_to(TokenBinding::Key(*key));
        }
        if let Some(transaction) = grant.transaction() {
            request = request.transaction(transaction);
        }
        if let Some(time) = grant.auth_time() {
            request = request.authenticated(time, None);
        }
        Ok(request)
    }
}
