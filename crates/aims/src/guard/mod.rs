//! Protecting a service.

mod accept;
mod admitted;
mod authenticate;
mod builder;
mod content;
mod error;
#[cfg(feature = "mcp")]
mod mcp;
#[cfg(feature = "oauth")]
mod metadata;
mod panics;
mod request;
mod response;
mod service;
mod sign;
#[cfg(feature = "oauth")]
mod tokens;
#[cfg(feature = "mtls")]
mod transport;
#[cfg(feature = "oauth")]
mod ways;

use std::fmt;
use std::sync::Arc;

use aims_credential::{BundleSource, CredentialSource, Marks, WitCache};
use aims_keys::Clock;
#[cfg(feature = "mtls")]
use aims_proof::ForwardedVerifier;
use aims_proof::{Audiences, SignatureVerifier, WptVerifier};
use http::request::Parts;

use crate::decide::Decide;
use crate::permit::Permit;
use crate::record::Recorder;

pub use self::accept::Accept;
pub(crate) use self::admitted::Admitted;
pub use self::builder::GuardBuilder;
pub use self::content::{ContentError, GuardedBody};
pub use self::error::GuardError;
#[cfg(feature = "mcp")]
pub use self::mcp::{McpError, McpLayer, McpService};
pub use self::response::Refusal;
pub use self::service::{GuardFuture, GuardLayer, GuardService};

/// Protects a service: who calls is verified, decided upon and recorded before a handler runs.
///
/// As a tower layer ([`layer`](Self::layer)) it works with axum, tonic and any other service of `http` requests;
/// [`admit`](Self::admit) is the same without tower. It belongs outside whatever rewrites paths, a nested router for one:
/// the proof is for the path that the caller asked for. Cloning is cheap, and clones share their memory of used proofs.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

/// INVARIANT: a clone shares its memory with the other.
#[derive(Clone)]
pub(crate) struct Inner {
    accept: Accept,
    wits: WitCache,
    wpt: WptVerifier,
    signatures: SignatureVerifier,
    scheme: &'static str,
    max_content: usize,
    signs: Option<Signs>,
    marks: Arc<dyn Marks>,
    decide: Arc<dyn Decide>,
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    #[cfg(any(feature = "mtls", feature = "oauth"))]
    context_fields: Vec<String>,
    #[cfg(feature = "mtls")]
    proxies: Option<ForwardedVerifier>,
    #[cfg(feature = "oauth")]
    tokens: Option<tokens::Tokens>,
}

/// What responses are signed with.
#[derive(Clone)]
struct Signs {
    source: Arc<dyn CredentialSource>,
    /// Those that nobody demands to be signed, too.
    always: bool,
}

impl Guard {
    /// Starts from what has no safe default: who the service is, whom it trusts, and who may call.
    ///
    /// ```
    /// use aims::{Audiences, BundleSet, Callers, Guard, TrustBundle, backend};
    ///
    /// # let jwks = r#"{"keys":[]}"#;
    /// let trust = TrustBundle::from_jwks("spiffe://acme.example".parse()?, jwks, backend::ring())?;
    /// let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    /// let guard = Guard::builder(Audiences::http("https://tools.example")?, BundleSet::from(trust), callers).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(
        audiences: Audiences,
        trust: impl BundleSource + 'static,
        callers: impl Decide + 'static,
    ) -> GuardBuilder {
        GuardBuilder::new(audiences, trust, callers)
    }

    /// The same guard for routes that take other proofs: signed requests only, for instance. It shares its memory with this one. Its challenges ask for what it takes itself; the
    /// [metadata](Self::resource_metadata) of the resource stay those of the guard that was [built](GuardBuilder::build).
    ///
    /// ```
    /// # use aims::{Guard, GuardError};
    /// use aims::Accept;
    /// use axum::Router;
    ///
    /// # fn routes(guard: &Guard, reading: Router, booking: Router) -> Result<Router, GuardError> {
    /// // Whoever books does it with content that nobody has touched on the way.
    /// let signed = guard.accepting(Accept::signature())?;
    /// Ok(reading.layer(guard.layer()).merge(booking.layer(signed.layer())))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`GuardError`], as of [`build`](GuardBuilder::build): one of these proofs can never be met here.
    pub fn accepting(&self, accept: Accept) -> Result<Self, GuardError> {
        let mut inner = Inner::clone(&self.inner);
        #[cfg(feature = "oauth")]
        match &mut inner.tokens {
            Some(tokens) => *tokens = tokens.accepting(&accept)?,
            None => ways::check_without_tokens(&accept)?,
        }
        inner.accept = accept;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What a caller is told whose access token is not good enough for what it asks: what is missing, so that it can get that and come again (CHA-3, CHA-4).
    /// Without [`access_tokens`](GuardBuilder::access_tokens) nothing is said of it.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn step_up(&self, shortfall: aims_oauth::Shortfall) -> Refusal {
        match &self.inner.tokens {
            Some(tokens) => Refusal::unauthorized(&tokens.server, &shortfall.into(), None),
            None => Refusal::forbidden("insufficient_scope".into()),
        }
    }

    /// This guard as a tower layer.
    #[must_use]
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone())
    }

    /// Verifies, decides and records one request, by its head: for requests without content, or whose content no signature covers.
    ///
    /// What the request authenticated with is still in the head. It goes no further: the [layer](Self::layer) takes it out
    /// before the handler, and who uses this instead does the same (AIMS-43).
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what the caller is told, and for the service the exact code. It has been recorded. A signed request with content is refused here:
    /// [`admit_with_content`](Self::admit_with_content) is for those. Over HTTP/2 a head does not always say that there is content: whoever reads some all the same, behind a
    /// signature that covers none, reads what nobody signed.
    pub async fn admit(&self, head: &Parts) -> Result<Permit, Refusal> {
        let begun = self.begin(head).await?;
        if begun.covers_content() || begun.is_signed() && content::is_announced(head) {
            Err(begun.unread().await)
        } else {
            begun.with_content(b"").await.map_err(|denied| denied.refusal)
        }
    }

    /// The same of a request with its whole content, which is compared with the digest that a signature covers. A Workload Proof Token covers no content; a
    /// signed request without a digest has none.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit).
    pub async fn admit_with_content(&self, head: &Parts, content: &[u8]) -> Result<Permit, Refusal> {
        let begun = self.begin(head).await?;
        begun.with_content(content).await.map_err(|denied| denied.refusal)
    }
}

/// Shows who is trusted and who may call, as far as their types do.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("decide", &self.inner.decide)
            .field("recorder", &self.inner.recorder)
            .finish_non_exhaustive()
    }
}
