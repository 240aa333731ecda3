//! Calling a protected service.

#[cfg(feature = "reqwest")]
mod reqwest;
mod service;

use std::sync::Arc;

use aims_credential::{Credential, CredentialSource, HolderError, WIT_FIELD};
use aims_keys::UnixTime;
use aims_proof::{MakeWptError, NewWpt, TXN_TOKEN_FIELD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};

use crate::clock::{Clock, SystemClock};

pub use self::service::{AgentError, AgentFuture, AgentLayer, AgentService};

/// Attaches an agent's credential, and a fresh proof that it holds its key, to every request it sends.
///
/// The model never sees either: it names a tool, and this layer, below it, does the rest. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Agent {
    source: Arc<dyn CredentialSource>,
    context_fields: Arc<[String]>,
    clock: Arc<dyn Clock>,
}

impl Agent {
    /// An agent whose current credential and key come from `source`.
    #[must_use]
    pub fn new(source: impl CredentialSource + 'static) -> Self {
        Self { source: Arc::new(source), context_fields: Arc::new([]), clock: Arc::new(SystemClock) }
    }

    /// Fields (in lower case) that carry context tokens; where a request has one, the proof covers it.
    #[must_use]
    pub fn with_context_fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.context_fields = fields.into_iter().map(Into::into).collect();
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
    /// `base` is the scheme and authority that the service is configured with, such as `https://tools.example`.
    #[must_use]
    pub fn layer_for(&self, base: impl Into<String>) -> AgentLayer {
        AgentLayer::new(self.clone(), Some(base.into()))
    }

    /// Attaches credential and proof to the fields of a request to `target`, its whole URI.
    ///
    /// A transaction token among the fields is covered by the proof, and so is every context field.
    ///
    /// # Errors
    ///
    /// [`AttachError`]; the request must not be sent then.
    pub async fn attach(&self, target: &Uri, fields: &mut HeaderMap) -> Result<(), AttachError> {
        let (Some(scheme), Some(authority)) = (target.scheme_str(), target.authority()) else {
            return Err(AttachError::RelativeTarget);
        };
        self.attach_for(&format!("{scheme}://{authority}{}", target.path()), fields).await
    }

    /// As [`attach`](Self::attach), for a target that is already the audience: a URI without query and fragment.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    pub async fn attach_for(&self, audience: &str, fields: &mut HeaderMap) -> Result<(), AttachError> {
        // D7: the field carries one thing.
        if fields.contains_key(AUTHORIZATION) || fields.contains_key(WIT_FIELD) {
            return Err(AttachError::Occupied);
        }
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
        let proof = proof.sign(&holder, UnixTime::from(self.clock.now())).await?;

        let mut authorization =
            HeaderValue::try_from(format!("WPT {proof}")).map_err(|_| AttachError::Field)?;
        authorization.set_sensitive(true);
        let mut credential = HeaderValue::try_from(wit.token()).map_err(|_| AttachError::Field)?;
        credential.set_sensitive(true);
        fields.insert(AUTHORIZATION, authorization);
        fields.insert(WIT_FIELD, credential);
        Ok(())
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
    /// A field that the proof must cover stands twice, or is not ASCII.
    #[error("a field cannot be covered by the proof")]
    Field,
    /// There is no credential.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// The request has an `Authorization` or `Workload-Identity-Token` field already.
    #[error("the request carries another authorization already")]
    Occupied,
    /// The proof could not be made.
    #[error(transparent)]
    Proof(#[from] MakeWptError),
    /// The target is not a whole URI: for whom would the proof be?
    #[error("the target is not a whole URI")]
    RelativeTarget,
}

impl AttachError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Field => "malformed",
            Self::Holder(error) => error.code(),
            Self::Occupied => "authorization_occupied",
            Self::Proof(error) => error.code(),
            Self::RelativeTarget => "relative_target",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Field => "WPT-12",
            Self::Holder(error) => error.rule(),
            Self::Occupied => "WPT-1",
            Self::Proof(error) => error.rule(),
            Self::RelativeTarget => "WPT-6",
        }
    }
}
