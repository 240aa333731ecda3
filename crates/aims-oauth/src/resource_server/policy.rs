//! A resource server, and what it takes.

use std::sync::Arc;

use aims_keys::{Algorithm, UnixTime};

use super::possession::check;
use super::{
    Authorized, ClientIdentities, Possession, PresentedToken, ResourceError, SameIdentity, Shown, TokenScheme,
};
use crate::{
    AccessTokenError, AccessTokenVerifier, Challenge, DpopRequest, DpopTarget, DpopVerifier, ErrorCode,
    Scope, VerifiedAccessToken, VerifiedDpopProof,
};

/// How a token must be shown to be used by whom it was given to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "ways that are independent of each other")]
pub struct BindingPolicy {
    bearer: bool,
    certificate: bool,
    dpop: bool,
    signature: bool,
}

impl BindingPolicy {
    /// By a message signature, by mutual TLS, or by `DPoP`; tokens that whoever has them can use are refused (SEC-4).
    #[must_use]
    pub fn bound() -> Self {
        Self { bearer: false, certificate: true, dpop: true, signature: true }
    }

    /// Takes tokens that whoever has them can use, too. Whoever steals one is the agent, until it ends.
    #[must_use]
    pub fn dangerous_or_bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// In one of these ways alone.
    #[must_use]
    pub fn only(ways: &[Shown]) -> Self {
        let has = |way| ways.contains(&way);
        Self {
            bearer: has(Shown::Bearer),
            certificate: has(Shown::Certificate),
            dpop: has(Shown::Dpop),
            signature: has(Shown::Signature),
        }
    }

    /// Whether this way is one of them.
    #[must_use]
    pub fn accepts(&self, shown: Shown) -> bool {
        match shown {
            Shown::Bearer => self.bearer,
            Shown::Certificate => self.certificate,
            Shown::Dpop => self.dpop,
            Shown::Signature => self.signature,
        }
    }
}

/// A resource server: the tool that decides by tokens.
///
/// It is asked in steps, for its token may have to be asked about, and its keys fetched, in between: [`PresentedToken::read`], then
/// [`verify`](Self::verify), then, for `DPoP`, [`verify_dpop`](Self::verify_dpop), then [`authorize`](Self::authorize).
#[derive(Clone, Debug)]
pub struct ResourceServer {
    tokens: AccessTokenVerifier,
    dpop: Option<DpopVerifier>,
    policy: BindingPolicy,
    clients: Arc<dyn ClientIdentities>,
    metadata: Option<String>,
}

impl ResourceServer {
    /// Verifies tokens with this, and takes those that are shown in these ways.
    #[must_use]
    pub fn new(tokens: AccessTokenVerifier, policy: BindingPolicy) -> Self {
        Self { tokens, dpop: None, policy, clients: Arc::new(SameIdentity), metadata: None }
    }

    /// Verifies `DPoP` proofs with this. Without, tokens that are bound by `DPoP` are refused.
    #[must_use]
    pub fn with_dpop(mut self, verifier: DpopVerifier) -> Self {
        self.dpop = Some(verifier);
        self
    }

    /// Knows clients by other names than the identifiers of workloads.
    #[must_use]
    pub fn with_clients(mut self, clients: impl ClientIdentities + 'static) -> Self {
        self.clients = Arc::new(clients);
        self
    }

    /// Where its metadata is, for challenges (RFC 9728).
    #[must_use]
    pub fn with_metadata(mut self, url: impl Into<String>) -> Self {
        self.metadata = Some(url.into());
        self
    }

    /// What verifies its tokens: for those that are opaque, too.
    #[must_use]
    pub fn tokens(&self) -> &AccessTokenVerifier {
        &self.tokens
    }

    /// Has the keys fetched that the token of a request needs, where its issuer is followed: call it before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`ResourceError::Token`], which is not the fault of whoever asks: status 503. [`verify`](Self::verify) says the same.
    pub async fn prepare(&self, presented: &PresentedToken, now: UnixTime) -> Result<(), ResourceError> {
        Ok(self.tokens.prepare(presented.token(), now).await.map_err(AccessTokenError::from)?)
    }

    /// Verifies the token of a request, if it is a JWT.
    ///
    /// # Errors
    ///
    /// [`ResourceError`].
    pub fn verify(
        &self,
        presented: &PresentedToken,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, ResourceError> {
        Ok(self.tokens.verify(presented.token(), now)?)
    }

    /// Verifies the proof of a request whose token is presented with `DPoP`; `None` for any other: a field that stands beside it proves nothing (DPO-9).
    ///
    /// # Errors
    ///
    /// [`ResourceError::Dpop`].
    pub fn verify_dpop(
        &self,
        presented: &PresentedToken,
        lines: impl IntoIterator<Item = impl AsRef<[u8]>>,
        method: &str,
        target: &DpopTarget,
        now: UnixTime,
    ) -> Result<Option<VerifiedDpopProof>, ResourceError> {
        if presented.scheme() != TokenScheme::Dpop {
            return Ok(None);
        }
        let verifier = self.dpop.as_ref().ok_or(ResourceError::NotAccepted)?;
        let request = DpopRequest::new(method, target).with_token(presented.token());
        Ok(Some(verifier.verify(lines, &request, now)?))
    }

    /// Decides whether the token counts for whoever sent it.
    ///
    /// # Errors
    ///
    /// [`ResourceError`]: what came with it does not show that, or not in a way that is taken here.
    pub fn authorize(
        &self,
        presented: &PresentedToken,
        token: &VerifiedAccessToken,
        possession: Possession<'_>,
    ) -> Result<Authorized, ResourceError> {
        if token.fingerprint() != presented.token().fingerprint() {
            return Err(super::PossessionError::OtherToken.into());
        }
        let shown = check(presented, token, possession, &*self.clients)?;
        match shown {
            shown if self.policy.accepts(shown) => Ok(Authorized::new(token.clone(), shown)),
            Shown::Bearer => Err(ResourceError::Bearer),
            _ => Err(ResourceError::NotAccepted),
        }
    }

    /// The challenges of an answer that refuses: what is wanted, and, where something was shown, why that was not enough (CHA-1, CHA-3, DPO-9). `needed` is the scope
    /// of the operation, where it is known.
    #[must_use]
    pub fn challenges(&self, error: &ResourceError, needed: Option<&Scope>) -> Vec<Challenge> {
        // Nothing is wanted of a client that is not at fault.
        if error.error_code() == Some(ErrorCode::TemporarilyUnavailable) {
            return Vec::new();
        }
        let describe = |scheme: TokenScheme| {
            let mut challenge = Challenge::new(scheme.as_str());
            if let Some(code) = error.error_code() {
                challenge = challenge.with("error", code.as_str());
            }
            if let ResourceError::Shortfall(shortfall) = error {
                challenge = shortfall.describe(challenge);
            } else if let Some(scope) = needed.filter(|scope| !scope.is_empty()) {
                challenge = challenge.with("scope", scope.as_str());
            }
            if let Some(url) = &self.metadata {
                challenge = challenge.with("resource_metadata", url);
            }
            if scheme == TokenScheme::Dpop
                && let Some(verifier) = &self.dpop
            {
                let all = Algorithm::ALL.into_iter().filter(|known| verifier.algorithms().contains(*known));
                challenge = challenge.with("algs", &all.map(Algorithm::name).collect::<Vec<_>>().join(" "));
            }
            challenge
        };
        let takes_bearer_scheme = self.policy.bearer || self.policy.certificate || self.policy.signature;
        let bearer = takes_bearer_scheme.then(|| describe(TokenScheme::Bearer));
        let dpop = (self.policy.dpop && self.dpop.is_some()).then(|| describe(TokenScheme::Dpop));
        bearer.into_iter().chain(dpop).collect()
    }

    /// The nonce to be used from now on, for the field `DPoP-Nonce` of any answer; `None`, where none is wanted.
    #[must_use]
    pub fn dpop_nonce(&self, now: UnixTime) -> Option<String> {
        self.dpop.as_ref()?.nonce(now)
    }
}
