//! The claims of a JWT.

use std::borrow::Cow;
use std::time::Duration;

use aims_keys::UnixTime;

use super::{ClaimsError, claim};
use crate::json::{self, Object, Span, Value};

/// The claims of a token: the registered ones with their types checked, the others as they came.
///
/// They come out of a verified token only ([`VerifiedJwt::claims`](super::VerifiedJwt::claims)); a verifier of another
/// kind of token may [read](Self::read) them from a payload that it verified.
#[derive(Clone, Debug)]
pub struct Claims {
    object: Object,
    issuer: Option<Span>,
    subject: Option<Span>,
    audience: Option<Span>,
    token_id: Option<Span>,
    expires: Option<UnixTime>,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
}

impl Claims {
    /// Reads a payload whose signature was verified.
    ///
    /// # Errors
    ///
    /// [`ClaimsError::NoPayload`], [`ClaimsError::Json`], or the type error of a registered claim: a claim of the wrong
    /// type is never taken for an absent one.
    pub fn read(payload: Vec<u8>, limits: &json::Limits) -> Result<Self, ClaimsError> {
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload);
        }
        let (mut issuer, mut subject, mut audience, mut token_id) = (None, None, None, None);
        let (mut expires, mut not_before, mut issued_at) = (None, None, None);
        let object = Object::read(payload, limits, |name, value| {
            match &*name.as_str() {
                "iss" => issuer = Some(claim::text("iss", value).map(|_| value.span())?),
                "sub" => subject = Some(claim::non_empty("sub", value).map(|_| value.span())?),
                "aud" => {
                    audience = Some(claim::audience_is_one_of(value, NO_AUDIENCE).map(|_| value.span())?);
                }
                "jti" => token_id = Some(claim::token_id(value).map(|_| value.span())?),
                "exp" => expires = Some(claim::date("exp", value)?),
                "nbf" => not_before = Some(claim::date("nbf", value)?),
                "iat" => issued_at = Some(claim::date("iat", value)?),
                _ => {}
            }
            Ok::<_, ClaimsError>(())
        })?;
        Ok(Self { object, issuer, subject, audience, token_id, expires, not_before, issued_at })
    }

    /// `iss`: who issued the token.
    #[must_use]
    pub fn issuer(&self) -> Option<Cow<'_, str>> {
        self.text(self.issuer)
    }

    /// `sub`: whom the token is about; never empty.
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.text(self.subject)
    }

    /// `jti`: the token's identifier, of 1 to 256 bytes.
    #[must_use]
    pub fn token_id(&self) -> Option<Cow<'_, str>> {
        self.text(self.token_id)
    }

    /// `aud`: a string, or a non-empty array of strings.
    #[must_use]
    pub fn audience(&self) -> Option<Value<'_>> {
        self.object.at(self.audience?)
    }

    /// `exp`, in whole seconds.
    #[must_use]
    pub fn expires(&self) -> Option<UnixTime> {
        self.expires
    }

    /// `nbf`, in whole seconds.
    #[must_use]
    pub fn not_before(&self) -> Option<UnixTime> {
        self.not_before
    }

    /// `iat`, in whole seconds.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// Any claim by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.object.get(name)
    }

    /// All claims, as the object they are.
    #[must_use]
    pub fn as_object(&self) -> &Object {
        &self.object
    }

    /// Checks `exp`, `nbf` and `iat`, as far as they are there, against `now`.
    ///
    /// # Errors
    ///
    /// [`ClaimsError::Expired`], [`ClaimsError::NotYetValid`], [`ClaimsError::IssuedInFuture`].
    pub fn check_times(&self, now: UnixTime, leeway: Duration) -> Result<(), ClaimsError> {
        if let Some(exp) = self.expires {
            claim::check_expiry(exp, now, leeway)?;
        }
        if let Some(nbf) = self.not_before {
            claim::check_not_before(nbf, now, leeway)?;
        }
        if let Some(iat) = self.issued_at {
            claim::check_issued_at(iat, now, leeway)?;
        }
        Ok(())
    }

    pub(super) fn is_from(&self, issuer: &str) -> Result<(), ClaimsError> {
        let iss = self.issuer.and_then(|span| self.object.at(span)).ok_or(ClaimsError::Missing("iss"))?;
        if iss.is_str(issuer) { Ok(()) } else { Err(ClaimsError::IssuerMismatch) }
    }

    fn text(&self, span: Option<Span>) -> Option<Cow<'_, str>> {
        self.object.at(span?)?.as_str()
    }
}

/// Asks [`claim::audience_is_one_of`] for the types only.
const NO_AUDIENCE: &[&str] = &[];
