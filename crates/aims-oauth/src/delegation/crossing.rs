//! From a token of one domain to a grant for another (XD-1 to XD-8, JAG-1 to JAG-10).

use aims_jose::Thumbprint;
use aims_keys::UnixTime;

use super::within::Asked;
use super::{ClaimTranscriber, DerivationError, Narrowing};
use crate::{
    AuthorizationDetails, CommonMembers, DetailRule, GrantProfile, GrantRequest, Issuer, Resource, Scope,
    VerifiedAccessToken,
};

/// A grant for another domain that is to come from a token of this one: for no more than the token is good for, and no longer.
///
/// It is for one server, `audience`, which is not the resource server: those are named by [`resource`](Self::resource) (JAG-1). Details are granted where they are asked
/// for, and not by default: the other domain gets to know what it needs (AIMS-49). Of those who acted the one that acts now is named, unless the
/// [`Transcription`](super::Transcription) says more; and of all that the token comes from the first alone, by a name that only that domain can tell (design D10).
///
/// Whether the client may do that with this token is not looked at here: [`ExchangeParties`](crate::ExchangeParties) says so, and what it has checked
/// [leads here](crate::CheckedExchange::id_jag), bound to the key that was shown.
///
/// ```
/// # use aims_keys::UnixTime;
/// use aims_oauth::{AuthenticatedClient, ExchangeParties, GrantIssuer, Targets, VerifiedAccessToken, VerifiedDpopProof};
///
/// fn grant(
///     issuer: &GrantIssuer, targets: &Targets,
///     client: &AuthenticatedClient, token: &VerifiedAccessToken, proof: &VerifiedDpopProof, now: UnixTime,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     let checked = ExchangeParties::new(client, token).with_dpop(Some(proof)).check(now)?;
///     // The agent is known as "agent-at-b" over there.
///     let derived = checked.id_jag("https://as.b.example".parse()?, "agent-at-b")
///         .resource("https://api.b.example".parse()?)
///         .scope("trips:read".parse()?)
///         .derive(targets, now)?;
///     let issued = issuer.issue(derived.request(), now)?;
///     # let _ = issued;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is derived yet"]
pub struct CrossDomain<'a> {
    asked: Asked<'a>,
    profile: GrantProfile,
    audience: Issuer,
    client_there: &'a str,
    resources: Vec<Resource>,
    key: Option<Thumbprint>,
}

/// What was asked for, within what the token is good for; and what of that is left out.
#[derive(Clone, Debug)]
pub struct DerivedGrant<'a> {
    request: GrantRequest<'a>,
    narrowing: Narrowing,
}

impl<'a> CrossDomain<'a> {
    /// By identity chaining, whoever asks: what shows that it may is to be checked before. `client_id` acts for the subject of the token from now on (EXC-6); it goes by `client_there` at the server `audience` (JAG-9).
    pub fn chaining(
        token: &'a VerifiedAccessToken,
        client_id: &'a str,
        audience: Issuer,
        client_there: &'a str,
    ) -> Self {
        Self::new(GrantProfile::Chaining, token, client_id, audience, client_there)
    }

    /// The same by an ID-JAG.
    pub fn id_jag(
        token: &'a VerifiedAccessToken,
        client_id: &'a str,
        audience: Issuer,
        client_there: &'a str,
    ) -> Self {
        Self::new(GrantProfile::IdJag, token, client_id, audience, client_there)
    }

    /// Another acts than the client: the subject of an actor token, as its issuer knows it (EXC-6).
    pub fn acting(mut self, subject: &'a str, issuer: Option<&'a str>) -> Self {
        (self.asked.actor, self.asked.known_to) = (subject, issuer);
        self
    }

    /// Good for this resource of that domain's; each call adds one. Default: those that the server there decides on.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// Good for this scope. Default: that of the token.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.asked.scope = Some(scope);
        self
    }

    /// Good for these details. Default: for none.
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.asked.details = Some(details);
        self
    }

    /// For whoever shows this key there, too: the one that its client has shown here (JAG-10, XD-17).
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.key = Some(key);
        self
    }

    /// What the grant may say, details compared by the rule for types of which nothing is known.
    ///
    /// # Errors
    ///
    /// [`DerivationError`]: more is asked for than the token is good for, or it is asked for a server that nothing is granted for.
    pub fn derive(
        self,
        targets: &dyn ClaimTranscriber,
        now: UnixTime,
    ) -> Result<DerivedGrant<'a>, DerivationError> {
        self.derive_by(&CommonMembers, targets, now)
    }

    /// The same, with a rule of one's own for details (RAR-4).
    ///
    /// # Errors
    ///
    /// As [`derive`](Self::derive).
    pub fn derive_by(
        self,
        rule: &dyn DetailRule,
        targets: &dyn ClaimTranscriber,
        now: UnixTime,
    ) -> Result<DerivedGrant<'a>, DerivationError> {
        let Self { asked, profile, audience, client_there, resources, key } = self;
        let parent = asked.parent;
        let told = targets.transcribe(parent, &audience);
        let told = told.ok_or_else(|| DerivationError::UnknownTarget(audience.clone()))?;
        let subject = targets.subject(parent, &audience).ok_or(DerivationError::UnknownSubject)?;
        let within = asked.within(None, rule, now)?;
        // Nothing in a grant says that there is no scope: a grant without one leaves it to the other server.
        if within.scope.is_empty() {
            return Err(DerivationError::NoScope);
        }
        let narrowing = Narrowing {
            scope: parent.scope().without(&within.scope),
            details: within.details_less_than(parent),
            domain: Some(audience.clone()),
            ..Narrowing::default()
        };

        let mut request = GrantRequest::new(profile, subject, audience)
            .for_client(client_there)
            .scope(within.scope)
            .from(*parent.lineage().ids().first().unwrap_or(parent.lineage_id()))
            .not_after(parent.not_after())
            .of_issuer(parent.issuer().clone());
        if let Some(key) = key {
            request = request.bound_to(key);
        }
        let acts_for_itself =
            parent.is_autonomous() && asked.known_to.is_none() && parent.client_id() == asked.actor;
        if told.actors {
            request = request.acting(asked.actor_after_all()?);
        } else if !acts_for_itself {
            request = request.acting(asked.actor_alone());
        }
        for resource in resources {
            request = request.resource(resource);
        }
        if let Some(details) = within.details {
            request = request.details(details);
        }
        if let Some(tenant) = told.tenant {
            request = request.tenant(tenant);
        }
        if let Some(transaction) = parent.transaction().filter(|_| told.transaction) {
            request = request.transaction(transaction);
        }
        if let Some(time) = parent.auth_time().filter(|_| told.authentication) {
            request = request.authenticated(time, parent.acr());
        }
        Ok(DerivedGrant { request, narrowing })
    }

    fn new(
        profile: GrantProfile,
        token: &'a VerifiedAccessToken,
        client_id: &'a str,
        audience: Issuer,
        client_there: &'a str,
    ) -> Self {
        Self {
            asked: Asked::of(token, client_id),
            profile,
            audience,
            client_there,
            resources: Vec::new(),
            key: None,
        }
    }
}

impl<'a> DerivedGrant<'a> {
    /// For whoever shows this key there, too.
    #[must_use]
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.request = self.request.bound_to(key);
        self
    }

    /// What to issue. Nothing can be added to it that the token has not.
    pub fn request(&self) -> &GrantRequest<'a> {
        &self.request
    }

    /// What is left out, to be recorded.
    #[must_use]
    pub fn narrowing(&self) -> &Narrowing {
        &self.narrowing
    }
}
