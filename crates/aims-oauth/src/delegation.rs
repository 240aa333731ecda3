//! Delegation: a token that comes from another is good for no more (RFC 8693, design D9 and D10).

use std::fmt;
use std::time::Duration;

use aims_keys::UnixTime;

use crate::access_token::MAX_ACTORS;
use crate::{
    AccessTokenRequest, AuthorizationDetails, DetailRule, ErrorCode, LineageError, NewActor, Resource, Scope,
    TokenBinding, VerifiedAccessToken,
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
    parent: &'a VerifiedAccessToken,
    client_id: &'a str,
    actor: Option<(&'a str, Option<&'a str>)>,
    resource: Resource,
    scope: Option<Scope>,
    details: Option<AuthorizationDetails>,
    lifetime: Option<Duration>,
}

/// What was asked for, within what the parent has; and what of that is left out.
#[derive(Clone, Debug)]
pub struct Derived<'a> {
    request: AccessTokenRequest<'a>,
    narrowing: Narrowing,
}

/// What a token has not that the one it comes from had (AIMS-26).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Narrowing {
    scope: Scope,
    resource: Option<(Resource, Resource)>,
    details: usize,
    earlier: Duration,
}

impl<'a> Derivation<'a> {
    /// From `parent`, for this client, which acts for the subject of the parent from now on (EXC-6), and for this resource.
    pub fn of(parent: &'a VerifiedAccessToken, client_id: &'a str, resource: Resource) -> Self {
        Self { parent, client_id, actor: None, resource, scope: None, details: None, lifetime: None }
    }

    /// Another acts than the client: the subject of an actor token, as its issuer knows it (EXC-6).
    pub fn acting(mut self, subject: &'a str, issuer: Option<&'a str>) -> Self {
        self.actor = Some((subject, issuer));
        self
    }

    /// Good for this scope. Default: that of the parent.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Good for these details. Default: those of the parent.
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.details = Some(details);
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
        use DerivationError as E;

        let parent = self.parent;
        let (actor, known_to) = self.actor.unwrap_or((self.client_id, None));
        if let Some(may_act) = parent.may_act() {
            let is_issuer = |issuer: &str| known_to.unwrap_or(parent.issuer().as_str()) == issuer;
            if may_act.subject() != actor || may_act.issuer().is_some_and(|issuer| !is_issuer(&issuer)) {
                return Err(E::NotTheActor);
            }
        }
        let scope = self.scope.unwrap_or_else(|| parent.scope().clone());
        if !scope.is_subset_of(parent.scope()) {
            return Err(E::Scope(scope.without(parent.scope())));
        }
        let details = match (self.details, parent.details()) {
            (None, granted) => granted.cloned(),
            (Some(asked), Some(granted)) if asked.is_within(granted, rule) => Some(asked),
            (Some(_), _) => return Err(E::Details),
        };
        if parent.not_after() <= now {
            return Err(E::Expired);
        }
        let lineage = parent.lineage().clone().and(*parent.lineage_id())?;
        if actors_of(parent) >= MAX_ACTORS {
            return Err(E::TooManyActors);
        }
        let narrowing = Narrowing {
            scope: parent.scope().without(&scope),
            resource: (self.resource != *parent.resource())
                .then(|| (parent.resource().clone(), self.resource.clone())),
            details: parent.details().map_or(0, |granted| {
                granted.len().saturating_sub(details.as_ref().map_or(0, AuthorizationDetails::len))
            }),
            earlier: self
                .lifetime
                .map_or(Duration::ZERO, |lifetime| parent.not_after().since(now + lifetime)),
        };

        let mut new_actor = NewActor::new(actor).after(parent);
        if let Some(issuer) = known_to {
            new_actor = new_actor.known_to(issuer);
        }
        let mut request = AccessTokenRequest::new(parent.subject(), self.client_id, self.resource)
            .scope(scope)
            .acting(new_actor)
            .from(lineage)
            .not_after(parent.not_after());
        if let Some(details) = details {
            request = request.details(details);
        }
        if let Some(lifetime) = self.lifetime {
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

impl Narrowing {
    /// The scope that was left out.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many details were left out.
    #[must_use]
    pub fn details(&self) -> usize {
        self.details
    }

    /// How much earlier it ends.
    #[must_use]
    pub fn earlier(&self) -> Duration {
        self.earlier
    }

    /// From which resource to which it went.
    #[must_use]
    pub fn resource(&self) -> Option<(&Resource, &Resource)> {
        self.resource.as_ref().map(|(from, to)| (from, to))
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scope.is_empty() && self.details == 0 && self.earlier.is_zero() && self.resource.is_none()
    }
}

/// In words, for records.
impl fmt::Display for Narrowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some((from, to)) = &self.resource {
            parts.push(format!("for {to} in place of {from}"));
        }
        if !self.scope.is_empty() {
            parts.push(format!("scope without {}", self.scope));
        }
        if self.details > 0 {
            parts.push(format!("{} authorization details less", self.details));
        }
        if !self.earlier.is_zero() {
            parts.push(format!("ends {} s earlier", self.earlier.as_secs()));
        }
        if parts.is_empty() { f.write_str("nothing") } else { f.write_str(&parts.join(", ")) }
    }
}

/// Those who acted, its client among them where it names none and is about somebody else.
fn actors_of(token: &VerifiedAccessToken) -> usize {
    match token.actors().iter().count() {
        0 => usize::from(!token.is_autonomous()),
        named => named,
    }
}

/// Why nothing can be derived like this, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DerivationError {
    /// Details beyond those of the parent are asked for.
    #[error("more authorization details are asked for than there are")]
    Details,
    /// The parent has ended.
    #[error("the token has expired")]
    Expired,
    /// It comes from more than may be.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// The parent says who may act, and this is somebody else.
    #[error("the token says that another may act")]
    NotTheActor,
    /// This scope is asked for, beyond that of the parent.
    #[error("more scope is asked for than there is: {0}")]
    Scope(Scope),
    /// More acted already than anybody reads.
    #[error("more acted already than may have")]
    TooManyActors,
}

impl DerivationError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Details => "details_widened",
            Self::Expired => "expired",
            Self::Lineage(error) => error.code(),
            Self::NotTheActor => "other_actor",
            Self::Scope(_) => "scope_widened",
            Self::TooManyActors => "too_many_actors",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Details | Self::Scope(_) => "EXC-3",
            Self::Expired => "EXC-2",
            Self::Lineage(error) => error.rule(),
            Self::NotTheActor => "EXC-5",
            Self::TooManyActors => "WIR-9",
        }
    }

    /// What the client is told (EXC-2, EXC-3).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Details => ErrorCode::InvalidAuthorizationDetails,
            Self::Scope(_) => ErrorCode::InvalidScope,
            Self::Expired | Self::Lineage(_) | Self::NotTheActor | Self::TooManyActors => {
                ErrorCode::InvalidRequest
            }
        }
    }
}
