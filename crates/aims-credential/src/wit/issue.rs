//! Issuing a WIT.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_id::{Origin, WorkloadId};
use aims_jose::json::{self, ObjectWriter};
use aims_jose::jwt::claim;
use aims_jose::{ClaimsError, Jwk, NewHeader, UnsignedJws};
use aims_keys::{AlgorithmSet, AsyncSigner, PublicKey, Signer, UnixTime};

use super::{IssueError, MAX_LIFETIME, VerifiedWit, WIT_TYPE, WitProfile, WitRequest};
use crate::token::{DEFAULT_TOKEN_LEN, JSON_LIMITS, MAX_TOKEN_LEN, new_token_id, signed_len};

/// Issues the WITs of one origin.
///
/// Its key is a [`Signer`], with [`with_async_signer`](WitIssuer::with_async_signer) an [`AsyncSigner`], or, with
/// [`external`](WitIssuer::external), wherever the caller has it.
///
/// ```
/// use std::sync::Arc;
/// use aims_credential::WitIssuer;
/// use aims_keys::{Algorithm, Signer, SoftwareKey, UnixTime, backend};
///
/// let issuer_key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let issuer = WitIssuer::new("spiffe://acme.example".parse().unwrap(), issuer_key, "2026-11").unwrap();
///
/// // The workload made its key itself and proved that it holds it.
/// let workload = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
/// let subject = "spiffe://acme.example/agents/travel".parse().unwrap();
/// let now = UnixTime::from_secs(1_790_000_000);
/// let token = issuer.issue(&subject, workload.public_key(), now).unwrap();
/// assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), aims_keys::KeyError>(())
/// ```
pub struct WitIssuer<S: ?Sized = dyn Signer> {
    signer: Arc<S>,
    settings: Settings,
}

/// What tokens say and may say, whoever signs them.
#[derive(Clone, Debug)]
struct Settings {
    origin: Origin,
    header: NewHeader,
    algorithms: AlgorithmSet,
    issuer: Option<String>,
    lifetime: Duration,
    max_lifetime: Duration,
    max_token_len: usize,
    profile: WitProfile,
}

impl WitIssuer {
    /// An issuer for `origin` that signs with `signer`, whose key goes by `key_id` in the origin's trust bundle.
    ///
    /// # Errors
    ///
    /// [`IssueError::KeyId`] when `key_id` is empty, longer than 256 bytes, or has control characters.
    pub fn new(origin: Origin, signer: Arc<dyn Signer>, key_id: &str) -> Result<Self, IssueError> {
        let settings = Settings::new(origin, signer.public_key(), key_id)?;
        Ok(Self { signer, settings })
    }

    /// Issues a token with the defaults of this issuer.
    ///
    /// The caller has seen a proof that the workload holds `key`; this does not ask for one.
    ///
    /// # Errors
    ///
    /// [`IssueError`] names the first check that failed.
    pub fn issue(&self, subject: &WorkloadId, key: &PublicKey, now: UnixTime) -> Result<String, IssueError> {
        self.sign(&WitRequest::new(subject, key), now)
    }

    /// Issues the successor of a token, for a fresh key of the same workload: the identifier is taken from the token, so it
    /// stays what it was (AIMS-4).
    ///
    /// Whether `held` was cut off meanwhile is for the caller to ask: [`VerifiedWit::still_valid`].
    ///
    /// # Errors
    ///
    /// [`IssueError::Expired`] when there is nothing left to renew, and as [`issue`](Self::issue).
    pub fn renew(&self, held: &VerifiedWit, key: &PublicKey, now: UnixTime) -> Result<String, IssueError> {
        self.sign(&renewal(held, key, now)?, now)
    }

    /// Issues what `request` asks for.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn sign(&self, request: &WitRequest<'_>, now: UnixTime) -> Result<String, IssueError> {
        self.prepare(request, now)?.sign(&*self.signer)
    }
}

impl WitIssuer<dyn AsyncSigner> {
    /// As [`new`](WitIssuer::new), for a key in a device behind a queue, or in a key service.
    ///
    /// # Errors
    ///
    /// As [`new`](WitIssuer::new).
    pub fn with_async_signer(
        origin: Origin,
        signer: Arc<dyn AsyncSigner>,
        key_id: &str,
    ) -> Result<Self, IssueError> {
        let settings = Settings::new(origin, signer.public_key(), key_id)?;
        Ok(Self { signer, settings })
    }

    /// As [`issue`](WitIssuer::issue), without blocking.
    ///
    /// # Errors
    ///
    /// As [`issue`](WitIssuer::issue).
    pub async fn issue_async(
        &self,
        subject: &WorkloadId,
        key: &PublicKey,
        now: UnixTime,
    ) -> Result<String, IssueError> {
        self.sign_async(&WitRequest::new(subject, key), now).await
    }

    /// As [`renew`](WitIssuer::renew), without blocking.
    ///
    /// # Errors
    ///
    /// As [`renew`](WitIssuer::renew).
    pub async fn renew_async(
        &self,
        held: &VerifiedWit,
        key: &PublicKey,
        now: UnixTime,
    ) -> Result<String, IssueError> {
        self.sign_async(&renewal(held, key, now)?, now).await
    }

    /// As [`sign`](WitIssuer::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`issue`](WitIssuer::issue).
    pub async fn sign_async(&self, request: &WitRequest<'_>, now: UnixTime) -> Result<String, IssueError> {
        self.prepare(request, now)?.sign_async(&*self.signer).await
    }
}

impl WitIssuer<PublicKey> {
    /// An issuer that only [prepares](Self::prepare) tokens: the owner of `key` signs them elsewhere.
    ///
    /// # Errors
    ///
    /// As [`new`](WitIssuer::new).
    pub fn external(origin: Origin, key: PublicKey, key_id: &str) -> Result<Self, IssueError> {
        let settings = Settings::new(origin, &key, key_id)?;
        Ok(Self { signer: Arc::new(key), settings })
    }
}

impl<S: ?Sized> WitIssuer<S> {
    /// The algorithms that keys of workloads may have. Default: [`AlgorithmSet::STANDARD`], as verifiers have it.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.settings.algorithms = algorithms;
        self
    }

    /// Puts `iss` into every token: the URI of the identity server, for audit.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.settings.issuer = Some(issuer.into());
        self
    }

    /// How long tokens are valid unless a request says otherwise. Default: 1 h; at most [`with_max_lifetime`]'s.
    ///
    /// [`with_max_lifetime`]: Self::with_max_lifetime
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = lifetime.min(self.settings.max_lifetime);
        self
    }

    /// The longest lifetime that a request may ask for. Default and maximum: 24 h.
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

    /// The profile of the tokens.
    ///
    /// # Errors
    ///
    /// [`IssueError::ProfileScheme`] or [`IssueError::IssuerAlgorithm`] when the issuer itself does not fit the profile.
    pub fn with_profile(mut self, profile: WitProfile) -> Result<Self, IssueError> {
        if !profile.allows_scheme(self.settings.origin.scheme()) {
            return Err(IssueError::ProfileScheme);
        }
        let algorithm = self.settings.header.key().algorithm();
        if !profile.allows_algorithm(algorithm) {
            return Err(IssueError::IssuerAlgorithm(algorithm));
        }
        self.settings.profile = profile;
        Ok(self)
    }

    /// Writes what `request` asks for, to be signed by whoever has the issuer's key.
    ///
    /// # Errors
    ///
    /// As [`issue`](WitIssuer::issue).
    pub fn prepare(&self, request: &WitRequest<'_>, now: UnixTime) -> Result<UnsignedWit, IssueError> {
        self.settings.prepare(request, now)
    }
}

impl<S: ?Sized> Clone for WitIssuer<S> {
    fn clone(&self) -> Self {
        Self { signer: Arc::clone(&self.signer), settings: self.settings.clone() }
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for WitIssuer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitIssuer").field("signer", &self.signer).field("settings", &self.settings).finish()
    }
}

impl Settings {
    fn new(origin: Origin, key: &PublicKey, key_id: &str) -> Result<Self, IssueError> {
        let header = NewHeader::with_key_id(WIT_TYPE, key, key_id).map_err(|_| IssueError::KeyId)?;
        Ok(Self {
            origin,
            header,
            algorithms: AlgorithmSet::STANDARD,
            issuer: None,
            lifetime: DEFAULT_LIFETIME,
            max_lifetime: MAX_LIFETIME,
            max_token_len: DEFAULT_TOKEN_LEN,
            profile: WitProfile::Wit,
        })
    }

    fn prepare(&self, request: &WitRequest<'_>, now: UnixTime) -> Result<UnsignedWit, IssueError> {
        let (subject, key) = (request.subject, request.key);
        if !subject.is_in(&self.origin) {
            return Err(IssueError::ForeignSubject);
        }
        if !subject.has_path() {
            return Err(IssueError::SubjectWithoutPath);
        }
        self.check_key(key)?;
        let own = self.header.key().algorithm();
        if !self.algorithms.contains(own) {
            return Err(IssueError::UnlistedIssuerAlgorithm(own));
        }
        let lifetime = request.lifetime.unwrap_or(self.lifetime);
        if lifetime.as_secs() == 0 || lifetime > self.max_lifetime {
            return Err(IssueError::Lifetime);
        }

        let mut writer = ObjectWriter::with_capacity(512);
        if let Some(issuer) = &self.issuer {
            writer.str("iss", issuer);
        }
        writer.str("sub", subject.as_str());
        writer.u64("iat", now.as_secs()).u64("exp", (now + lifetime).as_secs());
        writer.str("jti", &new_token_id(self.header.key().backend())?);
        writer.object("cnf", |cnf| {
            cnf.object("jwk", |jwk| Jwk::new(key.clone()).write(jwk));
        });
        request.write_claims(&mut writer)?;
        let claims = writer.finish()?;

        let token = self.header.unsigned(claims.as_bytes());
        if signed_len(&token, self.header.key()) > self.max_token_len {
            return Err(IssueError::TooLong);
        }
        // What no verifier reads is not signed: claims of the request may nest too deeply, or be too many.
        json::read_object(claims.as_bytes(), &JSON_LIMITS, |name, value| match &*name.as_str() {
            "exp" => claim::date("exp", value).map(drop),
            // A claim of the request that is no single value could bring others in.
            "aud" => Err(ClaimsError::Registered("aud")),
            "nbf" => Err(ClaimsError::Registered("nbf")),
            _ => Ok(()),
        })?;
        Ok(UnsignedWit(token))
    }

    fn check_key(&self, key: &PublicKey) -> Result<(), IssueError> {
        let algorithm = key.algorithm();
        if !self.profile.allows_algorithm(algorithm) {
            return Err(IssueError::ProfileAlgorithm(algorithm));
        }
        if !self.algorithms.contains(algorithm) {
            return Err(IssueError::Algorithm(algorithm));
        }
        // The numbers alone: the same key under another algorithm is the same key.
        if key.numbers() == self.header.key().numbers() {
            return Err(IssueError::IssuersKey);
        }
        Ok(())
    }
}

/// A WIT that lacks its issuer's signature.
#[derive(Debug)]
pub struct UnsignedWit(UnsignedJws);

impl UnsignedWit {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.signing_input()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`IssueError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<String, IssueError> {
        self.0.attach(signature).map_err(|_| IssueError::Signature)
    }

    /// Signs and completes the token with the issuer's key.
    ///
    /// # Errors
    ///
    /// [`IssueError::Sign`], also when `signer` has another key.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<String, IssueError> {
        Ok(self.0.sign(signer)?)
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(self, signer: &S) -> Result<String, IssueError> {
        Ok(self.0.sign_async(signer).await?)
    }
}

fn renewal<'a>(
    held: &'a VerifiedWit,
    key: &'a PublicKey,
    now: UnixTime,
) -> Result<WitRequest<'a>, IssueError> {
    if now >= held.not_after() {
        return Err(IssueError::Expired);
    }
    Ok(WitRequest::new(held.subject(), key))
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);
