//! Issuing a WIT.

use std::sync::Arc;
use std::time::Duration;

use aims_id::{Origin, WorkloadId};
use aims_jose::json::ObjectWriter;
use aims_jose::{Jwk, NewHeader, UnsignedJws, base64url};
use aims_keys::{PublicKey, SignError, Signer, UnixTime};

use super::{IssueError, VerifiedWit, WIT_TYPE, WitProfile};

/// Issues the WITs of one origin.
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
#[derive(Clone, Debug)]
pub struct WitIssuer {
    origin: Origin,
    signer: Arc<dyn Signer>,
    header: NewHeader,
    issuer: Option<String>,
    lifetime: Duration,
    max_lifetime: Duration,
    profile: WitProfile,
}

impl WitIssuer {
    /// An issuer for `origin` that signs with `signer`, whose key goes by `key_id` in the origin's trust bundle.
    ///
    /// # Errors
    ///
    /// [`IssueError::KeyId`] when `key_id` is empty, longer than 256 bytes, or has control characters.
    pub fn new(origin: Origin, signer: Arc<dyn Signer>, key_id: &str) -> Result<Self, IssueError> {
        let header =
            NewHeader::with_key_id(WIT_TYPE, signer.public_key(), key_id).map_err(|_| IssueError::KeyId)?;
        Ok(Self {
            origin,
            signer,
            header,
            issuer: None,
            lifetime: DEFAULT_LIFETIME,
            max_lifetime: MAX_LIFETIME,
            profile: WitProfile::Wit,
        })
    }

    /// Puts `iss` into every token: the URI of the identity server, for audit.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// How long tokens are valid unless a request says otherwise. Default: 1 h; at most [`with_max_lifetime`]'s.
    ///
    /// [`with_max_lifetime`]: Self::with_max_lifetime
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(self.max_lifetime);
        self
    }

    /// The longest lifetime that a request may ask for. Default and maximum: 24 h.
    #[must_use]
    pub fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime.min(MAX_LIFETIME);
        self.lifetime = self.lifetime.min(self.max_lifetime);
        self
    }

    /// The profile of the tokens.
    ///
    /// # Errors
    ///
    /// [`IssueError::Algorithm`] when the issuer's own key is not one of the profile.
    pub fn with_profile(mut self, profile: WitProfile) -> Result<Self, IssueError> {
        let algorithm = self.header.key().algorithm();
        if !profile.allows(algorithm) {
            return Err(IssueError::Algorithm(algorithm));
        }
        self.profile = profile;
        Ok(self)
    }

    /// Issues a token with the defaults of this issuer.
    ///
    /// The caller has seen a proof that the workload holds `key`; this does not ask for one.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn issue(&self, subject: &WorkloadId, key: &PublicKey, now: UnixTime) -> Result<String, IssueError> {
        self.sign(&WitRequest::new(subject, key), now)
    }

    /// Issues the successor of a token, for a fresh key of the same workload.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn renew(&self, held: &VerifiedWit, key: &PublicKey, now: UnixTime) -> Result<String, IssueError> {
        self.issue(held.subject(), key, now)
    }

    /// Issues what `request` asks for.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn sign(&self, request: &WitRequest<'_>, now: UnixTime) -> Result<String, IssueError> {
        Ok(self.prepare(request, now)?.0.sign(&*self.signer)?)
    }

    /// Writes what `request` asks for, to be signed elsewhere.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn prepare(&self, request: &WitRequest<'_>, now: UnixTime) -> Result<UnsignedWit, IssueError> {
        let WitRequest { subject, key, lifetime, claims } = request;
        if !subject.is_in(&self.origin) {
            return Err(IssueError::ForeignSubject);
        }
        if !subject.has_path() {
            return Err(IssueError::SubjectWithoutPath);
        }
        if !self.profile.allows(key.algorithm()) {
            return Err(IssueError::Algorithm(key.algorithm()));
        }
        if *key == self.header.key() {
            return Err(IssueError::IssuersKey);
        }
        let lifetime = lifetime.unwrap_or(self.lifetime);
        if lifetime.as_secs() == 0 || lifetime > self.max_lifetime {
            return Err(IssueError::Lifetime);
        }

        let mut writer = ObjectWriter::with_capacity(512);
        if let Some(issuer) = &self.issuer {
            writer.str("iss", issuer);
        }
        writer.str("sub", subject.as_str());
        writer.u64("iat", now.as_secs()).u64("exp", (now + lifetime).as_secs());
        writer.str("jti", &self.token_id()?);
        writer.object("cnf", |cnf| {
            cnf.object("jwk", |jwk| Jwk::new((*key).clone()).write(jwk));
        });
        for (name, value) in claims {
            // Registered names are the issuer's to set; a second `sub` would be a second identity (CRD-6).
            if RESERVED.contains(name) {
                return Err(IssueError::Claims);
            }
            writer.str(name, value);
        }
        let claims = writer.finish().map_err(|_| IssueError::Claims)?;
        Ok(UnsignedWit(self.header.unsigned(claims.as_bytes())))
    }

    /// 128 random bits.
    fn token_id(&self) -> Result<String, IssueError> {
        let mut id = [0; 16];
        let backend = self.header.key().backend();
        backend.fill_random(&mut id).map_err(|_| IssueError::Sign(SignError::Backend))?;
        Ok(base64url::encode(id))
    }
}

/// What a token shall say.
#[derive(Clone, Debug)]
pub struct WitRequest<'a> {
    subject: &'a WorkloadId,
    key: &'a PublicKey,
    lifetime: Option<Duration>,
    claims: Vec<(&'a str, &'a str)>,
}

impl<'a> WitRequest<'a> {
    /// A token for `subject`, bound to `key`.
    #[must_use]
    pub fn new(subject: &'a WorkloadId, key: &'a PublicKey) -> Self {
        Self { subject, key, lifetime: None, claims: Vec::new() }
    }

    /// Valid for this long, in whole seconds, in place of the issuer's default.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Adds a claim of the deployment, named so that it collides with nothing (`acme.example/team`).
    #[must_use]
    pub fn claim(mut self, name: &'a str, value: &'a str) -> Self {
        self.claims.push((name, value));
        self
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
}

/// Claims that a request cannot add.
const RESERVED: [&str; 8] = ["aud", "cnf", "exp", "iat", "iss", "jti", "nbf", "sub"];

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
