//! The parts of a JWT-SVID that say something: its header, and its claims.

use aims_id::SpiffeId;
use aims_jose::{Claims, ClaimsError, Header};
use aims_keys::UnixTime;

use super::{JOSE_TYPE, JWT_TYPE, JwtSvidError};
use crate::token::JSON_LIMITS;

/// The claims as they stand in the token.
///
/// They are read before the signature is checked, because `sub` chooses the key (JS-11). Nothing but that choice may look at
/// them until then.
pub(super) struct JwtSvidClaims {
    pub(super) subject: SpiffeId,
    pub(super) expires: UnixTime,
    pub(super) token_id: Option<Box<str>>,
    pub(super) all: Claims,
}

impl JwtSvidClaims {
    pub(super) fn read(payload: Vec<u8>) -> Result<Self, JwtSvidError> {
        let all = Claims::read(payload, &JSON_LIMITS)?;
        let subject = all.subject().ok_or(ClaimsError::Missing("sub"))?;
        let subject: SpiffeId = subject.parse().map_err(JwtSvidError::Subject)?;
        if !subject.has_path() {
            return Err(JwtSvidError::SubjectWithoutPath);
        }
        let expires = all.expires().ok_or(ClaimsError::Missing("exp"))?;
        let token_id = all.token_id().map(Into::into);
        Ok(Self { subject, expires, token_id, all })
    }

    /// JS-13: what says by its claims that it is something else.
    pub(super) fn refuse_other_kinds(&self) -> Result<(), JwtSvidError> {
        if self.all.issuer().as_deref() == Some(self.subject.as_str()) {
            return Err(JwtSvidError::SelfIssued);
        }
        for (name, _) in self.all.as_object() {
            let name = name.as_str();
            match &*name {
                // JO-KEY-10: who makes a token for the holder of a key does not want it to count for whoever shows it.
                "cnf" => return Err(JwtSvidError::Confirmation),
                "events" => return Err(JwtSvidError::Events),
                _ => {}
            }
            if let Some(foreign) = NEVER.iter().find(|never| **never == name) {
                return Err(JwtSvidError::ForeignClaim(foreign));
            }
        }
        Ok(())
    }
}

/// JS-5 and JS-2, in the order of JO-VER.
pub(super) fn check_header(header: &Header) -> Result<(), JwtSvidError> {
    if !matches!(header.typ(), None | Some(JWT_TYPE | JOSE_TYPE)) {
        return Err(JwtSvidError::WrongType);
    }
    if header.has_other_members() { Err(JwtSvidError::HeaderMember) } else { Ok(()) }
}

/// JS-13: claims of ID Tokens and of grants, which have the same `typ`.
const NEVER: [&str; 6] = ["at_hash", "azp", "c_hash", "client_id", "nonce", "scope"];
