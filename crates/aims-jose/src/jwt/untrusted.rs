//! A look into a token that nobody verified.

use std::borrow::Cow;
use std::fmt;

use super::{ClaimsError, JwtError};
use crate::json::{Object, Value};
use crate::jws::{Header, Limits, UnverifiedJws};

/// What a token says about itself, for **routing only**: which verifier to ask, not what to believe.
///
/// Anybody can have written it, with any content. Nothing here turns into a verified type: the verifier that was chosen
/// starts again from the text of the token. `Debug` shows the header only.
///
/// ```
/// # use aims_jose::{Limits, UntrustedToken};
/// # let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSJ9.AA";
/// let said = UntrustedToken::peek(token, &Limits::new())?;
/// assert_eq!(said.issuer().as_deref(), Some("https://a.example"));
/// # Ok::<(), aims_jose::JwtError>(())
/// ```
pub struct UntrustedToken {
    header: Header,
    claims: Object,
}

impl UntrustedToken {
    /// Reads `token` with all the checks of form, and none of truth.
    ///
    /// # Errors
    ///
    /// [`JwtError`] for a token that no verifier would read: those of [`UnverifiedJws::parse`],
    /// [`ClaimsError::NoPayload`] and [`ClaimsError::Json`].
    pub fn peek(token: &str, limits: &Limits) -> Result<Self, JwtError> {
        let jws = UnverifiedJws::parse(token, limits)?;
        let header = jws.header().clone();
        let (payload, _) = jws.peek().into_untrusted_payload();
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload.into());
        }
        let claims = Object::parse(payload, &limits.json).map_err(ClaimsError::Json)?;
        Ok(Self { header, claims })
    }

    /// The header, as the sender wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// `iss`, if it is there and a string.
    #[must_use]
    pub fn issuer(&self) -> Option<Cow<'_, str>> {
        self.claim("iss")?.as_str()
    }

    /// Any claim by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Value<'_>> {
        self.claims.get(name)
    }
}

impl fmt::Debug for UntrustedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntrustedToken").field("header", &self.header).finish_non_exhaustive()
    }
}
