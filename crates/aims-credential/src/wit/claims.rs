//! The claims of a WIT, read once.

use aims_id::WorkloadId;
use aims_jose::json::{self, Object};
use aims_jose::jwt::claim;
use aims_jose::{ClaimsError, Confirmation, Jwk};
use aims_keys::{Backend, UnixTime};

use super::WitError;

/// The claims as they stand in the token.
///
/// They are read before the signature is checked, because `sub` chooses the key (WIT-4). Nothing but that choice may look at
/// them until then.
pub(super) struct WitClaims {
    pub(super) subject: WorkloadId,
    pub(super) expires: UnixTime,
    pub(super) not_before: Option<UnixTime>,
    pub(super) issued_at: Option<UnixTime>,
    pub(super) issuer: Option<Box<str>>,
    pub(super) token_id: Option<Box<str>>,
    pub(super) has_audience: bool,
    pub(super) has_events: bool,
    confirmation: Option<json::Span>,
    pub(super) object: Object,
}

impl WitClaims {
    pub(super) fn read(payload: Vec<u8>, limits: &json::Limits) -> Result<Self, WitError> {
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload.into());
        }
        let mut subject = None;
        let (mut expires, mut not_before, mut issued_at) = (None, None, None);
        let (mut issuer, mut token_id, mut confirmation) = (None, None, None);
        let (mut has_audience, mut has_events) = (false, false);
        let object = Object::read(payload, limits, |name, value| {
            match &*name.as_str() {
                "sub" => subject = Some(claim::text("sub", value)?.parse().map_err(WitError::Subject)?),
                "exp" => expires = Some(claim::date("exp", value)?),
                "nbf" => not_before = Some(claim::date("nbf", value)?),
                "iat" => issued_at = Some(claim::date("iat", value)?),
                "iss" => issuer = Some(claim::text("iss", value)?.into()),
                "jti" => token_id = Some(claim::token_id(value)?.into()),
                "aud" => has_audience = true,
                "events" => has_events = true,
                "cnf" => confirmation = Some(value.span()),
                _ => {}
            }
            Ok::<_, WitError>(())
        })?;
        Ok(Self {
            subject: subject.ok_or(ClaimsError::Missing("sub"))?,
            expires: expires.ok_or(ClaimsError::Missing("exp"))?,
            not_before,
            issued_at,
            issuer,
            token_id,
            has_audience,
            has_events,
            confirmation,
            object,
        })
    }

    /// `cnf.jwk`: the key that every proof must be made with.
    pub(super) fn confirmation_key(&self, backend: Backend) -> Result<Jwk, WitError> {
        let cnf = self.confirmation.and_then(|span| self.object.at(span)).ok_or(WitError::Confirmation)?;
        match Confirmation::read(cnf, backend) {
            Ok(Confirmation::Jwk(key)) => Ok(key),
            // JO-KEY-10: a confirmation that is not verified here, or a second one, would be another holder elsewhere.
            Ok(_) | Err(ClaimsError::Confirmation) => Err(WitError::OtherConfirmation),
            Err(ClaimsError::ConfirmationKey(reason)) => Err(WitError::ConfirmationKey(reason)),
            Err(_) => Err(WitError::Confirmation),
        }
    }

    /// The earliest time that the token names as its beginning, if it names one.
    pub(super) fn earliest_start(&self) -> Option<UnixTime> {
        self.issued_at.into_iter().chain(self.not_before).min()
    }
}

impl From<json::JsonError> for WitError {
    fn from(error: json::JsonError) -> Self {
        ClaimsError::Json(error).into()
    }
}
