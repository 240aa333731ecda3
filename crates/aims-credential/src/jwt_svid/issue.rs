//! Issuing a JWT-SVID.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_id::{SpiffeId, TrustDomain};
use aims_jose::{Claims, NewClaims, NewHeader, UnsignedJws};
use aims_keys::{AsyncSigner, PublicKey, Signer, UnixTime};

use super::{JWT_TYPE, JwtSvidIssueError, JwtSvidRequest};
use crate::token::{
    DEFAULT_TOKEN_LEN, JSON_LIMITS, MAX_TOKEN_LEN, SPIFFE_ALGORITHMS, new_token_id, signed_len,
};

/// Issues the JWT-SVIDs of one trust domain.
///
/// Its key is a [`Signer`], with [`with_async_signer`](JwtSvidIssuer::with_async_signer) an [`AsyncSigner`], or, with
/// [`external`](JwtSvidIssuer::external), wherever the caller has it. It is in the bundle of the trust domain among
/// [the keys for JWT-SVIDs](crate::TrustBundle::jwt_keys), and signs nothing else.
pub struct JwtSvidIssuer<S: ?Sized = dyn Signer> {
    signer: Arc<S>,
    settings: Settings,
}

/// What tokens say and may say, whoever signs them.
#[derive(Clone, Debug)]
struct Settings {
    trust_domain: TrustDomain,
    header: NewHeader,
    issuer: Option<String>,
    lifetime: Duration,
    max_lifetime: Duration,
    max_token_len: usize,
}

impl JwtSvidIssuer {
    /// An issuer for `trust_domain` that signs with `signer`, whose key goes by `key_id` in the trust bundle.
    ///
    /// # Errors
    ///
    /// [`JwtSvidIssueError::KeyId`] when `key_id` is empty, longer than 256 bytes, or has control characters;
    /// [`JwtSvidIssueError::Algorithm`] when it is no key for JWT-SVIDs, such as an Ed25519 key.
    pub fn new(
        trust_domain: TrustDomain,
        signer: Arc<dyn Signer>,
        key_id: &str,
    ) -> Result<Self, JwtSvidIssueError> {
        let settings = Settings::new(trust_domain, signer.public_key(), key_id)?;
        Ok(Self { signer, settings })
    }

    /// Issues a token about `subject` for `audience`, with the defaults of this issuer.
    ///
    /// # Errors
    ///
    /// [`JwtSvidIssueError`] names the first check that failed.
    pub fn issue(
        &self,
        subject: &SpiffeId,
        audience: &str,
        now: UnixTime,
    ) -> Result<String, JwtSvidIssueError> {
        self.sign(&JwtSvidRequest::new(subject, audience), now)
    }

    /// Issues what `request` asks for.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn sign(&self, request: &JwtSvidRequest<'_>, now: UnixTime) -> Result<String, JwtSvidIssueError> {
        self.prepare(request, now)?.sign(&*self.signer)
    }
}

impl JwtSvidIssuer<dyn AsyncSigner> {
    /// As [`new`](JwtSvidIssuer::new), for a key in a device behind a queue, or in a key service.
    ///
    /// # Errors
    ///
    /// As [`new`](JwtSvidIssuer::new).
    pub fn with_async_signer(
        trust_domain: TrustDomain,
        signer: Arc<dyn AsyncSigner>,
        key_id: &str,
    ) -> Result<Self, JwtSvidIssueError> {
        let settings = Settings::new(trust_domain, signer.public_key(), key_id)?;
        Ok(Self { signer, settings })
    }

    /// As [`sign`](JwtSvidIssuer::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`issue`](JwtSvidIssuer::issue).
    pub async fn sign_async(
        &self,
        request: &JwtSvidRequest<'_>,
        now: UnixTime,
    ) -> Result<String, JwtSvidIssueError> {
        self.prepare(request, now)?.sign_async(&*self.signer).await
    }
}

impl JwtSvidIssuer<PublicKey> {
    /// An issuer that only [prepares](Self::prepare) tokens: the owner of `key` signs them elsewhere.
    ///
    /// # Errors
    ///
    /// As [`new`](JwtSvidIssuer::new).
    pub fn external(
        trust_domain: TrustDomain,
        key: PublicKey,
        key_id: &str,
    ) -> Result<Self, JwtSvidIssueError> {
        let settings = Settings::new(trust_domain, &key, key_id)?;
        Ok(Self { signer: Arc::new(key), settings })
    }
}

impl<S: ?Sized> JwtSvidIssuer<S> {
    /// Puts `iss` into every token, for verifiers that look up keys by it.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.settings.issuer = Some(issuer.into());
        self
    }

    /// How long tokens are valid unless a request says otherwise. Default: 5 min; at most [`with_max_lifetime`]'s.
    ///
    /// [`with_max_lifetime`]: Self::with_max_lifetime
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = lifetime.min(self.settings.max_lifetime);
        self
    }

    /// The longest lifetime that a request may ask for. Default: 1 h; at most 24 h. Nothing but its expiry stops a token that
    /// was stolen.
    #[must_use]
    pub fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        let settings = &mut self.settings;
        settings.max_lifetime = lifetime.min(MAX_LIFETIME);
        settings.lifetime = settings.lifetime.min(settings.max_lifetime);
        self
    }

    /// The longest token, in bytes. Default: 8192, as verifiers have it; at most 16384.
    #[must_use]
    pub fn with_max_token_len(mut self, bytes: usize) -> Self {
        self.settings.max_token_len = bytes.min(MAX_TOKEN_LEN);
        self
    }

    /// Writes what `request` asks for, to be signed by whoever has the issuer's key.
    ///
    /// # Errors
    ///
    /// As [`issue`](JwtSvidIssuer::issue).
    pub fn prepare(
        &self,
        request: &JwtSvidRequest<'_>,
        now: UnixTime,
    ) -> Result<UnsignedJwtSvid, JwtSvidIssueError> {
        self.settings.prepare(request, now)
    }
}

impl<S: ?Sized> Clone for JwtSvidIssuer<S> {
    fn clone(&self) -> Self {
        Self { signer: Arc::clone(&self.signer), settings: self.settings.clone() }
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for JwtSvidIssuer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSvidIssuer")
            .field("signer", &self.signer)
            .field("settings", &self.settings)
            .finish()
    }
}

impl Settings {
    fn new(trust_domain: TrustDomain, key: &PublicKey, key_id: &str) -> Result<Self, JwtSvidIssueError> {
        if !SPIFFE_ALGORITHMS.contains(key.algorithm()) {
            return Err(JwtSvidIssueError::Algorithm(key.algorithm()));
        }
        let header = NewHeader::with_key_id(JWT_TYPE, key, key_id).map_err(|_| JwtSvidIssueError::KeyId)?;
        Ok(Self {
            trust_domain,
            header,
            issuer: None,
            lifetime: DEFAULT_LIFETIME,
            max_lifetime: DEFAULT_MAX_LIFETIME,
            max_token_len: DEFAULT_TOKEN_LEN,
        })
    }

    fn prepare(
        &self,
        request: &JwtSvidRequest<'_>,
        now: UnixTime,
    ) -> Result<UnsignedJwtSvid, JwtSvidIssueError> {
        let subject = request.subject;
        if subject.trust_domain() != self.trust_domain.as_str() {
            return Err(JwtSvidIssueError::ForeignSubject);
        }
        if !subject.has_path() {
            return Err(JwtSvidIssueError::SubjectWithoutPath);
        }
        let lifetime = request.lifetime.unwrap_or(self.lifetime);
        if lifetime.as_secs() == 0 || lifetime > self.max_lifetime {
            return Err(JwtSvidIssueError::Lifetime);
        }

        let token_id = new_token_id(self.header.key().backend())?;
        let mut claims = NewClaims::new();
        if let Some(issuer) = &self.issuer {
            claims.issuer(issuer);
        }
        for audience in &request.audiences {
            claims.audience(audience);
        }
        claims.subject(subject.as_str()).issued_at(now).expires(now + lifetime).token_id(&token_id);
        let claims = claims.finish()?;

        let token = self.header.unsigned(&claims);
        if signed_len(&token, self.header.key()) > self.max_token_len {
            return Err(JwtSvidIssueError::TooLong);
        }
        // What no verifier reads is not signed: there may be too many audiences.
        Claims::read(claims.into_bytes(), &JSON_LIMITS)?;
        Ok(UnsignedJwtSvid(token))
    }
}

/// A JWT-SVID that lacks its issuer's signature.
#[derive(Debug)]
pub struct UnsignedJwtSvid(UnsignedJws);

impl UnsignedJwtSvid {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.signing_input()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`JwtSvidIssueError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<String, JwtSvidIssueError> {
        self.0.attach(signature).map_err(|_| JwtSvidIssueError::Signature)
    }

    /// Signs and completes the token with the issuer's key.
    ///
    /// # Errors
    ///
    /// [`JwtSvidIssueError::Sign`], also when `signer` has another key.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<String, JwtSvidIssueError> {
        Ok(self.0.sign(signer)?)
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(self, signer: &S) -> Result<String, JwtSvidIssueError> {
        Ok(self.0.sign_async(signer).await?)
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);

const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
