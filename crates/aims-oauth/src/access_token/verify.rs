//! Verifying an access token (ACT-4).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aims_credential::Marks;
use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{Claims, ClaimsError, HeaderMemo, JwsError, Limits, UnverifiedJws, json};
use aims_keys::{Backend, UnixTime};

use super::claims::AccessTokenClaims;
use super::issuers::Issuers;
use super::verified::{Facts, MAX_ANSWER_AGE, Source};
use super::{ACCESS_TOKEN_TYPE, AccessTokenError, INTROSPECTION_TYPE, VerifiedAccessToken};
use crate::{AccessToken, Issuer, IssuerKeysError, Resource, TrustedIssuer};

/// Verifies the JWT access tokens (RFC 9068) that are for one resource server.
///
/// What comes out is **not** a caller: a token can be stolen. It becomes an authorization together with what it is bound to.
///
/// ```
/// use aims_jose::JwkSet;
/// use aims_keys::{UnixTime, backend};
/// use aims_oauth::{AccessTokenVerifier, ErrorCode, TrustedIssuer};
///
/// # let published = r#"{"keys":[]}"#;
/// let keys = JwkSet::parse(published, backend::ring())?;
/// let issuer = TrustedIssuer::new("https://as.example".parse()?, keys);
/// let verifier = AccessTokenVerifier::builder("https://tools.example".parse()?, issuer, backend::ring()).build();
///
/// let refused = verifier.verify(&"not-a-jwt".parse()?, UnixTime::from_secs(1_790_000_000)).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("malformed", "JO-B64-01"));
/// assert_eq!(refused.error_code(), ErrorCode::InvalidToken);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AccessTokenVerifier {
    resource: Resource,
    /// All its names, the first included.
    resources: Vec<Resource>,
    /// As which client it asks its issuers about tokens.
    clients: Vec<(Issuer, Box<str>)>,
    issuers: Issuers,
    marks: Option<Arc<dyn Marks>>,
    backend: Backend,
    leeway: Duration,
    headers: HeaderMemo,
}

impl AccessTokenVerifier {
    /// Starts from what has no safe default: who this resource server is, whose tokens it believes, and the backend that hashes.
    pub fn builder(
        resource: Resource,
        issuer: TrustedIssuer,
        backend: Backend,
    ) -> AccessTokenVerifierBuilder {
        let mut issuers = Issuers::default();
        issuers.add(issuer);
        AccessTokenVerifierBuilder(Self {
            resources: vec![resource.clone()],
            resource,
            clients: Vec::new(),
            issuers,
            marks: None,
            backend,
            leeway: DEFAULT_LEEWAY,
            headers: HeaderMemo::new(Limits::new()),
        })
    }

    /// Who this resource server is; its other names are [`resources`](Self::resources), too.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// All its names.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// Whose tokens are believed.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter()
    }

    /// Has the keys fetched that a token needs, of an issuer that is [followed](TrustedIssuer::following): call it before [`verify`](Self::verify). Of any other
    /// token, and of what is none, it does nothing.
    ///
    /// # Errors
    ///
    /// [`IssuerKeysError`]: nobody knows the keys of the issuer now, so that the token may be good.
    pub async fn prepare(&self, token: &AccessToken, now: UnixTime) -> Result<(), IssuerKeysError> {
        if !self.issuers.are_followed() {
            return Ok(());
        }
        let Ok(jws) = UnverifiedJws::parse_with(token.expose(), &self.headers) else { return Ok(()) };
        let key_id = jws.header().key_id().map(ToOwned::to_owned);
        let (payload, _) = jws.peek().into_untrusted_payload();
        let Ok(claims) = AccessTokenClaims::read(payload, &json::Limits::new()) else { return Ok(()) };
        match self.issuers.find(&claims.issuer().unwrap_or_default()) {
            Some(issuer) => issuer.prepare(key_id.as_deref(), now).await,
            None => Ok(()),
        }
    }

    /// The same of an answer that is signed: call it before [`introspected_jwt`](Self::introspected_jwt).
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare).
    pub async fn prepare_answer(
        &self,
        issuer: &Issuer,
        answer: &str,
        now: UnixTime,
    ) -> Result<(), IssuerKeysError> {
        let Some(issuer) = self.issuers.find(issuer.as_str()) else { return Ok(()) };
        let Ok(jws) = UnverifiedJws::parse(answer, &Limits::new().token(MAX_ANSWER)) else { return Ok(()) };
        issuer.prepare(jws.header().key_id(), now).await
    }

    /// Whether a token says itself what it is worth; otherwise its issuer does.
    #[must_use]
    pub fn is_jwt(&self, token: &AccessToken) -> bool {
        UnverifiedJws::parse_with(token.expose(), &self.headers).is_ok()
    }

    /// What a token goes by where it must not be kept.
    pub(crate) fn hash(&self, token: &AccessToken) -> [u8; 32] {
        *token.digest(self.backend)
    }

    /// Checks a token at time `now`.
    ///
    /// # Errors
    ///
    /// [`AccessTokenError`] names the first check that failed, in the order of ACT-4.
    pub fn verify(
        &self,
        token: &AccessToken,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let jws = UnverifiedJws::parse_with(token.expose(), &self.headers)?;
        jws.header().require_media_type(ACCESS_TOKEN_TYPE)?;
        if jws.header().is_nested() {
            return Err(JwsError::Nested.into());
        }

        // Only the issuer is used before the signature is checked, and only to choose the key.
        let (payload, jws) = jws.peek().into_untrusted_payload();
        let claims = AccessTokenClaims::read(payload, &json::Limits::new())?;
        let issuer = self.issuers.find(&claims.issuer().unwrap_or_default());
        let issuer = issuer.ok_or(AccessTokenError::IssuerMismatch)?;
        let key = issuer.key_for::<AccessTokenError>(jws.header(), now)?;
        let header = jws.verify(&key, issuer.algorithms())?;
        self.judge(token, claims, issuer, Source::Signed(header, key), now)
    }

    /// Reads what an authorization server answers when it is asked about a token (RFC 7662). It means the same as if the token said it, and is held to the same
    /// rules; `jti` and `iat` may be missing (INT-2). The server was asked over TLS, as itself, and by this resource server as itself.
    ///
    /// # Errors
    ///
    /// [`AccessTokenError::Inactive`], and as [`verify`](Self::verify).
    pub fn introspected(
        &self,
        token: &AccessToken,
        issuer: &Issuer,
        body: &[u8],
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let issuer = self.issuers.find(issuer.as_str()).ok_or(AccessTokenError::IssuerMismatch)?;
        self.judge_introspected(token, body, issuer, now)
    }

    /// The same of an answer that is signed (RFC 9701): a JWT of its own type, for this resource server.
    ///
    /// # Errors
    ///
    /// As [`introspected`](Self::introspected).
    pub fn introspected_jwt(
        &self,
        token: &AccessToken,
        issuer: &Issuer,
        answer: &str,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let issuer = self.issuers.find(issuer.as_str()).ok_or(AccessTokenError::IssuerMismatch)?;
        let jws = UnverifiedJws::parse(answer, &Limits::new().token(MAX_ANSWER))?;
        jws.header().require_media_type(INTROSPECTION_TYPE)?;
        let key = issuer.key_for::<AccessTokenError>(jws.header(), now)?;
        let (_, payload) = jws.verify(&key, issuer.algorithms())?.into_parts();
        let claims = Claims::read(payload, &json::Limits::new())?;
        claims.check_times(now, self.leeway)?;
        if claims.issued_at().is_none() {
            return Err(ClaimsError::Missing("iat").into());
        }
        if claims.issuer().as_deref() != Some(issuer.issuer().as_str()) {
            return Err(AccessTokenError::IssuerMismatch);
        }
        let audience = claims.audience().ok_or(ClaimsError::Missing("aud"))?;
        let clients =
            self.clients.iter().filter(|(at, _)| at == issuer.issuer()).map(|(_, client)| &**client);
        let own: Vec<_> = self.resources.iter().map(Resource::as_str).chain(clients).collect();
        if !claim::audience_is_one_of(audience, &own)? {
            return Err(AccessTokenError::AudienceMismatch);
        }
        // INT-3: so that it is no token by itself.
        if claims.subject().is_some() || claims.expires().is_some() {
            return Err(AccessTokenError::WrongType);
        }
        if claims.get("events").is_some() {
            return Err(AccessTokenError::Events);
        }
        let said = claims.get("token_introspection").ok_or(ClaimsError::Missing("token_introspection"))?;
        self.judge_introspected(token, said.raw().as_bytes(), issuer, now)
    }

    fn judge_introspected(
        &self,
        token: &AccessToken,
        said: &[u8],
        issuer: &TrustedIssuer,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let claims = match AccessTokenClaims::read_any(said.to_vec(), &json::Limits::new()) {
            Ok(claims) => claims,
            // INT-1: of what does not count nothing else is missed.
            Err(error) => return Err(check_active(said).err().unwrap_or(error.into())),
        };
        is_active(claims.active)?;
        if claims.issuer().is_some_and(|said| *said != *issuer.issuer().as_str()) {
            return Err(AccessTokenError::IssuerMismatch);
        }
        self.judge(token, claims, issuer, Source::Introspected(now), now)
    }

    /// What does not depend on how it is known what a token says.
    fn judge(
        &self,
        token: &AccessToken,
        claims: AccessTokenClaims,
        issuer: &TrustedIssuer,
        source: Source,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let resource = claims.audience(&self.resources).ok_or(AccessTokenError::AudienceMismatch)?.clone();
        // By this backend, and once: the proofs are about it, and what names the token is a part of it.
        token.digest(self.backend);
        self.check_times(&claims, now)?;
        let binding = claims.binding(self.backend)?;
        claims.check_parties()?;
        claims.check_methods()?;
        let (scope, details, lineage) = (claims.scope()?, claims.details()?, claims.lineage()?);
        let verified = VerifiedAccessToken::new(Facts {
            agent: claims.agent(),
            others_involved: claims.others_involved(),
            issuer: issuer.issuer().clone(),
            fingerprint: token.fingerprint(),
            source,
            leeway: self.leeway,
            claims,
            resource,
            binding,
            scope,
            details,
            lineage,
            own_id: OnceLock::new(),
            backend: self.backend,
        });
        self.check_marks(&verified)?;
        Ok(verified)
    }

    /// Whether a token that was verified before still counts: at each use of one that is remembered, and during a stream. Neither time nor a mark has ended
    /// it, and the key that signed it is one that its issuer still publishes (AZR-10).
    ///
    /// # Errors
    ///
    /// [`AccessTokenError`]: the first of these checks that failed.
    pub fn verify_again(&self, token: &VerifiedAccessToken, now: UnixTime) -> Result<(), AccessTokenError> {
        let facts = token.facts();
        let issuer = self.issuers.find(facts.issuer.as_str()).ok_or(AccessTokenError::IssuerMismatch)?;
        match &facts.source {
            Source::Signed(header, key) => {
                if issuer.key_for::<AccessTokenError>(header, now)? != *key {
                    return Err(AccessTokenError::Signature);
                }
            }
            Source::Introspected(asked) => {
                if now < *asked || now.since(*asked) >= MAX_ANSWER_AGE {
                    return Err(AccessTokenError::Stale);
                }
            }
        }
        if !self.resources.contains(&facts.resource) {
            return Err(AccessTokenError::AudienceMismatch);
        }
        self.check_times(&facts.claims, now)?;
        self.check_marks(token)
    }

    fn check_times(&self, claims: &AccessTokenClaims, now: UnixTime) -> Result<(), AccessTokenError> {
        claim::check_expiry(claims.expires, now, self.leeway)?;
        if let Some(nbf) = claims.not_before {
            claim::check_not_before(nbf, now, self.leeway)?;
        }
        if let Some(iat) = claims.issued_at {
            claim::check_issued_at(iat, now, self.leeway)?;
        }
        Ok(())
    }

    fn check_marks(&self, token: &VerifiedAccessToken) -> Result<(), AccessTokenError> {
        let Some(marks) = &self.marks else { return Ok(()) };
        token.check_marks(&**marks).map_err(AccessTokenError::Lapsed)
    }
}

/// Options of an [`AccessTokenVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AccessTokenVerifierBuilder(AccessTokenVerifier);

impl AccessTokenVerifierBuilder {
    /// Believes this issuer, too: each with its own keys alone. One that is there already is replaced.
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.0.issuers.add(issuer);
        self
    }

    /// Another name by which this resource server goes. An authorization server that verifies what it is asked to exchange goes by the names of all that it issues tokens for.
    pub fn also_known_as(mut self, resource: Resource) -> Self {
        self.0.resources.push(resource);
        self
    }

    /// As which client this resource server asks `issuer` about tokens: many servers sign their answers for the client that asks (RFC 9701 §5), and not for the resource.
    /// No token is taken that is for that name. Default: answers are for the resource.
    pub fn asks_as(mut self, issuer: Issuer, client_id: impl Into<Box<str>>) -> Self {
        self.0.clients.push((issuer, client_id.into()));
        self
    }

    /// Refuses tokens that were cut off before their time. Default: nothing is known to be.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.0.marks = Some(Arc::new(marks));
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> AccessTokenVerifier {
        self.0
    }
}

fn check_active(said: &[u8]) -> Result<(), AccessTokenError> {
    let said = Object::parse(said, &json::Limits::new()).map_err(ClaimsError::from)?;
    is_active(said.get("active").and_then(|active| active.as_bool()))
}

fn is_active(active: Option<bool>) -> Result<(), AccessTokenError> {
    match active {
        Some(true) => Ok(()),
        Some(false) => Err(AccessTokenError::Inactive),
        None => Err(ClaimsError::WrongType("active").into()),
    }
}

/// One that holds what a token could.
pub(crate) const MAX_ANSWER: usize = 24 * 1024;

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
