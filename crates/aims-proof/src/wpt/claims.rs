//! The claims of a WPT, read once its signature was good.

use std::borrow::Cow;

use aims_jose::ClaimsError;
use aims_jose::json::{self, Kind, Name, Object, Span, Value};
use aims_jose::jwt::claim;
use aims_keys::UnixTime;

/// What a proof says. `iat`, `iss` and whatever is not listed are ignored, whatever their type.
pub(super) struct WptClaims {
    pub(super) expires: UnixTime,
    pub(super) not_before: Option<UnixTime>,
    audience: Span,
    id: Span,
    wit_hash: Span,
    txn_hash: Option<Span>,
    other: Option<Span>,
    #[cfg(feature = "legacy-wpt-01")]
    access_hash: Option<Span>,
    object: Object,
}

impl WptClaims {
    pub(super) fn read(payload: Vec<u8>) -> Result<Self, ClaimsError> {
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload);
        }
        let (mut expires, mut not_before) = (None, None);
        let (mut audience, mut id, mut wit_hash) = (None, None, None);
        let (mut txn_hash, mut other) = (None, None);
        #[cfg(feature = "legacy-wpt-01")]
        let mut access_hash = None;
        let object = Object::read(payload, &LIMITS, |name, value| {
            match &*name.as_str() {
                "aud" => audience = Some(string("aud", value)?),
                "exp" => expires = Some(claim::date("exp", value)?),
                "nbf" => not_before = Some(claim::date("nbf", value)?),
                "jti" => id = Some(claim::token_id(value).map(|_| value.span())?),
                "wth" => wit_hash = Some(string("wth", value)?),
                "tth" => txn_hash = Some(string("tth", value)?),
                "oth" => other = Some(hashes(value)?),
                // Of any type: only the profile that knows the claim may refuse it.
                #[cfg(feature = "legacy-wpt-01")]
                "ath" => access_hash = Some(value.span()),
                _ => {}
            }
            Ok::<_, ClaimsError>(())
        })?;
        Ok(Self {
            expires: expires.ok_or(ClaimsError::Missing("exp"))?,
            not_before,
            audience: audience.ok_or(ClaimsError::Missing("aud"))?,
            id: id.ok_or(ClaimsError::Missing("jti"))?,
            wit_hash: wit_hash.ok_or(ClaimsError::Missing("wth"))?,
            txn_hash,
            other,
            #[cfg(feature = "legacy-wpt-01")]
            access_hash,
            object,
        })
    }

    /// `aud`: one string.
    pub(super) fn audience(&self) -> Cow<'_, str> {
        self.text(self.audience)
    }

    /// `jti`: 1 to 256 bytes.
    pub(super) fn id(&self) -> Cow<'_, str> {
        self.text(self.id)
    }

    /// `wth`.
    pub(super) fn wit_hash(&self) -> Cow<'_, str> {
        self.text(self.wit_hash)
    }

    /// `tth`.
    pub(super) fn txn_hash(&self) -> Option<Cow<'_, str>> {
        self.txn_hash.map(|span| self.text(span))
    }

    /// `oth`: field names and hashes; at least one entry if it is there at all.
    pub(super) fn other(&self) -> impl Iterator<Item = (Name<'_>, Cow<'_, str>)> {
        let other = self.other.and_then(|span| self.object.at(span)).and_then(|other| other.as_object());
        // INVARIANT: `hashes` saw that every value is a string.
        other.into_iter().flatten().map(|(name, hash)| (name, hash.as_str().unwrap_or_default()))
    }

    /// `ath`, of whatever type.
    #[cfg(feature = "legacy-wpt-01")]
    pub(super) fn access_hash(&self) -> Option<Value<'_>> {
        self.access_hash.and_then(|span| self.object.at(span))
    }

    fn text(&self, span: Span) -> Cow<'_, str> {
        // INVARIANT: the spans were taken from this object, of values that are strings.
        self.object.at(span).and_then(|value| value.as_str()).unwrap_or_default()
    }
}

fn string(name: &'static str, value: Value<'_>) -> Result<Span, ClaimsError> {
    if value.kind() == Kind::String { Ok(value.span()) } else { Err(ClaimsError::WrongType(name)) }
}

/// `oth`, if it is there, has at least one entry, and every entry is a string.
fn hashes(value: Value<'_>) -> Result<Span, ClaimsError> {
    let mut entries = value.as_object().ok_or(ClaimsError::WrongType("oth"))?.peekable();
    if entries.peek().is_none() {
        return Err(ClaimsError::Empty("oth"));
    }
    if entries.all(|(_, hash)| hash.kind() == Kind::String) {
        Ok(value.span())
    } else {
        Err(ClaimsError::WrongType("oth"))
    }
}

const LIMITS: json::Limits = json::Limits::new().depth(8);
