//! Verifying a proof (RFC 9449 §4.3).

use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{ClaimsError, JwsError, Limits, Thumbprint, UnverifiedJws, base64url, json};
use aims_keys::{AlgorithmSet, Backend, PublicKey, UnixTime};
use subtle::ConstantTimeEq;

use super::{DPOP_TYPE, DpopError, DpopNonces, DpopTarget};
use crate::{AccessToken, Fingerprint};

/// A request, as far as a proof is about it.
#[derive(Clone, Copy, Debug)]
pub struct DpopRequest<'a> {
    method: &'a str,
    target: &'a DpopTarget,
    token: Option<&'a AccessToken>,
    key: Option<&'a Thumbprint>,
}

impl<'a> DpopRequest<'a> {
    /// A request by this method for this URI: as clients call it, by configuration and never by what a proxy says (DPO-4).
    #[must_use]
    pub fn new(method: &'a str, target: &'a DpopTarget) -> Self {
        Self { method, target, token: None, key: None }
    }

    /// With this access token, which the proof is then about (DPO-6).
    #[must_use]
    pub fn with_token(mut self, token: &'a AccessToken) -> Self {
        self.token = Some(token);
        self
    }

    /// By the key that the token is bound to, and by no other.
    #[must_use]
    pub fn with_key(mut self, key: &'a Thumbprint) -> Self {
        self.key = Some(key);
        self
    }
}

/// Verifies `DPoP` proofs, at a resource server or an authorization server.
#[derive(Clone, Debug)]
pub struct DpopVerifier {
    replay: Arc<dyn ReplayStore>,
    nonces: Option<Arc<dyn DpopNonces>>,
    algorithms: AlgorithmSet,
    backend: Backend,
    past: Duration,
    ahead: Duration,
}

impl DpopVerifier {
    /// Starts from what has no safe default: what remembers proofs, and the backend that keys are loaded with.
    pub fn builder(replay: impl ReplayStore + 'static, backend: Backend) -> DpopVerifierBuilder {
        DpopVerifierBuilder(Self {
            replay: Arc::new(replay),
            nonces: None,
            algorithms: AlgorithmSet::STANDARD,
            backend,
            past: PAST,
            ahead: AHEAD,
        })
    }

    /// Checks the lines of the field `DPoP` of a request at time `now`. A proof counts once.
    ///
    /// # Errors
    ///
    /// [`DpopError`] names the first check that failed.
    pub fn verify(
        &self,
        lines: impl IntoIterator<Item = impl AsRef<[u8]>>,
        request: &DpopRequest<'_>,
        now: UnixTime,
    ) -> Result<VerifiedDpopProof, DpopError> {
        let mut lines = lines.into_iter();
        let (first, second) = (lines.next(), lines.next());
        let proof = first.as_ref().ok_or(DpopError::Missing)?;
        if second.is_some() {
            return Err(DpopError::Several);
        }
        let proof = str::from_utf8(proof.as_ref()).map_err(|_| DpopError::MalformedToken(JwsError::Form))?;
        let (claims, key) = self.open(proof)?;
        let thumbprint = Thumbprint::of(&key);
        // Before it takes room in the memory: whoever has a token could fill that with keys made for it.
        if request.key.is_some_and(|wanted| !bool::from(wanted.as_bytes().ct_eq(thumbprint.as_bytes()))) {
            return Err(DpopError::OtherKey);
        }
        self.check(&claims, request, now)?;

        // Nobody accepts it after this.
        let until = claims.issued_at + self.past + Duration::from_secs(1);
        let id = format!("{} {}", claims.id(), request.target);
        self.replay.remember(&thumbprint, &id, until, now).map_err(DpopError::Replay)?;
        let token = request.token.map(AccessToken::fingerprint);
        let nonce = claims.object.get("nonce").and_then(|nonce| nonce.as_str()).map(Into::into);
        Ok(VerifiedDpopProof { key, thumbprint, token, issued_at: claims.issued_at, nonce })
    }

    /// The nonce that a response says is to be used from now on, if this server wants nonces at all (DPO-8).
    #[must_use]
    pub fn nonce(&self, now: UnixTime) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.current(now))
    }

    /// The same of a response to a request that was taken: `None`, too, where the nonce of its proof is good for a while yet (RFC 9449 §8.2).
    #[must_use]
    pub fn next_nonce(&self, proof: &VerifiedDpopProof, now: UnixTime) -> Option<String> {
        self.nonces.as_ref()?.next(proof.nonce()?, now)
    }

    /// The algorithms that proofs may have, for metadata and challenges.
    #[must_use]
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    fn open(&self, proof: &str) -> Result<(DpopClaims, PublicKey), DpopError> {
        let jws = UnverifiedJws::parse(proof, &LIMITS)?;
        let header = jws.header();
        header.require_media_type(DPOP_TYPE)?;
        if header.is_nested() {
            return Err(JwsError::Nested.into());
        }
        if !self.algorithms.contains(header.algorithm()) {
            return Err(DpopError::Algorithm);
        }
        let jwk = jws.embedded_key(self.backend).map_err(DpopError::Key)?.ok_or(DpopError::NoKey)?;
        let (_, payload) = jws.verify(jwk.public_key(), self.algorithms)?.into_parts();
        Ok((DpopClaims::read(payload)?, jwk.public_key().clone()))
    }

    fn check(&self, claims: &DpopClaims, request: &DpopRequest<'_>, now: UnixTime) -> Result<(), DpopError> {
        if !claims.is("htm", request.method) {
            return Err(DpopError::MethodMismatch);
        }
        let target = claims.text("htu");
        // Mostly it is spelt as here. What is not is read, for what it may be instead.
        if target != request.target.as_str() {
            let target: DpopTarget = target.parse().map_err(DpopError::Target)?;
            if target != *request.target {
                return Err(DpopError::TargetMismatch);
            }
        }
        if let Some(nonces) = &self.nonces {
            let nonce = claims.object.get("nonce").and_then(|nonce| nonce.as_str());
            if !nonce.is_some_and(|nonce| nonces.accepts(&nonce, now)) {
                return Err(DpopError::NonceWanted);
            }
        }
        if now + self.ahead < claims.issued_at {
            return Err(DpopError::NotYetValid);
        }
        if claims.issued_at + self.past < now {
            return Err(DpopError::TooOld);
        }
        // Without a token, what a proof says of one means nothing here.
        let Some(token) = request.token else { return Ok(()) };
        let hash = base64url::encode(token.digest(self.backend));
        let is_same = claims.has_token && bool::from(claims.text("ath").as_bytes().ct_eq(hash.as_bytes()));
        if is_same { Ok(()) } else { Err(DpopError::TokenMismatch) }
    }
}

/// The claims of a proof, their types checked.
struct DpopClaims {
    object: Object,
    issued_at: UnixTime,
    has_token: bool,
}

impl DpopClaims {
    fn read(payload: Vec<u8>) -> Result<Self, DpopError> {
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload.into());
        }
        let (mut id, mut method, mut target, mut issued_at, mut has_token) =
            (false, false, false, None, false);
        let object = Object::read(payload, &json::Limits::new(), |name, value| {
            match &*name.as_str() {
                "jti" => id = claim::token_id(value).map(|_| true)?,
                "htm" => method = claim::text("htm", value).map(|_| true)?,
                "htu" => target = claim::text("htu", value).map(|_| true)?,
                "iat" => issued_at = Some(claim::date("iat", value)?),
                "ath" => has_token = claim::text("ath", value).map(|_| true)?,
                "nonce" => drop(claim::text("nonce", value)?),
                _ => {}
            }
            Ok::<_, ClaimsError>(())
        })?;
        for (is_there, name) in [(id, "jti"), (method, "htm"), (target, "htu")] {
            if !is_there {
                return Err(ClaimsError::Missing(name).into());
            }
        }
        let issued_at = issued_at.ok_or(ClaimsError::Missing("iat"))?;
        Ok(Self { object, issued_at, has_token })
    }

    fn id(&self) -> std::borrow::Cow<'_, str> {
        self.text("jti")
    }

    fn is(&self, name: &str, text: &str) -> bool {
        self.object.get(name).is_some_and(|value| value.is_str(text))
    }

    fn text(&self, name: &str) -> std::borrow::Cow<'_, str> {
        self.object.get(name).and_then(|value| value.as_str()).unwrap_or_default()
    }
}

/// Options of a [`DpopVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DpopVerifierBuilder(DpopVerifier);

impl DpopVerifierBuilder {
    /// Wants a nonce of this server in every proof. Default: none, and one that is there means nothing (DPO-5).
    pub fn require_nonces(mut self, nonces: impl DpopNonces + 'static) -> Self {
        self.0.nonces = Some(Arc::new(nonces));
        self
    }

    /// The algorithms accepted. Default: [`AlgorithmSet::STANDARD`].
    pub fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.0.algorithms = algorithms;
        self
    }

    /// How long ago a proof may have been made. Default: 60 s; at most 5 min.
    pub fn window(mut self, past: Duration) -> Self {
        self.0.past = past.min(MAX_PAST);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> DpopVerifier {
        self.0
    }
}

/// A proof that a request was sent by whoever holds a key; whose key it is, the token says that it is bound to.
#[derive(Clone, Debug)]
pub struct VerifiedDpopProof {
    key: PublicKey,
    thumbprint: Thumbprint,
    token: Option<Fingerprint>,
    issued_at: UnixTime,
    nonce: Option<Box<str>>,
}

impl VerifiedDpopProof {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Its thumbprint: what `cnf.jkt` of a token has to be.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Whether it is about this token.
    #[must_use]
    pub fn is_about(&self, token: Fingerprint) -> bool {
        self.token == Some(token)
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// `nonce`: one of this server where it wants one; anything, where it does not. The challenge of an attested client stands here, too (ABC-3).
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }
}

const PAST: Duration = Duration::from_secs(60);

const MAX_PAST: Duration = Duration::from_secs(300);

const AHEAD: Duration = Duration::from_secs(5);

/// With an RSA key, a proof has about 2 KiB.
const LIMITS: Limits = Limits::new().token(8 * 1024);
