//! What a site knows of a request.

use std::fmt;
use std::time::Duration;

use aims_httpsig::{Component, DigestCheck, Digests, Headers, Verified, VerifyError};
use aims_jose::Thumbprint;
use aims_keys::{Algorithm, Backend, UnixTime};

use super::verify::BotError;
use super::{AgentUrl, BotKey, DiscoveryError};

/// What a site knows of a request whose signature, if it has one, is not [wrong](super::BotError) (HS-WBA-12).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a site decides about every outcome")]
pub enum BotOutcome {
    /// It is signed by a key that the URL provides which the signature covers.
    Attributed(VerifiedBot),
    /// It is signed by a key that the site has; of whom, nobody can say who does not know the key.
    KeyOnly(VerifiedBot),
    /// Nothing is known of the sender: most requests are such. What a site does with it is its own affair; it is no reason to trust, and none
    /// to suspect.
    Unverified(Unverified),
}

impl BotOutcome {
    /// The bot, if the signature verified.
    #[must_use]
    pub fn bot(&self) -> Option<&VerifiedBot> {
        match self {
            Self::Attributed(bot) | Self::KeyOnly(bot) => Some(bot),
            Self::Unverified(_) => None,
        }
    }

    /// A stable name for records and policy.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Attributed(_) => "attributed",
            Self::KeyOnly(_) => "key_only",
            Self::Unverified(_) => "unverified",
        }
    }
}

/// Why nothing is known of the sender.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unverified {
    /// The site does not have the key, and whoever was asked for it does not say that it is one of the URL that the signature covers.
    #[error("the key is not known: {0}")]
    Discovery(#[source] DiscoveryError),
    /// The site does not have the key, and the signature covers no place where keys are.
    #[error("the key is not known, and the signature says of no place where it is")]
    NoAgent,
    /// No signature of a bot is there.
    #[error("the request is not signed by a bot")]
    Unsigned,
}

impl Unverified {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Discovery(error) => error.code(),
            Self::NoAgent => "no_signature_agent",
            Self::Unsigned => "unsigned",
        }
    }

    /// The requirement in `docs/spec/` that says so.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Discovery(error) => error.rule(),
            Self::NoAgent => "HS-WBA-04",
            Self::Unsigned => "HS-WBA-12",
        }
    }
}

/// A bot whose signature verified, and what it signed. Only [`BotVerifier`](super::BotVerifier) makes one.
///
/// What is not covered cannot be asked for here; of the content nothing is known before [`content`](Self::content) or
/// [`check_content`](Self::check_content).
#[derive(Clone)]
pub struct VerifiedBot {
    agent: Option<AgentUrl>,
    thumbprint: Thumbprint,
    algorithm: Algorithm,
    created: UnixTime,
    not_after: UnixTime,
    as_of: Option<UnixTime>,
    leeway: Duration,
    nonce: Option<String>,
    covered: Vec<(Component<'static>, String)>,
}

impl VerifiedBot {
    pub(super) fn new(
        verified: &Verified<'_, Headers>,
        found: Found,
        algorithm: Algorithm,
        times: (UnixTime, UnixTime),
        leeway: Duration,
    ) -> Self {
        let (created, expires) = times;
        let Found { agent, thumbprint, not_after, as_of } = found;
        let covered = verified.covered();
        let covered = covered.map(|(component, value)| (component.clone().into_owned(), value.to_owned()));
        Self {
            agent,
            thumbprint,
            algorithm,
            created,
            not_after: not_after.map_or(expires, |end| end.min(expires)),
            as_of,
            leeway,
            nonce: verified.parameters().nonce().map(ToOwned::to_owned),
            covered: covered.collect(),
        }
    }

    /// The URL that it is known by, if that provides its key.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentUrl> {
        self.agent.as_ref()
    }

    /// The key that signed.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The algorithm of the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// When it signed.
    #[must_use]
    pub fn created(&self) -> UnixTime {
        self.created
    }

    /// When what was verified ends: the signature, or the key before it. Nothing that rests on it lasts longer.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// When the key was last seen where the URL says; long ago, where its directory cannot be fetched any more.
    #[must_use]
    pub fn key_as_of(&self) -> Option<UnixTime> {
        self.as_of
    }

    /// Its nonce.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The value of a covered component, as it was signed; `None` for whatever is not covered.
    #[must_use]
    pub fn value(&self, component: &Component<'_>) -> Option<&str> {
        self.covered().find(|(known, _)| *known == component).map(|(_, value)| value)
    }

    /// All that is covered, with the values that were signed.
    pub fn covered(&self) -> impl Iterator<Item = (&Component<'static>, &str)> {
        self.covered.iter().map(|(component, value)| (component, &**value))
    }

    /// Whether the signature is for this request, and not for whatever is sent to this host: it covers the method and the whole target
    /// (HS-WBA-10).
    #[must_use]
    pub fn is_for_request(&self) -> bool {
        let covers = |component: Component<'_>| self.value(&component).is_some();
        covers(Component::method())
            && (covers(Component::target_uri()) || covers(Component::path()) && covers(Component::query()))
    }

    /// The content, if it is what the covered digest says.
    ///
    /// # Errors
    ///
    /// [`BotError::Signature`]: it is not, or no digest is covered.
    pub fn content<'b>(&self, content: &'b [u8], backend: Backend) -> Result<&'b [u8], BotError> {
        self.digests()?.verify(content, backend).map_err(VerifyError::Digest)?;
        Ok(content)
    }

    /// Checks content that comes in pieces.
    ///
    /// # Errors
    ///
    /// [`BotError::Signature`] when no digest is covered.
    pub fn check_content(&self, backend: Backend) -> Result<DigestCheck, BotError> {
        Ok(self.digests()?.check(backend))
    }

    pub(super) fn times(&self) -> (UnixTime, UnixTime, Duration) {
        (self.created, self.not_after, self.leeway)
    }

    fn digests(&self) -> Result<Digests, VerifyError> {
        let field = Component::field("content-digest").map_err(|_| VerifyError::DigestNotCovered)?;
        let value = self.value(&field).ok_or(VerifyError::DigestNotCovered)?;
        Digests::parse(value.as_bytes()).map_err(VerifyError::Digest)
    }
}

/// Shows who, and what is covered; no values: credentials may be among them.
impl fmt::Debug for VerifiedBot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let covered: Vec<String> = self.covered().map(|(component, _)| component.to_string()).collect();
        f.debug_struct("VerifiedBot")
            .field("agent", &self.agent)
            .field("thumbprint", &self.thumbprint)
            .field("not_after", &self.not_after)
            .field("covered", &covered)
            .finish_non_exhaustive()
    }
}

/// Whose the key is that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) agent: Option<AgentUrl>,
    pub(super) thumbprint: Thumbprint,
    pub(super) not_after: Option<UnixTime>,
    pub(super) as_of: Option<UnixTime>,
}

impl Found {
    pub(super) fn at(agent: &AgentUrl, thumbprint: Thumbprint, key: &BotKey) -> Self {
        Self { agent: Some(agent.clone()), thumbprint, not_after: key.not_after(), as_of: Some(key.as_of()) }
    }

    pub(super) fn by_key(thumbprint: Thumbprint) -> Self {
        Self { agent: None, thumbprint, not_after: None, as_of: None }
    }
}
