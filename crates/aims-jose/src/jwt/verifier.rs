//! A verifier for tokens that need no more than the registered claims.

use std::time::Duration;

use aims_keys::{AlgorithmSet, PublicKey, UnixTime};

use super::{Claims, ClaimsError, claim};
use crate::jwk::JwkSet;
use crate::jws::{Header, HeaderMemo, JwsError, Limits, UnverifiedJws};

/// Verifies the JWTs of one kind from one issuer.
///
/// ```
/// # use aims_jose::{JwkSet, JwtVerifier};
/// # use aims_keys::{UnixTime, backend};
/// # let jwks = r#"{"keys":[]}"#;
/// let keys = JwkSet::parse(jwks, backend::ring())?;
/// let verifier = JwtVerifier::builder(keys, "at+jwt", "https://as.example")
///     .audience("https://api.example")
///     .build();
///
/// let refused = verifier.verify("not a token", UnixTime::from_secs(1_790_000_000)).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("malformed_token", "JO-B64-01"));
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent options, each with a builder method of its own"
)]
pub struct JwtVerifier {
    keys: JwkSet,
    typ: String,
    issuer: String,
    audiences: Vec<String>,
    single_audience: bool,
    algorithms: AlgorithmSet,
    full_media_type: bool,
    single_key: bool,
    expiry_required: bool,
    subject_required: bool,
    token_id_required: bool,
    leeway: Duration,
    max_age: Option<Duration>,
    headers: HeaderMemo,
}

impl JwtVerifier {
    /// Starts from what has no safe default: the issuer's keys, the `typ` of the tokens, and the issuer.
    pub fn builder(keys: JwkSet, typ: impl Into<String>, issuer: impl Into<String>) -> JwtVerifierBuilder {
        JwtVerifierBuilder(Self {
            keys,
            typ: typ.into(),
            issuer: issuer.into(),
            audiences: Vec::new(),
            single_audience: false,
            algorithms: AlgorithmSet::STANDARD,
            full_media_type: false,
            single_key: false,
            expiry_required: true,
            subject_required: false,
            token_id_required: false,
            leeway: DEFAULT_LEEWAY,
            max_age: None,
            headers: HeaderMemo::new(Limits::new()),
        })
    }

    /// Checks `token` at time `now`.
    ///
    /// # Errors
    ///
    /// [`JwtError`] names the first check that failed, in the order of `docs/spec/jose.md` section 7.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedJwt, JwtError> {
        let jws = UnverifiedJws::parse_with(token, &self.headers)?;
        let header = jws.header();
        if !self.algorithms.contains(header.algorithm()) {
            return Err(JwsError::AlgorithmNotAllowed(header.algorithm()).into());
        }
        if self.full_media_type {
            header.require_media_type(&self.typ)?;
        } else {
            header.require_typ(&self.typ)?;
        }
        if header.is_nested() {
            return Err(JwsError::Nested.into());
        }
        let key =
            if self.single_key { self.keys.find_for_or_only(header)? } else { self.keys.find_for(header)? };
        let jws = jws.verify(key.public_key(), self.algorithms)?;
        let key = jws.key().clone();
        let (header, payload) = jws.into_parts();

        let claims = Claims::read(payload, &self.headers.limits().json)?;
        if self.expiry_required && claims.expires().is_none() {
            return Err(ClaimsError::Missing("exp").into());
        }
        claims.check_times(now, self.leeway)?;
        self.check_age(&claims, now)?;
        claims.is_from(&self.issuer)?;
        self.check_audience(&claims)?;
        if self.subject_required && claims.subject().is_none() {
            return Err(ClaimsError::Missing("sub").into());
        }
        if self.token_id_required && claims.token_id().is_none() {
            return Err(ClaimsError::Missing("jti").into());
        }
        Ok(VerifiedJwt { header, key, claims })
    }

    fn check_age(&self, claims: &Claims, now: UnixTime) -> Result<(), ClaimsError> {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let iat = claims.issued_at().ok_or(ClaimsError::Missing("iat"))?;
        if now.since(iat) > max_age.saturating_add(self.leeway) { Err(ClaimsError::TooOld) } else { Ok(()) }
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), ClaimsError> {
        let Some(audience) = claims.audience() else {
            return if self.audiences.is_empty() { Ok(()) } else { Err(ClaimsError::Missing("aud")) };
        };
        if self.single_audience && audience.as_array().is_some_and(|all| all.count() != 1) {
            return Err(ClaimsError::MultipleAudiences);
        }
        // RFC 7519 §4.1.3: a token with an audience is refused by whoever is not in it.
        if claim::audience_is_one_of(audience, &self.audiences)? {
            Ok(())
        } else {
            Err(ClaimsError::AudienceMismatch)
        }
    }
}

/// Options of a [`JwtVerifier`]; every default is the strict one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct JwtVerifierBuilder(JwtVerifier);

impl JwtVerifierBuilder {
    /// Adds an audience that tokens may be for. Without any, only tokens without `aud` are accepted.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.audiences.push(audience.into());
        self
    }

    /// Refuses tokens for several audiences. Default: one of them must match.
    pub fn single_audience(mut self) -> Self {
        self.0.single_audience = true;
        self
    }

    /// The algorithms accepted, by name. Default: [`AlgorithmSet::STANDARD`].
    pub fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.0.algorithms = algorithms;
        self
    }

    /// Compares `typ` as a media type: without regard to case, with or without `application/`. Default: exactly.
    pub fn full_media_type(mut self) -> Self {
        self.0.full_media_type = true;
        self
    }

    /// Accepts tokens without `kid` if the issuer has exactly one key. Default: `kid` is required.
    pub fn single_key(mut self) -> Self {
        self.0.single_key = true;
        self
    }

    /// Accepts tokens without `exp`, for kinds that have none. Default: required.
    pub fn without_expiry(mut self) -> Self {
        self.0.expiry_required = false;
        self
    }

    /// Requires `sub`.
    pub fn require_subject(mut self) -> Self {
        self.0.subject_required = true;
        self
    }

    /// Requires `jti`.
    pub fn require_token_id(mut self) -> Self {
        self.0.token_id_required = true;
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Requires `iat`, and refuses tokens issued longer ago. Default: no limit but `exp`.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.0.max_age = Some(age);
        self
    }

    /// How much of a token is read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.headers = HeaderMemo::new(limits);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> JwtVerifier {
        self.0
    }
}

/// A token that passed every check of a [`JwtVerifier`]; there is no other way to get one.
#[derive(Debug)]
pub struct VerifiedJwt {
    header: Header,
    key: PublicKey,
    claims: Claims,
}

impl VerifiedJwt {
    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The header: algorithm, type and key identifier of the token.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The key under which the signature was good.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// Why a JWT was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The claims were refused; the signature was good.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The token is not a JWS that verifies.
    #[error(transparent)]
    Jws(#[from] JwsError),
}

impl JwtError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claims(error) => error.code(),
            Self::Jws(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Claims(error) => error.rule(),
            Self::Jws(error) => error.rule(),
        }
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
