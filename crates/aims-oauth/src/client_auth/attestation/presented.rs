//! An attestation and its proof as they were sent.

use std::borrow::Cow;
use std::fmt;

use aims_jose::{Claims, ClaimsError, Header, JwsError, Limits, UnverifiedJws, UnverifiedSignature, json};
use aims_keys::UnixTime;

use super::{ATTESTATION_FIELD, ATTESTATION_POP_FIELD, ATTESTATION_TYPE, AttestationError};

/// An attestation that is well-formed, and the proof beside it, neither of them verified: anybody can have written them.
pub struct PresentedAttestation<'r> {
    pub(super) jws: UnverifiedSignature<'r>,
    pub(super) claims: Claims,
    pub(super) expires: UnixTime,
    pub(super) proof: Option<&'r str>,
}

impl<'r> PresentedAttestation<'r> {
    /// Reads it from the fields of a request, in pairs of name and value; `None` where there is no attestation.
    ///
    /// # Errors
    ///
    /// [`AttestationError`]: there are several, or one that is malformed.
    pub fn read(
        fields: impl IntoIterator<Item = (&'r str, &'r [u8])>,
    ) -> Result<Option<Self>, AttestationError> {
        let mut gathered = AttestationFields::default();
        for (name, value) in fields {
            gathered.add(name, value);
        }
        if !gathered.are_there() {
            return Ok(None);
        }
        let opened = gathered.open()?;
        Self::of(opened.jws, opened.proof).map(Some)
    }

    /// `sub`: the client, as the attester has written it.
    #[must_use]
    pub fn client_id(&self) -> Cow<'_, str> {
        // INVARIANT: `of` has seen that it is there.
        self.claims.subject().unwrap_or_default()
    }

    /// All the checks that need no attester.
    pub(in crate::client_auth) fn of(
        jws: UnverifiedJws<'r>,
        proof: Option<&'r str>,
    ) -> Result<Self, AttestationError> {
        jws.header().require_media_type(ATTESTATION_TYPE)?;
        if jws.header().is_nested() {
            return Err(JwsError::Nested.into());
        }
        let (payload, jws) = jws.peek().into_untrusted_payload();
        let claims = Claims::read(payload, &json::Limits::new())?;
        claims.subject().ok_or(ClaimsError::Missing("sub"))?;
        let expires = claims.expires().ok_or(ClaimsError::Missing("exp"))?;
        claims.get("cnf").ok_or(ClaimsError::Missing("cnf"))?;
        if claims.get("events").is_some() {
            return Err(AttestationError::Events);
        }
        Ok(Self { jws, claims, expires, proof })
    }

    pub(super) fn header(&self) -> &Header {
        self.jws.header()
    }
}

/// Shows the client, and no token.
impl fmt::Debug for PresentedAttestation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedAttestation").field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

/// The lines of both fields.
#[derive(Clone, Copy, Default)]
pub(in crate::client_auth) struct AttestationFields<'r> {
    attestation: Line<'r>,
    proof: Line<'r>,
}

#[derive(Clone, Copy, Default)]
enum Line<'r> {
    #[default]
    Absent,
    One(&'r [u8]),
    Several,
}

impl<'r> AttestationFields<'r> {
    pub(in crate::client_auth) fn add(&mut self, name: &str, value: &'r [u8]) {
        if name.eq_ignore_ascii_case(ATTESTATION_FIELD) {
            self.attestation.add(value);
        } else if name.eq_ignore_ascii_case(ATTESTATION_POP_FIELD) {
            self.proof.add(value);
        }
    }

    pub(in crate::client_auth) fn are_there(&self) -> bool {
        !matches!((self.attestation, self.proof), (Line::Absent, Line::Absent))
    }

    pub(in crate::client_auth) fn open(self) -> Result<OpenedFields<'r>, AttestationError> {
        let attestation = match self.attestation {
            Line::Absent => return Err(AttestationError::Missing),
            Line::Several => return Err(AttestationError::Several),
            Line::One(line) => line,
        };
        let proof = match self.proof {
            Line::Absent => None,
            Line::Several => return Err(AttestationError::PopSeveral),
            Line::One(line) => Some(text(line).map_err(AttestationError::of_pop)?),
        };
        let token = text(attestation)?;
        Ok(OpenedFields { token, jws: UnverifiedJws::parse(token, &LIMITS)?, proof })
    }
}

/// What stands for an attestation, of whatever type, and the proof.
pub(in crate::client_auth) struct OpenedFields<'r> {
    #[cfg_attr(
        not(feature = "wit-svid"),
        expect(dead_code, reason = "a WIT-SVID has a verifier of its own")
    )]
    pub(in crate::client_auth) token: &'r str,
    pub(in crate::client_auth) jws: UnverifiedJws<'r>,
    pub(in crate::client_auth) proof: Option<&'r str>,
}

impl<'r> Line<'r> {
    fn add(&mut self, value: &'r [u8]) {
        *self = match self {
            Self::Absent => Self::One(value),
            _ => Self::Several,
        };
    }
}

/// A token is ASCII; which, its reader says.
fn text(line: &[u8]) -> Result<&str, JwsError> {
    str::from_utf8(line).map_err(|_| JwsError::Form)
}

/// WIR-9.
const LIMITS: Limits = Limits::new();
