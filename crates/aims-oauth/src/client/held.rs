//! Tokens in the hands of the agent.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aims_credential::HttpsUrl;
use aims_keys::UnixTime;
use zeroize::Zeroizing;

use super::constraint::HeldBinding;
use super::token_flow::MAX_LIFETIME;
use super::{ClientError, OAuthClient};
use crate::wanted::Wanted;
use crate::{
    AccessToken, AuthorizationDetails, DPOP_FIELD, DpopProver, DpopTarget, Fingerprint, IdToken, Issuer,
    RefreshToken, Resource, Scope, SecurityToken, TokenResponse, TokenScheme, TokenTypeUrn, TokenUse,
};

/// An access token that the agent has, and what it is good for: a handle, whose token is shown to the resource that it is for and to nothing else (AIMS-19, MCP-15).
/// Cloning is cheap.
#[derive(Clone)]
pub struct HeldToken(Arc<Held>);

struct Held {
    token: AccessToken,
    scheme: TokenScheme,
    binding: HeldBinding,
    prover: Option<DpopProver>,
    issuer: Issuer,
    resources: Vec<Resource>,
    scope: Option<Scope>,
    details: Option<AuthorizationDetails>,
    received: UnixTime,
    expires: Option<UnixTime>,
    refresh: Option<RefreshToken>,
    id_token: Option<IdToken>,
    is_discarded: AtomicBool,
}

impl HeldToken {
    /// Of an answer; `wanted` is what it is good for where that does not say.
    pub(super) fn received(
        client: &OAuthClient,
        wanted: &Wanted,
        binding: HeldBinding,
        response: &TokenResponse,
        now: UnixTime,
    ) -> Result<Self, ClientError> {
        // DPO-12: what was to be bound to a key is not taken as what it could be stolen as.
        let scheme = match (binding, response.token_use()) {
            (HeldBinding::Dpop(_), TokenUse::Dpop) => TokenScheme::Dpop,
            // DPO-14: no `DPoP` proof goes with it, whatever the server calls it.
            (HeldBinding::Signature(_), TokenUse::Dpop)
            | (
                HeldBinding::Bearer | HeldBinding::Certificate(_) | HeldBinding::Signature(_),
                TokenUse::Bearer,
            ) => TokenScheme::Bearer,
            _ => return Err(ClientError::TokenUse),
        };
        let lifetime = response.lifetime().map(|lifetime| lifetime.min(MAX_LIFETIME));
        let scope = response.granted_scope().or(wanted.scope.as_ref());
        Ok(Self(Arc::new(Held {
            token: response.token().expose().parse()?,
            scheme,
            binding,
            prover: client.constraint().prover().cloned(),
            issuer: client.issuer().clone(),
            resources: wanted.resources.clone(),
            scope: scope.cloned(),
            details: response.granted_details().or(wanted.details.as_ref()).cloned(),
            received: now,
            expires: lifetime.map(|lifetime| now + lifetime),
            refresh: response.refresh_token().cloned(),
            id_token: response.id_token().cloned(),
            is_discarded: AtomicBool::new(false),
        })))
    }

    /// The token itself, for the resource that it is for. [`fields`](Self::fields) needs nobody to touch it.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.0.token
    }

    /// How it is used.
    #[must_use]
    pub fn scheme(&self) -> TokenScheme {
        self.0.scheme
    }

    /// What it is bound to.
    #[must_use]
    pub fn binding(&self) -> HeldBinding {
        self.0.binding
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The resources that it was asked for: one, most often.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.0.resources
    }

    /// The scope, as the server says, or as it was asked for; `None` where neither says.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.0.scope.as_ref()
    }

    /// The details, likewise.
    #[must_use]
    pub fn details(&self) -> Option<&AuthorizationDetails> {
        self.0.details.as_ref()
    }

    /// When it came.
    #[must_use]
    pub fn received_at(&self) -> UnixTime {
        self.0.received
    }

    /// When it ends, as the server said; `None` where it did not.
    #[must_use]
    pub fn expires(&self) -> Option<UnixTime> {
        self.0.expires
    }

    /// What to get the next one with.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.0.refresh.as_ref()
    }

    /// The ID Token that came with it, which nobody has verified.
    #[must_use]
    pub fn id_token(&self) -> Option<&IdToken> {
        self.0.id_token.as_ref()
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.token.fingerprint()
    }

    /// Whether it can be used at time `now`, and for as long as a request takes. One whose end nobody said counts for 5 minutes.
    #[must_use]
    pub fn is_live(&self, now: UnixTime) -> bool {
        let is_discarded = self.0.is_discarded.load(Ordering::Relaxed);
        !is_discarded && now + MARGIN < self.end() && self.0.received <= now + CLOCK_STEPS
    }

    /// It is used no more, whoever has a clone of it: a resource server says that it does not count.
    pub fn discard(&self) {
        self.0.is_discarded.store(true, Ordering::Relaxed);
    }

    /// Whether another should be asked for, though it can still be used: in the last fifth of its time, and at most a minute before its end.
    #[must_use]
    pub fn is_due(&self, now: UnixTime) -> bool {
        let lifetime = self.end().since(self.0.received);
        now + (lifetime / 5).clamp(MARGIN, LONGEST_LEAD) >= self.end()
    }

    /// Whether a request to this URL may carry it: it is one of its resources, or below one, at the same origin (MCP-15).
    #[must_use]
    pub fn is_for(&self, url: &HttpsUrl) -> bool {
        self.0.resources.iter().any(|resource| resource.covers(url))
    }

    /// The fields with which a request for `url` carries it: `authorization`, and `dpop` where it is bound by `DPoP`, with the nonce that the resource gave last. The
    /// values are secrets.
    ///
    /// Tokens that are bound to the key of a WIT want a message signature that covers `authorization` besides; those that are bound to a certificate, a connection
    /// with it.
    ///
    /// # Errors
    ///
    /// [`ClientError::OtherResource`]: it is not for that; [`ClientError::Expired`]: it has ended, or was discarded; [`ClientError::Sign`] without a proof.
    pub async fn fields(
        &self,
        method: &str,
        url: &HttpsUrl,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<Vec<(&'static str, Zeroizing<String>)>, ClientError> {
        if !self.is_for(url) {
            return Err(ClientError::OtherResource);
        }
        if !self.is_live(now) {
            return Err(ClientError::Expired);
        }
        let value = [self.scheme().as_str(), " ", self.token().expose()].concat();
        let mut fields = vec![("authorization", Zeroizing::new(value))];
        if let (HeldBinding::Dpop(_), Some(prover)) = (self.0.binding, &self.0.prover) {
            let target: DpopTarget = url.as_str().parse().map_err(|_| ClientError::OtherResource)?;
            let mut proof = prover.proof(method, &target).with_token(self.token());
            if let Some(nonce) = nonce {
                proof = proof.with_nonce(nonce);
            }
            fields.push((DPOP_FIELD, proof.sign(now).await?.into()));
        }
        Ok(fields)
    }

    fn end(&self) -> UnixTime {
        self.0.expires.unwrap_or(self.0.received + UNSAID)
    }
}

/// Shows what it is good for, and its fingerprint.
impl fmt::Debug for HeldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldToken")
            .field("token", &self.0.token)
            .field("issuer", &self.0.issuer)
            .field("resources", &self.0.resources)
            .field("scope", &self.0.scope)
            .field("expires", &self.0.expires)
            .finish_non_exhaustive()
    }
}

/// A token that is no access token: it is taken to one server, to get one with.
#[derive(Clone, Debug)]
pub struct HeldGrant {
    token: SecurityToken,
    kind: TokenTypeUrn,
    issuer: Issuer,
    expires: Option<UnixTime>,
}

impl HeldGrant {
    pub(super) fn new(
        token: SecurityToken,
        kind: TokenTypeUrn,
        issuer: Issuer,
        expires: Option<UnixTime>,
    ) -> Self {
        Self { token, kind, issuer, expires }
    }

    /// The token, for the one server that it is for.
    #[must_use]
    pub fn token(&self) -> &SecurityToken {
        &self.token
    }

    /// What it is, as the server said.
    #[must_use]
    pub fn kind(&self) -> &TokenTypeUrn {
        &self.kind
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// When it ends, as the server said.
    #[must_use]
    pub fn expires(&self) -> Option<UnixTime> {
        self.expires
    }
}

/// A request takes its time.
const MARGIN: Duration = Duration::from_secs(5);
const LONGEST_LEAD: Duration = Duration::from_secs(60);
const UNSAID: Duration = Duration::from_secs(300);

/// By a clock that was set back, no token counts that came later.
pub(super) const CLOCK_STEPS: Duration = Duration::from_secs(60);
