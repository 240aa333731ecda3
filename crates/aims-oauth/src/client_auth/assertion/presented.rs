//! An assertion as it was sent.

use std::borrow::Cow;

use aims_jose::{Claims, ClaimsError, JwsError, Limits, UnverifiedJws, UnverifiedSignature, json};
use aims_keys::UnixTime;

use super::{ASSERTION_TYPE, ClientAssertionError};

/// A client assertion that is well-formed, and not verified: anybody can have written it. It says whose keys to look up.
#[derive(Debug)]
pub(in crate::client_auth) struct PresentedAssertion<'r> {
    pub(super) jws: UnverifiedSignature<'r>,
    pub(super) claims: Claims,
    pub(super) expires: UnixTime,
}

impl<'r> PresentedAssertion<'r> {
    /// All the checks that need no client, so that none of them tells which clients there are.
    pub(in crate::client_auth) fn read(
        token: &'r str,
        client_id: Option<&str>,
    ) -> Result<Self, ClientAssertionError> {
        let jws = UnverifiedJws::parse(token, &LIMITS)?;
        let header = jws.header();
        // CJA-4, TYP-2: another type is another kind of token, also one that nobody has thought of yet.
        if header.typ().is_some() {
            header.require_media_type(ASSERTION_TYPE).or_else(|_| header.require_media_type("JWT"))?;
        }
        if header.is_nested() {
            return Err(JwsError::Nested.into());
        }
        let (payload, jws) = jws.peek().into_untrusted_payload();
        let claims = Claims::read(payload, &json::Limits::new())?;
        let expires = claims.expires().ok_or(ClaimsError::Missing("exp"))?;
        let issuer = claims.issuer().ok_or(ClaimsError::Missing("iss"))?;
        let subject = claims.subject().ok_or(ClaimsError::Missing("sub"))?;
        claims.audience().ok_or(ClaimsError::Missing("aud"))?;
        claims.token_id().ok_or(ClaimsError::Missing("jti"))?;
        if issuer != subject {
            return Err(ClientAssertionError::IssuerMismatch);
        }
        if client_id.is_some_and(|client_id| client_id != subject) {
            return Err(ClientAssertionError::ClientIdMismatch);
        }
        // JO-KEY-10: it is for the holder of a key, who shows it elsewhere.
        if claims.get("cnf").is_some() {
            return Err(ClientAssertionError::Confirmation);
        }
        if claims.get("events").is_some() {
            return Err(ClientAssertionError::Events);
        }
        Ok(Self { jws, claims, expires })
    }

    /// `sub`: who the client says that it is.
    pub(in crate::client_auth) fn client_id(&self) -> Cow<'_, str> {
        // INVARIANT: `read` has seen that it is there.
        self.claims.subject().unwrap_or_default()
    }
}

/// WIR-9.
const LIMITS: Limits = Limits::new();
