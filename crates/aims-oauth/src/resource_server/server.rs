//! A resource server.

use std::sync::Arc;

use aims_id::WorkloadId;
use aims_keys::{Algorithm, UnixTime};

use super::clients::GivenTo;
use super::possession::check;
use super::{
    Authorized, BindingPolicy, ClientIdentities, Possession, PossessionError, PresentedToken, ResourceError,
    SameIdentity, Shown, TokenScheme,
};
use crate::{
    AccessTokenError, AccessTokenVerifier, Challenge, DpopRequest, DpopTarget, DpopVerifier, ErrorCode,
    Introspection, ResourceMetadata, Scope, TokenBinding, VerifiedAccessToken, VerifiedDpopProof,
};

/// A resource server: the tool that decides by tokens.
///
/// It is asked in steps, for its token may have to be asked about, and its keys fetched, in between: [`PresentedToken::read`], then
/// [`verify`](Self::verify), then, for `DPoP`, [`verify_dpop`](Self::verify_dpop), then [`authorize`](Self::authorize).
#[derive(Clone, Debug)]
pub struct ResourceServer {
    pub(super) tokens: AccessTokenVerifier,
    pub(super) dpop: Option<DpopVerifier>,
    pub(super) policy: BindingPolicy,
    clients: Arc<dyn ClientIdentities>,
    /// What it says of itself besides what it enforces.
    pub(super) described: Option<Box<ResourceMetadata>>,
    /// Where that is.
    metadata_url: Option<String>,
    introspection: Option<Introspection>,
}

impl ResourceServer {
    /// Verifies tokens with this, and takes those that are shown in these ways.
    #[must_use]
    pub fn new(tokens: AccessTokenVerifier, policy: BindingPolicy) -> Self {
        let metadata_url = ResourceMetadata::url(tokens.resource()).ok().map(|url| url.to_string());
        let clients = Arc::new(SameIdentity);
        Self { tokens, dpop: None, policy, clients, described: None, metadata_url, introspection: None }
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

    /// Says this of itself, too, in its [`metadata`](Self::metadata): scopes, a name, pages for people.
    #[must_use]
    pub fn with_metadata(mut self, metadata: ResourceMetadata) -> Self {
        self.described = Some(Box::new(metadata));
        self
    }

    /// Asks about tokens that are opaque, with this (AIMS-28). Without, they are refused.
    #[must_use]
    pub fn with_introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// The same where tokens come in these ways alone: what it takes, what it asks for in [`challenges`](Self::challenges), and what it says of itself in its
    /// [`metadata`](Self::metadata) is what its policy has of them. It takes nothing that it did not take before.
    #[must_use]
    pub fn narrowed(mut self, ways: BindingPolicy) -> Self {
        self.policy = self.policy.and(ways);
        self
    }

    /// What verifies its tokens: for those that are opaque, too.
    #[must_use]
    pub fn tokens(&self) -> &AccessTokenVerifier {
        &self.tokens
    }

    /// How a token must be shown to be used by whom it was given to.
    #[must_use]
    pub fn policy(&self) -> BindingPolicy {
        self.policy
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

    /// Whether the issuer of the token has to be asked what it says.
    #[must_use]
    pub fn is_opaque(&self, presented: &PresentedToken) -> bool {
        self.introspection.is_some() && !self.tokens.is_jwt(presented.token())
    }

    /// Verifies the token of a request, whether it says itself what it is worth or its issuer does: the same in all that follows (AZR-7). Other requests may wait for
    /// the same answer. A query of anybody's costs the issuer something: ask for those alone who proved who they are, where that can be known.
    ///
    /// # Errors
    ///
    /// [`ResourceError`]; with status 503 where nobody says.
    pub async fn verify_any(
        &self,
        presented: &PresentedToken,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, ResourceError> {
        match &self.introspection {
            Some(introspection) if self.is_opaque(presented) => {
                Ok(introspection.verify(&self.tokens, presented.token(), now).await?)
            }
            _ => self.verify(presented, now),
        }
    }

    /// Verifies the proof of a request whose token is presented with `DPoP`; `None` for any other: a field that stands beside it proves nothing (DPO-9). `token` is
    /// what was [verified](Self::verify) of the request: a proof by another key than its own takes no room in the memory.
    ///
    /// # Errors
    ///
    /// [`ResourceError::Dpop`], and [`ResourceError::Possession`] for a token that no proof shows.
    pub fn verify_dpop(
        &self,
        presented: &PresentedToken,
        token: &VerifiedAccessToken,
        lines: impl IntoIterator<Item = impl AsRef<[u8]>>,
        method: &str,
        target: &DpopTarget,
        now: UnixTime,
    ) -> Result<Option<VerifiedDpopProof>, ResourceError> {
        if presented.scheme() != TokenScheme::Dpop {
            return Ok(None);
        }
        let verifier = self.dpop.as_ref().ok_or(ResourceError::NotAccepted)?;
        let Some(TokenBinding::Key(key)) = token.binding() else {
            return Err(PossessionError::Scheme.into());
        };
        let request = DpopRequest::new(method, target).with_token(presented.token()).with_key(key);
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
            return Err(PossessionError::OtherToken.into());
        }
        let shown = check(presented, token, possession, &*self.clients)?;
        match shown {
            shown if self.policy.accepts(shown) => {
                Ok(Authorized::new(token.clone(), shown, presented.token().clone()))
            }
            Shown::Bearer => Err(ResourceError::Bearer),
            _ => Err(ResourceError::NotAccepted),
        }
    }

    /// The workload that a token was given to, on the word of its issuer: the one that acts now, or else its client (AIMS-25). `None`, where that is none: issuers
    /// have clients of other kinds, too, and [may not speak](ClientIdentities::speaks_for) for those of others. Whether it is also the one that sent the token, [`authorize`](Self::authorize) says.
    #[must_use]
    pub fn agent(&self, token: &VerifiedAccessToken) -> Option<WorkloadId> {
        GivenTo::of(token).workload(&*self.clients)
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
            // What is wrong with a proof is said to those who sent one (DPO-9).
            let is_about_proofs = matches!(error, ResourceError::Dpop(_));
            if let Some(code) = error.error_code().filter(|_| scheme == TokenScheme::Dpop || !is_about_proofs)
            {
                challenge = challenge.with("error", code.as_str());
            }
            if let ResourceError::Shortfall(shortfall) = error {
                challenge = shortfall.describe(challenge);
            } else if let Some(scope) = needed.filter(|scope| !scope.is_empty()) {
                challenge = challenge.with("scope", scope.as_str());
            }
            if let Some(url) = &self.metadata_url {
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
        let bearer = self.policy.takes_bearer_scheme().then(|| describe(TokenScheme::Bearer));
        let dpop = self.takes(Shown::Dpop).then(|| describe(TokenScheme::Dpop));
        bearer.into_iter().chain(dpop).collect()
    }

    /// Whether it takes tokens that are shown in this way: its policy does, and, for `DPoP`, something verifies proofs.
    #[must_use]
    pub fn takes(&self, shown: Shown) -> bool {
        self.policy.accepts(shown) && (shown != Shown::Dpop || self.dpop.is_some())
    }

    /// The nonce to be used from now on, for the field `DPoP-Nonce` of an answer that refuses; `None`, where none is wanted.
    #[must_use]
    pub fn dpop_nonce(&self, now: UnixTime) -> Option<String> {
        self.dpop.as_ref()?.nonce(now)
    }

    /// The same for any other answer: `None`, too, where the nonce of the proof is good for a while yet (RFC 9449 §8.2).
    #[must_use]
    pub fn next_dpop_nonce(&self, proof: &VerifiedDpopProof, now: UnixTime) -> Option<String> {
        self.dpop.as_ref()?.next_nonce(proof, now)
    }
}
