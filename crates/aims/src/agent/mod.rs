//! Calling a protected service.

#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
mod signing;
mod signing_service;
mod target;
#[cfg(feature = "oauth")]
mod tokens;

use std::fmt;
use std::sync::Arc;

use aims_credential::{Credential, CredentialSource, HolderError, PeerError, WIT_FIELD};
use aims_keys::{BeforeEpoch, UnixTime};
use aims_proof::{CHALLENGE, MakeSignatureError, MakeWptError, NewWpt, TXN_TOKEN_FIELD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};

use self::target::{Origin, audience};
use aims_keys::{Clock, SystemClock};

pub use self::service::{AgentError, AgentFuture, AgentLayer, AgentService};
pub use self::signing::{Expected, SigningAgent};
pub use self::signing_service::{SigningLayer, SigningService};
#[cfg(feature = "oauth")]
pub use self::tokens::{TokenAgent, TokenLayer, TokenService};

/// Attaches an agent's credential, and a fresh proof that it holds its key, to every request it sends.
///
/// The model never sees either (AIMS-19): it names a tool, and this layer, below it, does the rest. A proof counts once and
/// for one target, so whatever sends a request again, or follows a redirect, stands above this layer and comes through it
/// anew. Cloning is cheap.
#[derive(Clone)]
pub struct Agent {
    source: Arc<dyn CredentialSource>,
    context_fields: Arc<[String]>,
    clock: Arc<dyn Clock>,
}

impl Agent {
    /// An agent whose current credential and key come from `source`.
    #[must_use]
    pub fn new(source: impl CredentialSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
            context_fields: Arc::new([]),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Fields that carry context tokens; where a request has one, the proof covers it.
    #[must_use]
    pub fn with_context_fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut fields: Vec<_> = fields.into_iter().map(|name| name.into().to_ascii_lowercase()).collect();
        fields.sort_unstable();
        fields.dedup();
        self.context_fields = fields.into();
        self
    }

    /// The source of the time. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// This agent as a tower layer, for clients whose requests carry the whole target URI.
    #[must_use]
    pub fn layer(&self) -> AgentLayer {
        AgentLayer::new(self.clone(), None)
    }

    /// This agent as a tower layer for one service, whose requests carry the path only (a tonic channel).
    ///
    /// `base` is the scheme and authority that the service is configured with, such as `https://tools.example`. A request
    /// for another service is refused: its proof would be one that the other service could pass on.
    ///
    /// # Errors
    ///
    /// [`AttachError::RelativeTarget`] or [`AttachError::Userinfo`] when `base` is anything else.
    pub fn layer_for(&self, base: &str) -> Result<AgentLayer, AttachError> {
        Ok(AgentLayer::new(self.clone(), Some(Origin::parse(base)?)))
    }

    /// Attaches credential and proof to the fields of a request to `target`, its whole URI.
    ///
    /// The proof is for the target without its query, in the spelling that services know themselves by: the host in lower
    /// case, and no default port. A transaction token among the fields is covered by the proof, and so is every context
    /// field.
    ///
    /// # Errors
    ///
    /// [`AttachError`]; the request must not be sent then.
    pub async fn attach(&self, target: &Uri, fields: &mut HeaderMap) -> Result<(), AttachError> {
        self.attach_for(&audience(target)?, fields).await
    }

    /// As [`attach`](Self::attach), for a target that is already the audience: a URI without query and fragment.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    pub async fn attach_for(&self, audience: &str, fields: &mut HeaderMap) -> Result<(), AttachError> {
        // The field carries one thing, and what is in it already may be for another reader.
        if fields.contains_key(AUTHORIZATION) || fields.contains_key(WIT_FIELD) {
            return Err(AttachError::Occupied);
        }
        // One pair for the whole request, whatever is renewed meanwhile.
        let holder = self.source.holder()?;
        let Credential::Wit(wit) = holder.credential() else {
            return Err(AttachError::Proof(MakeWptError::NoWit));
        };

        let mut proof = NewWpt::new(audience);
        if let Some(token) = single(fields, TXN_TOKEN_FIELD)? {
            proof = proof.txn_token(token);
        }
        for name in &*self.context_fields {
            if let Some(value) = single(fields, name)? {
                proof = proof.context(name, value);
            }
        }
        let proof = proof.sign(&holder, UnixTime::try_from(self.clock.now())?).await?;

        let mut authorization =
            HeaderValue::try_from(format!("{CHALLENGE} {proof}")).map_err(|_| AttachError::Field)?;
        authorization.set_sensitive(true);
        let mut credential = HeaderValue::try_from(wit.token()).map_err(|_| AttachError::Field)?;
        credential.set_sensitive(true);
        fields.insert(AUTHORIZATION, authorization);
        fields.insert(WIT_FIELD, credential);
        Ok(())
    }
}

/// Shows where its credential comes from.
impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("source", &self.source)
            .field("context_fields", &self.context_fields)
            .finish_non_exhaustive()
    }
}

/// The one line of a field, as text.
fn single<'f>(fields: &'f HeaderMap, name: &str) -> Result<Option<&'f str>, AttachError> {
    let mut lines = fields.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => line.to_str().map(Some).map_err(|_| AttachError::Field),
        (Some(_), Some(_)) => Err(AttachError::Field),
    }
}

/// Why credential and proof were not attached.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The clock stands before 1970.
    #[error(transparent)]
    Clock(#[from] BeforeEpoch),
    /// The content is longer than is held until it is signed.
    #[error("the content is longer than what is signed")]
    ContentTooLarge,
    /// A field that the proof must cover stands twice, or is not ASCII.
    #[error("a field cannot be covered by the proof")]
    Field,
    /// The target is not the service that this agent's layer is for.
    #[error("the target is another service than the configured one")]
    ForeignTarget,
    /// There is no credential.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// Nobody said what token the request needs.
    #[cfg(feature = "oauth")]
    #[error("nobody said what token the request needs")]
    NoNeed,
    /// The request has an `Authorization` or `Workload-Identity-Token` field already.
    #[error("the request carries another authorization already")]
    Occupied,
    /// A signed response is demanded, and it is not known of whom.
    #[error(transparent)]
    Peer(PeerError),
    /// The proof could not be made.
    #[error(transparent)]
    Proof(#[from] MakeWptError),
    /// The signature could not be made.
    #[error(transparent)]
    Signature(#[from] MakeSignatureError),
    /// There is no access token for what the tool asked for after it had refused another.
    #[cfg(feature = "oauth")]
    #[error("the tool {resource} wanted more, and there is no token for the scope {scope}: {error}")]
    StepUp {
        /// Why.
        #[source]
        error: aims_oauth::ClientError,
        /// All that was asked for.
        scope: aims_oauth::Scope,
        /// The tool.
        resource: aims_oauth::Resource,
    },
    /// There is no access token.
    #[cfg(feature = "oauth")]
    #[error(transparent)]
    Token(#[from] aims_oauth::ClientError),
    /// The content is not in memory, where it could be signed.
    #[error("content that comes in pieces cannot be signed beforehand")]
    Streaming,
    /// The target is not a whole URI: for whom would the proof be?
    #[error("the target is not a whole URI")]
    RelativeTarget,
    /// The target is no URL that a token may be sent to.
    #[cfg(feature = "oauth")]
    #[error("no token is sent to the target: {0}")]
    Target(#[source] aims_credential::HttpsUrlError),
    /// The target has userinfo (`user@`), which no service has in its name.
    #[error("the target has userinfo")]
    Userinfo,
}

impl AttachError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Clock(error) => error.code(),
            Self::ContentTooLarge => "content_too_large",
            Self::Field => "malformed",
            Self::ForeignTarget => "foreign_target",
            Self::Holder(error) => error.code(),
            #[cfg(feature = "oauth")]
            Self::NoNeed => "no_token_need",
            Self::Occupied => "authorization_occupied",
            Self::Peer(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::RelativeTarget => "relative_target",
            Self::Signature(error) => error.code(),
            Self::Streaming => "content_in_pieces",
            #[cfg(feature = "oauth")]
            Self::StepUp { error, .. } | Self::Token(error) => error.code(),
            #[cfg(feature = "oauth")]
            Self::Target(error) => error.code(),
            Self::Userinfo => "userinfo_in_target",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Clock(error) => error.rule(),
            Self::Field => "WPT-12",
            Self::Holder(error) => error.rule(),
            #[cfg(feature = "oauth")]
            Self::NoNeed => "MCP-15",
            Self::Occupied => "WPT-1",
            Self::Peer(error) => error.rule(),
            Self::Proof(error) => error.rule(),
            Self::Signature(error) => error.rule(),
            Self::ContentTooLarge => "HS-DIG-05",
            Self::Streaming => "HSIG-9",
            #[cfg(feature = "oauth")]
            Self::StepUp { error, .. } | Self::Token(error) => error.rule(),
            #[cfg(feature = "oauth")]
            Self::Target(error) => error.rule(),
            Self::ForeignTarget | Self::RelativeTarget | Self::Userinfo => "WPT-6",
        }
    }
}
