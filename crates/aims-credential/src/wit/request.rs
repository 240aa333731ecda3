//! What a WIT shall say.

use std::fmt;
use std::time::Duration;

use aims_id::WorkloadId;
use aims_jose::ClaimsError;
use aims_jose::json::{ObjectWriter, Value};
use aims_keys::PublicKey;

use super::attested::{self, Attested};

/// What a token shall say: for whom, bound to which key, and what else.
///
/// ```
/// use std::time::Duration;
/// use aims_credential::WitRequest;
/// use aims_jose::json::{Limits, Object};
/// # use aims_keys::{Algorithm, Signer, SoftwareKey, backend};
/// # let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
/// # let subject = "spiffe://acme.example/agents/travel".parse().unwrap();
///
/// let posture = Object::parse(r#"{"measured":true}"#, &Limits::new()).unwrap();
/// let request = WitRequest::new(&subject, key.public_key())
///     .lifetime(Duration::from_secs(600))
///     .claim("acme.example/team", "travel")
///     .claim("acme.example/level", 3_u64)
///     .claim("acme.example/posture", posture.as_value());
/// # let _ = request;
/// ```
#[derive(Clone)]
pub struct WitRequest<'a> {
    pub(super) subject: &'a WorkloadId,
    pub(super) key: &'a PublicKey,
    pub(super) lifetime: Option<Duration>,
    attested: Option<&'a Attested>,
    claims: Vec<(&'a str, ClaimValue<'a>)>,
}

impl<'a> WitRequest<'a> {
    /// A token for `subject`, bound to `key`.
    #[must_use]
    pub fn new(subject: &'a WorkloadId, key: &'a PublicKey) -> Self {
        Self { subject, key, lifetime: None, attested: None, claims: Vec::new() }
    }

    /// Valid for this long, in whole seconds, in place of the issuer's default.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Says what evidence the token is issued on.
    #[must_use]
    pub fn attested(mut self, attested: &'a Attested) -> Self {
        self.attested = Some(attested);
        self
    }

    /// Adds a claim of the deployment, named so that it collides with nothing (`acme.example/team`): a string, a number,
    /// a truth value, or any value of a JSON document that was read.
    #[must_use]
    pub fn claim(mut self, name: &'a str, value: impl Into<ClaimValue<'a>>) -> Self {
        self.claims.push((name, value.into()));
        self
    }

    /// Writes the claims of the deployment, unless one has the name of a claim that the issuer sets or must not set: a second
    /// `sub` would be a second identity (CRD-6).
    pub(super) fn write_claims(&self, writer: &mut ObjectWriter) -> Result<(), ClaimsError> {
        if let Some(attested) = self.attested {
            attested.write(writer);
        }
        for (name, value) in &self.claims {
            if let Some(registered) = REGISTERED.iter().find(|registered| *registered == name) {
                return Err(ClaimsError::Registered(registered));
            }
            match value.0 {
                Kind::Bool(value) => writer.bool(name, value),
                Kind::Json(value) => writer.value(name, value),
                Kind::Number(value) => writer.u64(name, value),
                Kind::Text(value) => writer.str(name, value),
            };
        }
        Ok(())
    }
}

/// Shows the subject and the lifetime, and no claims.
impl fmt::Debug for WitRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitRequest")
            .field("subject", self.subject)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The value of a claim that a [`WitRequest`] adds; made from a string, a `u64`, a `bool` or a JSON value.
///
/// `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct ClaimValue<'a>(Kind<'a>);

#[derive(Clone, Copy)]
enum Kind<'a> {
    Bool(bool),
    Json(Value<'a>),
    Number(u64),
    Text(&'a str),
}

impl From<bool> for ClaimValue<'_> {
    fn from(value: bool) -> Self {
        Self(Kind::Bool(value))
    }
}

impl From<u64> for ClaimValue<'_> {
    fn from(value: u64) -> Self {
        Self(Kind::Number(value))
    }
}

impl<'a> From<&'a str> for ClaimValue<'a> {
    fn from(value: &'a str) -> Self {
        Self(Kind::Text(value))
    }
}

impl<'a> From<&'a String> for ClaimValue<'a> {
    fn from(value: &'a String) -> Self {
        Self(Kind::Text(value))
    }
}

impl<'a> From<Value<'a>> for ClaimValue<'a> {
    fn from(value: Value<'a>) -> Self {
        Self(Kind::Json(value))
    }
}

impl fmt::Debug for ClaimValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClaimValue").finish_non_exhaustive()
    }
}

/// Claims that a request cannot add.
const REGISTERED: [&str; 9] = [attested::CLAIM, "aud", "cnf", "exp", "iat", "iss", "jti", "nbf", "sub"];
