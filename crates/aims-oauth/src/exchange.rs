//! Who may exchange which token: the guard against spliced chains (EXC-7, EXC-9).

use aims_credential::VerifiedWit;
use aims_jose::Thumbprint;
use aims_keys::UnixTime;
use subtle::ConstantTimeEq;

use crate::{
    AuthenticatedClient, CrossDomain, Derivation, ErrorCode, Issuer, Resource, TokenBinding,
    VerifiedAccessToken, VerifiedDpopProof,
};

/// Those who take part in an exchange of tokens (RFC 8693), each of them verified: the client that asks, the token in whose subject's name it asks, and what says who
/// acts. Alone, each may be sound, and stolen from another chain; [`check`](Self::check) finds out whether they belong together.
///
/// Whether the client may ask at all is a policy's to say, which comes first (EXC-1).
///
/// ```
/// # use aims_keys::UnixTime;
/// use aims_oauth::{AuthenticatedClient, ExchangeParties, Resource, VerifiedAccessToken};
///
/// fn exchange(client: &AuthenticatedClient, serves: &[Resource], subject: &VerifiedAccessToken, now: UnixTime) -> Result<(), Box<dyn std::error::Error>> {
///     let checked = ExchangeParties::new(client, subject).client_serves(serves).check(now)?;
///     let derived = checked.derive("https://inner.example".parse()?).scope("trips:read".parse()?).derive(now)?;
///     // issuer.issue(derived.request(), now)
///     # let _ = derived;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is checked yet"]
pub struct ExchangeParties<'a> {
    client: &'a AuthenticatedClient,
    subject: &'a VerifiedAccessToken,
    serves: &'a [Resource],
    actor: Option<ActorToken<'a>>,
    dpop: Option<&'a VerifiedDpopProof>,
}

/// What says who acts: `actor_token`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ActorToken<'a> {
    /// An access token.
    AccessToken(&'a VerifiedAccessToken),
    /// A WIT. The server asks for a proof of its key in the same request.
    Wit(&'a VerifiedWit),
}

/// An exchange whose parties belong together; there is no other way to get one.
#[derive(Clone, Debug)]
pub struct CheckedExchange<'a> {
    client: &'a AuthenticatedClient,
    subject: &'a VerifiedAccessToken,
    actor: Option<Acting<'a>>,
    dpop: Option<&'a VerifiedDpopProof>,
}

#[derive(Clone, Debug)]
enum Acting<'a> {
    Token(String, String),
    Wit(&'a VerifiedWit),
}

impl<'a> ExchangeParties<'a> {
    /// This client, with this subject token.
    pub fn new(client: &'a AuthenticatedClient, subject: &'a VerifiedAccessToken) -> Self {
        Self { client, subject, serves: &[], actor: None, dpop: None }
    }

    /// The client is a tool itself, known by these resource identifiers: tokens that were sent to it, it may exchange.
    pub fn client_serves(mut self, resources: &'a [Resource]) -> Self {
        self.serves = resources;
        self
    }

    /// With an actor token.
    pub fn acting_by(mut self, actor: ActorToken<'a>) -> Self {
        self.actor = Some(actor);
        self
    }

    /// With the `DPoP` proof of the request.
    pub fn with_dpop(mut self, proof: Option<&'a VerifiedDpopProof>) -> Self {
        self.dpop = proof;
        self
    }

    /// Whether they belong together, at time `now`.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`].
    pub fn check(self, now: UnixTime) -> Result<CheckedExchange<'a>, ExchangeError> {
        use ExchangeError as E;

        if self.subject.not_after() <= now {
            return Err(E::Expired);
        }
        // Whoever shows nothing is not the tool for saying its name.
        let is_addressee = !self.client.is_public() && self.serves.contains(self.subject.resource());
        match self.subject.binding() {
            Some(binding) if !is_addressee && !self.shows(binding) => return Err(E::SubjectNotShown),
            _ => {}
        }
        let actor = match self.actor {
            None => None,
            Some(ActorToken::AccessToken(token)) => Some(self.check_token(token, now)?),
            Some(ActorToken::Wit(wit)) => Some(self.check_wit(wit, now)?),
        };
        Ok(CheckedExchange { client: self.client, subject: self.subject, actor, dpop: self.dpop })
    }

    /// EXC-7: by which the client acts, shown to be its own, and of the same transaction. Who acts by it is its actor, or else whom it is about or was given to, if that
    /// is the client: what a tool was sent about another makes nobody of that other.
    fn check_token(
        &self,
        token: &'a VerifiedAccessToken,
        now: UnixTime,
    ) -> Result<Acting<'a>, ExchangeError> {
        use ExchangeError as E;

        if token.not_after() <= now {
            return Err(E::Expired);
        }
        let issuer = token.issuer().as_str();
        let (name, known_to) = match token.actors().current() {
            Some(actor) => (actor.subject(), actor.issuer().unwrap_or(issuer.into())),
            None if self.is_known_as(&token.subject(), issuer) => (token.subject(), issuer.into()),
            None => (token.client_id(), issuer.into()),
        };
        if !self.is_known_as(&name, &known_to) {
            return Err(E::OtherActor);
        }
        if !token.binding().is_some_and(|binding| self.shows(binding)) {
            return Err(E::ActorNotShown);
        }
        if let (Some(one), Some(other)) = (token.transaction(), self.subject.transaction())
            && one != other
        {
            return Err(E::OtherTransaction);
        }
        Ok(Acting::Token(name.into_owned(), known_to.into_owned()))
    }

    fn check_wit(&self, wit: &'a VerifiedWit, now: UnixTime) -> Result<Acting<'a>, ExchangeError> {
        use ExchangeError as E;

        if wit.not_after() <= now {
            return Err(E::Expired);
        }
        if !self.is_agent(wit.subject().as_str()) && wit.subject().as_str() != self.client.client_id() {
            return Err(E::OtherActor);
        }
        if self.shows_key(wit.thumbprint()) { Ok(Acting::Wit(wit)) } else { Err(E::ActorNotShown) }
    }

    /// Whether the client goes by this name at this issuer. Another's name for a client is no name here, but that of a workload is the same everywhere.
    fn is_known_as(&self, name: &str, issuer: &str) -> bool {
        let is_own = issuer == self.subject.issuer().as_str();
        is_own && name == self.client.client_id() || self.is_agent(name)
    }

    fn is_agent(&self, name: &str) -> bool {
        self.client.agent().is_some_and(|agent| agent.as_str() == name)
    }

    /// Whether this request shows what a token is bound to: by its `DPoP` proof, or by what its client authenticated with.
    fn shows(&self, binding: &TokenBinding) -> bool {
        match binding {
            TokenBinding::Key(key) => self.shows_key(key),
            TokenBinding::Certificate(hash) => {
                matches!(self.client.binding(), Some(TokenBinding::Certificate(shown)) if is_same(shown, hash))
            }
        }
    }

    fn shows_key(&self, key: &Thumbprint) -> bool {
        let by_dpop = self.dpop.is_some_and(|proof| proof.thumbprint() == key);
        by_dpop || matches!(self.client.binding(), Some(TokenBinding::Key(shown)) if shown == key)
    }
}

impl<'a> CheckedExchange<'a> {
    /// A token that comes of it, for this resource: the actor stands outermost (EXC-8), by the name of the actor token and its issuer, or else of the client (EXC-6). It is
    /// bound to what the request has shown: the key of its `DPoP` proof, or else what the client authenticated with. Of a bound token comes none that is bound to nothing, unless
    /// [that](Derivation::dangerous_bearer) is said.
    pub fn derive(&'a self, resource: Resource) -> Derivation<'a> {
        let derivation =
            Derivation::of(self.subject, self.client.client_id(), resource).bound_like_its_parent();
        let shown = self.dpop.map(|proof| TokenBinding::Key(*proof.thumbprint()));
        let derivation = match shown.or(self.client.binding().copied()) {
            Some(binding) => derivation.bound_to(binding),
            None => derivation,
        };
        match &self.actor {
            None => derivation,
            Some(Acting::Token(subject, issuer)) => derivation.acting(subject, Some(issuer)),
            Some(Acting::Wit(wit)) => derivation.acting(wit.subject().as_str(), wit.issuer()),
        }
    }

    /// A grant for another domain that comes of it, by identity chaining: for the server `audience`, where the client goes by `client_there` (XD-1, JAG-9). It is bound to
    /// the key of the request's `DPoP` proof, if there is one (JAG-10).
    pub fn chaining(&'a self, audience: Issuer, client_there: &'a str) -> CrossDomain<'a> {
        self.acted(CrossDomain::chaining(self.subject, self.client.client_id(), audience, client_there))
    }

    /// The same by an ID-JAG (JAG-1).
    pub fn id_jag(&'a self, audience: Issuer, client_there: &'a str) -> CrossDomain<'a> {
        self.acted(CrossDomain::id_jag(self.subject, self.client.client_id(), audience, client_there))
    }

    fn acted(&'a self, grant: CrossDomain<'a>) -> CrossDomain<'a> {
        let grant = match self.dpop {
            Some(proof) => grant.bound_to(*proof.thumbprint()),
            None => grant,
        };
        match &self.actor {
            None => grant,
            Some(Acting::Token(subject, issuer)) => grant.acting(subject, Some(issuer)),
            Some(Acting::Wit(wit)) => grant.acting(wit.subject().as_str(), wit.issuer()),
        }
    }
}

fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.as_slice().ct_eq(other.as_slice()).into()
}

/// Why tokens do not belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The actor token is bound to nothing, or nothing shows what it is bound to.
    #[error("nothing shows that the actor token is the client's")]
    ActorNotShown,
    /// A token has expired.
    #[error("a token has expired")]
    Expired,
    /// The actor token is another client's.
    #[error("the actor token is another client's")]
    OtherActor,
    /// The tokens are of different transactions.
    #[error("the tokens are of different transactions")]
    OtherTransaction,
    /// The subject token is bound, nothing shows what to, and it was not sent to the client.
    #[error("nothing shows that the subject token is the client's to exchange")]
    SubjectNotShown,
}

impl ExchangeError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ActorNotShown => "actor_not_shown",
            Self::Expired => "expired",
            Self::OtherActor => "other_actor",
            Self::OtherTransaction => "other_transaction",
            Self::SubjectNotShown => "subject_not_shown",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::ActorNotShown | Self::OtherActor | Self::OtherTransaction => "EXC-7",
            Self::Expired => "EXC-2",
            Self::SubjectNotShown => "EXC-9",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        ErrorCode::InvalidRequest
    }
}
