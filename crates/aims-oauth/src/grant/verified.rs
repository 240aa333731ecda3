//! A grant that was verified, and what may be asked for with it.

use std::borrow::Cow;
use std::fmt;

use aims_jose::{Claims, Thumbprint};
use aims_keys::UnixTime;

use super::{GrantError, GrantProfile};
use crate::{ActorChain, AuthorizationDetails, DetailRule, Issuer, Resource, Scope, TokenRequest};

/// A grant that passed every check of a [`GrantVerifier`](super::GrantVerifier); there is no other way to get one.
///
/// It is what another server says. Whose account its subject is here, and what the local policy allows of it, is decided afterwards (JAG-24).
pub struct VerifiedGrant {
    pub(super) profile: GrantProfile,
    pub(super) issuer: Issuer,
    pub(super) claims: Claims,
    pub(super) expires: UnixTime,
    pub(super) scope: Option<Scope>,
    pub(super) resources: Vec<Resource>,
    pub(super) details: Option<AuthorizationDetails>,
    pub(super) key: Option<Thumbprint>,
}

/// What a token may be good for that is given for a grant (JAG-22): what was asked for, or all that was granted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ceiling {
    /// None, where the grant says nothing of scopes and none was asked for.
    pub scope: Option<Scope>,
    /// None, where the grant says nothing of resources and none was asked for.
    pub resources: Vec<Resource>,
    /// None, where there are none.
    pub details: Option<AuthorizationDetails>,
}

impl VerifiedGrant {
    /// The kind.
    #[must_use]
    pub fn profile(&self) -> GrantProfile {
        self.profile
    }

    /// `iss`: who says so.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// `sub`: the user, as the issuer calls it.
    #[must_use]
    pub fn subject(&self) -> Cow<'_, str> {
        self.claims.subject().unwrap_or_default()
    }

    /// `act`: who acts for the subject.
    #[must_use]
    pub fn actors(&self) -> ActorChain<'_> {
        ActorChain::of_claims(&self.claims)
    }

    /// `jti`, where there is one.
    #[must_use]
    pub fn token_id(&self) -> Option<Cow<'_, str>> {
        self.claims.token_id()
    }

    /// `txn`: the transaction that it belongs to (XD-43).
    #[must_use]
    pub fn transaction(&self) -> Option<Cow<'_, str>> {
        self.text("txn")
    }

    /// `tenant`: the part of the issuer that the subject belongs to (JAG-7).
    #[must_use]
    pub fn tenant(&self) -> Option<Cow<'_, str>> {
        self.text("tenant")
    }

    /// `cnf.jkt`: the key that the request showed, and the token is to be bound to (JAG-23, XD-17).
    #[must_use]
    pub fn key(&self) -> Option<&Thumbprint> {
        self.key.as_ref()
    }

    /// `scope`; `None`, where the grant says nothing of it.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// `resource`.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// `authorization_details`.
    #[must_use]
    pub fn details(&self) -> Option<&AuthorizationDetails> {
        self.details.as_ref()
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.expires
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// What a request may get for it: no more than is granted. What is asked for beyond is refused, never cut down (JAG-22, XD-10).
    ///
    /// # Errors
    ///
    /// [`GrantError::ScopeWidened`], [`GrantError::ResourceWidened`], [`GrantError::DetailsWidened`].
    pub fn ceiling(&self, request: &TokenRequest, rule: &dyn DetailRule) -> Result<Ceiling, GrantError> {
        let scope = match (request.wanted_scope(), &self.scope) {
            (Some(wanted), Some(granted)) if !wanted.is_subset_of(granted) => {
                return Err(GrantError::ScopeWidened(wanted.without(granted)));
            }
            (Some(wanted), _) => Some(wanted.clone()),
            (None, granted) => granted.clone(),
        };
        let resources = match (request.resources(), self.resources.as_slice()) {
            ([], granted) => granted,
            (wanted, []) => wanted,
            (wanted, granted) if wanted.iter().all(|wanted| granted.contains(wanted)) => wanted,
            _ => return Err(GrantError::ResourceWidened),
        };
        let details = match (request.wanted_details(), &self.details) {
            (None, granted) => granted.clone(),
            (Some(wanted), Some(granted)) if wanted.is_within(granted, rule) => Some(wanted.clone()),
            (Some(_), _) => return Err(GrantError::DetailsWidened),
        };
        Ok(Ceiling { scope, resources: resources.to_vec(), details })
    }

    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.claims.get(name)?.as_str()
    }
}

/// Shows who says what about whom, and none of the other claims.
impl fmt::Debug for VerifiedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedGrant")
            .field("profile", &self.profile)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject())
            .field("not_after", &self.expires)
            .finish_non_exhaustive()
    }
}
