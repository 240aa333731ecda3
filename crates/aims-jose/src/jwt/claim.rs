//! Reading and checking single registered claims (RFC 7519 §4.1).
//!
//! For verifiers of token kinds with claims of their own: they read their claims in one pass and use these for the
//! registered ones, so that a date or an audience means the same everywhere.

use std::borrow::Cow;
use std::time::Duration;

use aims_keys::UnixTime;

use super::ClaimsError;
use crate::json::{Kind, Value};

/// A string.
///
/// # Errors
///
/// [`ClaimsError::WrongType`].
pub fn text<'a>(name: &'static str, value: Value<'a>) -> Result<Cow<'a, str>, ClaimsError> {
    value.as_str().ok_or(ClaimsError::WrongType(name))
}

/// A string that is not empty.
///
/// # Errors
///
/// [`ClaimsError::WrongType`], [`ClaimsError::Empty`].
pub fn non_empty<'a>(name: &'static str, value: Value<'a>) -> Result<Cow<'a, str>, ClaimsError> {
    let text = text(name, value)?;
    if text.is_empty() { Err(ClaimsError::Empty(name)) } else { Ok(text) }
}

/// `jti`: a string of 1 to 256 bytes.
///
/// # Errors
///
/// [`ClaimsError::WrongType`], [`ClaimsError::TokenId`].
pub fn token_id(value: Value<'_>) -> Result<Cow<'_, str>, ClaimsError> {
    let id = text("jti", value)?;
    check_token_id(&id)?;
    Ok(id)
}

/// A NumericDate: a JSON number from 0 to 253402300799 (the end of the year 9999), rounded down to whole seconds.
///
/// # Errors
///
/// [`ClaimsError::WrongType`], [`ClaimsError::DateRange`].
pub fn date(name: &'static str, value: Value<'_>) -> Result<UnixTime, ClaimsError> {
    let number = value.as_number().ok_or(ClaimsError::WrongType(name))?;
    let secs = number.as_u64().or_else(|| number.floor_u64()).ok_or(ClaimsError::DateRange(name))?;
    check_date(name, UnixTime::from_secs(secs))
}

/// Whether `aud`, a string or an array of strings, names one of `accepted`, byte for byte.
///
/// # Errors
///
/// [`ClaimsError::WrongType`] for anything but a string or a non-empty array of strings.
pub fn audience_is_one_of(value: Value<'_>, accepted: &[impl AsRef<str>]) -> Result<bool, ClaimsError> {
    let is_accepted = |audience: Value<'_>| accepted.iter().any(|own| audience.is_str(own.as_ref()));
    if value.kind() == Kind::String {
        return Ok(is_accepted(value));
    }
    let mut audiences = value.as_array().ok_or(ClaimsError::WrongType("aud"))?.peekable();
    if audiences.peek().is_none() {
        return Err(ClaimsError::WrongType("aud"));
    }
    // Every item is looked at: one of a wrong type refuses the token even behind a match.
    audiences.try_fold(false, |found, audience| {
        if audience.kind() != Kind::String {
            return Err(ClaimsError::WrongType("aud"));
        }
        Ok(found || is_accepted(audience))
    })
}

/// `exp`: the token is refused from `exp + leeway` on.
///
/// # Errors
///
/// [`ClaimsError::Expired`].
pub fn check_expiry(exp: UnixTime, now: UnixTime, leeway: Duration) -> Result<(), ClaimsError> {
    if now >= exp + leeway { Err(ClaimsError::Expired) } else { Ok(()) }
}

/// `nbf`: the token is refused before `nbf - leeway`.
///
/// # Errors
///
/// [`ClaimsError::NotYetValid`].
pub fn check_not_before(nbf: UnixTime, now: UnixTime, leeway: Duration) -> Result<(), ClaimsError> {
    if now + leeway < nbf { Err(ClaimsError::NotYetValid) } else { Ok(()) }
}

/// `iat`: the token is refused if it was issued later than `now + leeway`.
///
/// # Errors
///
/// [`ClaimsError::IssuedInFuture`].
pub fn check_issued_at(iat: UnixTime, now: UnixTime, leeway: Duration) -> Result<(), ClaimsError> {
    if now + leeway < iat { Err(ClaimsError::IssuedInFuture) } else { Ok(()) }
}

pub(super) fn check_date(name: &'static str, date: UnixTime) -> Result<UnixTime, ClaimsError> {
    if date > MAX_DATE { Err(ClaimsError::DateRange(name)) } else { Ok(date) }
}

pub(super) fn check_token_id(id: &str) -> Result<&str, ClaimsError> {
    if id.is_empty() || id.len() > MAX_TOKEN_ID { Err(ClaimsError::TokenId) } else { Ok(id) }
}

/// The end of the year 9999 (JO-CLM-02).
const MAX_DATE: UnixTime = UnixTime::from_secs(253_402_300_799);

/// JO-CLM-07.
const MAX_TOKEN_ID: usize = 256;
