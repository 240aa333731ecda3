//! An assertion in the hands of the client.

use std::fmt;

use aims_credential::JwtSvid;
use zeroize::Zeroizing;

use super::{JWT_BEARER, JWT_SPIFFE};
use crate::{Fingerprint, NewParameters};

/// A client assertion, to be sent in the form of a request: one that the client [made](super::ClientKey), or its JWT-SVID.
///
/// `Debug` shows its fingerprint alone.
pub struct ClientAssertion {
    kind: &'static str,
    token: Zeroizing<Box<str>>,
}

impl ClientAssertion {
    /// A JWT-SVID for the server alone: its `aud` is the issuer identifier (OSC-1, SPC-1).
    #[must_use]
    pub fn from_svid(svid: &JwtSvid) -> Self {
        Self { kind: JWT_SPIFFE, token: Zeroizing::new(svid.token().into()) }
    }

    /// Adds `client_assertion_type` and `client_assertion` to a form (CJA-1).
    pub fn add_to(&self, form: &mut NewParameters) {
        form.add("client_assertion_type", self.kind).add("client_assertion", &self.token);
    }

    /// The token itself, for the one server that it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.token)
    }

    pub(super) fn jwt_bearer(token: &str) -> Self {
        Self { kind: JWT_BEARER, token: Zeroizing::new(token.into()) }
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientAssertion").field(&self.fingerprint()).finish()
    }
}
