//! Verifying an ID Token (`OpenID` Connect Core §3.1.3.7).

use std::sync::Arc;
use std::time::Duration;

use aims_credential::Marks;
use aims_jose::json::Value;
use aims_jose::jwt::claim;
use aims_jose::{Claims, ClaimsError, Header, HeaderMemo, JwsError, Limits, UnverifiedJws, json};
use aims_keys::{Algorithm, Backend, UnixTime};

use super::expected::Occasion;
use super::hash::{is_same, left_half};
use super::verified::Facts;
use super::{
    AUTH_REQ_ID, ExpectedIdToken, ID_TOKEN_TYPE, IdTokenError, RT_HASH, VerifiedIdToken, is_subject,
    is_workload,
};
use crate::{IdToken, IssuerKeysError, TrustedIssuer};

/// Verifies the ID Tokens of one issuer that are for one client.
///
/// ```
/// use aims_jose::JwkSet;
/// use aims_keys::{UnixTime, backend};
/// use aims_oauth::{ExpectedIdToken, IdTokenVerifier, TrustedIssuer};
///
/// # let published = r#"{"keys":[]}"#;
/// let issuer = TrustedIssuer::new("https://as.example".parse()?, JwkSet::parse(published, backend::ring())?);
/// let verifier = IdTokenVerifier::builder("travel-agent", issuer, backend::ring()).build();
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let refused = verifier.verify(&"not-a-jwt".parse()?, &ExpectedIdToken::with_nonce("n-0S6"), now).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("malformed", "JO-B64-01"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdTokenVerifier {
    client_id: Arc<str>,
    issuer: TrustedIssuer,
    other_audiences: Vec<Box<str>>,
    marks: Option<Arc<dyn Marks>>,
    backend: Backend,
    leeway: Duration,
    headers: HeaderMemo,
}

impl IdTokenVerifier {
    /// Starts from what has no safe default: what the client is called, whose tokens it believes, and the backend that hashes.
    ///
    /// A server that is shown ID Tokens of its own (JAG-2) names itself as the issuer, and the client that shows them.
    pub fn builder(
        client_id: impl Into<Arc<str>>,
        issuer: TrustedIssuer,
        backend: Backend,
    ) -> IdTokenVerifierBuilder {
        IdTokenVerifierBuilder(Self {
            client_id: client_id.into(),
            issuer,
            other_audiences: Vec::new(),
            marks: None,
            backend,
            leeway: DEFAULT_LEEWAY,
            headers: HeaderMemo::new(Limits::new()),
        })
    }

    /// Has the keys fetched that a token needs, where the issuer is [followed](TrustedIssuer::following): call it before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`IssuerKeysError`]: nobody knows the keys of the issuer now, so that the token may be good.
    pub async fn prepare(&self, token: &IdToken, now: UnixTime) -> Result<(), IssuerKeysError> {
        let Ok(jws) = UnverifiedJws::parse_with(token.expose(), &self.headers) else { return Ok(()) };
        self.issuer.prepare(jws.header().key_id(), now).await
    }

    /// Checks a token at time `now`.
    ///
    /// # Errors
    ///
    /// [`IdTokenError`] names the first check that failed.
    pub fn verify(
        &self,
        token: &IdToken,
        expected: &ExpectedIdToken<'_>,
        now: UnixTime,
    ) -> Result<VerifiedIdToken, IdTokenError> {
        let jws = UnverifiedJws::parse_with(token.expose(), &self.headers)?;
        check_type(jws.header())?;
        let key = self.issuer.key_for::<IdTokenError>(jws.header(), now)?;
        let (header, payload) = jws.verify(&key, self.issuer.algorithms())?.into_parts();
        let claims = Claims::read(payload, &json::Limits::new())?;

        self.check_parties(&claims)?;
        refuse_other_kinds(&claims)?;
        let (expires, issued_at) = self.check_times(&claims, expected, now)?;
        let auth_time = self.check_authentication(&claims, expected, now)?;
        check_occasion(&claims, auth_time, &expected.occasion)?;
        self.check_hashes(&claims, header.algorithm(), expected)?;
        if let Some(id) = expected.auth_req_id {
            let said = text(&claims, AUTH_REQ_ID)?.ok_or(ClaimsError::Missing(AUTH_REQ_ID))?;
            if !is_same(&said, id.expose()) {
                return Err(IdTokenError::OtherRequest);
            }
        }
        let verified = VerifiedIdToken::new(Facts {
            issuer: self.issuer.issuer().clone(),
            client_id: Arc::clone(&self.client_id),
            fingerprint: token.fingerprint(),
            leeway: self.leeway,
            claims,
            expires,
            issued_at,
            auth_time,
        });
        if let Some(marks) = &self.marks {
            verified.check_marks(&**marks).map_err(IdTokenError::Lapsed)?;
        }
        Ok(verified)
    }

    /// IDT-1, IDT-2, IDT-3, IDT-6: who says it, to whom, about whom.
    fn check_parties(&self, claims: &Claims) -> Result<(), IdTokenError> {
        let issuer = claims.issuer().ok_or(ClaimsError::Missing("iss"))?;
        if *issuer != *self.issuer.issuer().as_str() {
            return Err(IdTokenError::IssuerMismatch);
        }
        self.check_audience(claims)?;
        let subject = claims.subject().ok_or(ClaimsError::Missing("sub"))?;
        if !is_subject(&subject) {
            return Err(IdTokenError::Subject);
        }
        if subject == issuer {
            return Err(IdTokenError::SelfIssued);
        }
        if is_workload(&subject) { Err(IdTokenError::Workload) } else { Ok(()) }
    }

    /// IDT-2.
    fn check_audience(&self, claims: &Claims) -> Result<(), IdTokenError> {
        let audience = claims.audience().ok_or(ClaimsError::Missing("aud"))?;
        if !claim::audience_is_one_of(audience, std::slice::from_ref(&self.client_id))? {
            return Err(IdTokenError::AudienceMismatch);
        }
        let is_known = |other: Value<'_>| {
            other.is_str(&self.client_id) || self.other_audiences.iter().any(|known| other.is_str(known))
        };
        let count = audience.as_array().map_or(1, Iterator::count);
        if audience.as_array().is_some_and(|mut all| !all.all(is_known)) {
            return Err(IdTokenError::OtherAudience);
        }
        match text(claims, "azp")? {
            Some(party) if *party != *self.client_id => Err(IdTokenError::AuthorizedParty),
            None if count > 1 => Err(IdTokenError::AuthorizedParty),
            _ => Ok(()),
        }
    }

    /// IDT-3.
    fn check_times(
        &self,
        claims: &Claims,
        expected: &ExpectedIdToken<'_>,
        now: UnixTime,
    ) -> Result<(UnixTime, UnixTime), IdTokenError> {
        let expires = claims.expires().ok_or(ClaimsError::Missing("exp"))?;
        let issued_at = claims.issued_at().ok_or(ClaimsError::Missing("iat"))?;
        let grace = match expected.occasion {
            Occasion::Hint { expired } => expired,
            _ => Duration::ZERO,
        };
        claim::check_expiry(expires, now, self.leeway.saturating_add(grace))?;
        claim::check_issued_at(issued_at, now, self.leeway)?;
        if let Some(nbf) = claims.not_before() {
            claim::check_not_before(nbf, now, self.leeway)?;
        }
        Ok((expires, issued_at))
    }

    /// CHA-4.
    fn check_authentication(
        &self,
        claims: &Claims,
        expected: &ExpectedIdToken<'_>,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, IdTokenError> {
        let auth_time = claims.get("auth_time").map(|time| claim::date("auth_time", time)).transpose()?;
        if let Some(time) = auth_time {
            claim::check_issued_at(time, now, self.leeway)?;
        }
        if let Some(max) = expected.max_age {
            let time = auth_time.ok_or(ClaimsError::Missing("auth_time"))?;
            if now.since(time) > max.saturating_add(self.leeway) {
                return Err(IdTokenError::AuthenticationTooOld);
            }
        }
        if let Some(amr) = claims.get("amr")
            && !amr.as_array().is_some_and(|mut all| all.all(|one| one.as_str().is_some()))
        {
            return Err(ClaimsError::WrongType("amr").into());
        }
        let acr = text(claims, "acr")?;
        let is_strong = expected.acr_values.is_empty()
            || acr.is_some_and(|acr| expected.acr_values.iter().any(|wanted| *wanted == acr));
        if is_strong { Ok(auth_time) } else { Err(IdTokenError::Acr) }
    }

    /// IDT-5, HIL-12.
    fn check_hashes(
        &self,
        claims: &Claims,
        algorithm: Algorithm,
        expected: &ExpectedIdToken<'_>,
    ) -> Result<(), IdTokenError> {
        let access_token = expected.access_token.map(crate::AccessToken::expose);
        let code = expected.code.map(crate::AuthorizationCode::expose);
        let refresh_token = expected.refresh_token.map(crate::RefreshToken::expose);
        for (name, of, mismatch) in [
            ("at_hash", access_token, IdTokenError::AccessTokenHash),
            ("c_hash", code, IdTokenError::CodeHash),
            (RT_HASH, refresh_token, IdTokenError::RefreshTokenHash),
        ] {
            match (text(claims, name)?, of) {
                (Some(said), Some(of)) => {
                    let hash = left_half(of, algorithm, self.backend).ok_or(IdTokenError::HashUnknown)?;
                    if !is_same(&said, &hash) {
                        return Err(mismatch);
                    }
                }
                (None, Some(_)) if expected.must_have_hashes => {
                    return Err(ClaimsError::Missing(name).into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// TYP-1: `JWT`, or nothing.
fn check_type(header: &Header) -> Result<(), JwsError> {
    if header.typ().is_some() {
        header.require_media_type(ID_TOKEN_TYPE)?;
    }
    if header.is_nested() { Err(JwsError::Nested) } else { Ok(()) }
}

/// IDT-6.
fn refuse_other_kinds(claims: &Claims) -> Result<(), IdTokenError> {
    if claims.get("events").is_some() {
        return Err(IdTokenError::Events);
    }
    if claims.get("cnf").is_some() {
        return Err(IdTokenError::Confirmation);
    }
    match NEVER.iter().find(|name| claims.get(name).is_some()) {
        Some(name) => Err(IdTokenError::ForeignClaim(name)),
        None => Ok(()),
    }
}

/// IDT-4.
fn check_occasion(
    claims: &Claims,
    auth_time: Option<UnixTime>,
    occasion: &Occasion<'_>,
) -> Result<(), IdTokenError> {
    let nonce = text(claims, "nonce")?;
    match occasion {
        Occasion::Answer { nonce: sent } => match (nonce, sent) {
            (None, None) => Ok(()),
            (Some(said), Some(sent)) if is_same(&said, sent) => Ok(()),
            (None, Some(_)) => Err(ClaimsError::Missing("nonce").into()),
            (Some(_), _) => Err(IdTokenError::NonceMismatch),
        },
        Occasion::Refresh { first } => {
            let is_same_user = claims.issuer().as_deref() == Some(first.issuer().as_str())
                && claims.subject().as_deref() == Some(&*first.subject());
            if !is_same_user {
                return Err(IdTokenError::OtherUser);
            }
            if nonce.is_some_and(|nonce| !first.nonce().is_some_and(|known| is_same(&nonce, &known))) {
                return Err(IdTokenError::NonceMismatch);
            }
            if auth_time.is_some_and(|time| first.auth_time().is_some_and(|known| time != known)) {
                return Err(IdTokenError::OtherAuthentication);
            }
            Ok(())
        }
        Occasion::Hint { .. } | Occasion::Shown => Ok(()),
    }
}

fn text<'c>(
    claims: &'c Claims,
    name: &'static str,
) -> Result<Option<std::borrow::Cow<'c, str>>, ClaimsError> {
    claims.get(name).map(|value| claim::text(name, value)).transpose()
}

/// Options of an [`IdTokenVerifier`]; every default is the strict one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct IdTokenVerifierBuilder(IdTokenVerifier);

impl IdTokenVerifierBuilder {
    /// Takes tokens that are for this audience, too: it can show them to the client in the name of their user. Default: none (IDT-2).
    pub fn trust_audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.0.other_audiences.push(audience.into());
        self
    }

    /// Refuses tokens about users who were cut off. Default: nobody is known to be.
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
    pub fn build(self) -> IdTokenVerifier {
        self.0
    }
}

/// IDT-6: what only tokens of other kinds have.
const NEVER: [&str; 6] = ["act", "authorization_details", "client_id", "may_act", "scope", "txn"];

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
