//! What an authorization server says of a token that it is asked about (RFC 7662 §2.2).

use std::fmt;

use aims_jose::json::{self, JsonError, Object, ObjectWriter};
use aims_jose::jwt::claim;
use aims_keys::UnixTime;

use super::AccessTokenError;
use super::claims::AccessTokenClaims;
use crate::{AuthorizationDetails, IntrospectionAnswer, Resource, Scope, lineage};

/// What an authorization server answers a resource server that asks about a token: the server's half of [`Introspection`](crate::Introspection).
///
/// Whoever asks has authenticated, and is told what is for it, and no more: none of the other audiences, no details that are for other places, no claim that is not
/// one of INT-2. Of a token that does not count, or is for somebody else, it learns that it does not count, and nothing else (INT-1).
///
/// ```
/// use aims_jose::json::{Limits, Object};
/// use aims_keys::UnixTime;
/// use aims_oauth::{IntrospectionResponse, Resource};
///
/// // What the server wrote down when it issued an opaque token; of a JWT that it verified, `VerifiedAccessToken::claims`.
/// let known = r#"{"sub":"user-1","client_id":"travel","aud":["https://tools.example","https://other.example"],"exp":1790000300,"note":"internal"}"#;
/// let known = Object::parse(known, &Limits::new())?;
/// let now = UnixTime::from_secs(1_790_000_000);
///
/// let asks: Resource = "https://tools.example".parse()?;
/// let told = IntrospectionResponse::about(&known, &[asks], now)?;
/// assert_eq!(
///     told.to_json()?,
///     r#"{"active":true,"sub":"user-1","client_id":"travel","exp":1790000300,"aud":"https://tools.example","token_type":"Bearer"}"#,
/// );
///
/// let stranger: Resource = "https://strange.example".parse()?;
/// assert_eq!(IntrospectionResponse::about(&known, &[stranger], now)?.to_json()?, r#"{"active":false}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a response does nothing until it is sent"]
pub struct IntrospectionResponse(Option<Active>);

#[derive(Clone)]
struct Active {
    claims: Object,
    audience: Vec<Resource>,
    scope: Scope,
    details: Option<AuthorizationDetails>,
}

impl IntrospectionResponse {
    /// The token does not count: it is unknown, was revoked, or whoever asks shall not know of it.
    pub fn inactive() -> Self {
        Self(None)
    }

    /// What these claims of a token say at time `now` to the resource server that goes by the names in `asks`. That the token was not revoked, and that the claims are
    /// those of a token of this server, its caller knows.
    ///
    /// A token that has ended, has not begun, or is for others does not count.
    ///
    /// # Errors
    ///
    /// [`AccessTokenError`]: the claims are not those of a token, as a resource server would find.
    pub fn about(claims: &Object, asks: &[Resource], now: UnixTime) -> Result<Self, AccessTokenError> {
        let claims = AccessTokenClaims::read_any(claims.as_text().into(), &json::Limits::new())?;
        claims.check_parties()?;
        claims.check_methods()?;
        let (scope, details) = (claims.scope()?, claims.details()?);
        claims.lineage()?;
        let audience = claims.at(claims.audience);
        let is_for = |own: &Resource| {
            audience.is_some_and(|all| claim::audience_is_one_of(all, &[own.as_str()]) == Ok(true))
        };
        let audience: Vec<_> = asks.iter().filter(|own| is_for(own)).cloned().collect();
        let has_begun = claims.not_before.is_none_or(|begins| begins <= now);
        if audience.is_empty() || claims.expires <= now || !has_begun {
            return Ok(Self::inactive());
        }
        Ok(Self(Some(Active { claims: claims.object, audience, scope, details })))
    }

    /// Tells no more of the scope than this: what the resource server knows the meaning of. Default: all that the token has.
    pub fn within(mut self, scope: &Scope) -> Self {
        if let Some(active) = &mut self.0 {
            active.scope = active.scope.and(scope);
        }
        self
    }

    /// `active`.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// The body of the response, in `application/json`. It is for whoever asked alone, and must not be stored by anything between (`Cache-Control: no-store`).
    ///
    /// # Errors
    ///
    /// [`JsonError`]: the claims cannot be written.
    pub fn to_json(&self) -> Result<String, JsonError> {
        let mut writer = ObjectWriter::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// The same as the other side takes it.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json).
    pub fn to_answer(&self) -> Result<IntrospectionAnswer, JsonError> {
        Ok(IntrospectionAnswer::Json(self.to_json()?.into_bytes()))
    }

    pub(crate) fn write(&self, to: &mut ObjectWriter) {
        to.bool("active", self.is_active());
        if let Some(active) = &self.0 {
            active.write(to);
        }
    }
}

impl Active {
    fn write(&self, to: &mut ObjectWriter) {
        for name in TOLD {
            if let Some(value) = self.claims.get(name) {
                to.value(name, value);
            }
        }
        match self.audience.as_slice() {
            [one] => to.str("aud", one.as_str()),
            all => to.strs("aud", all.iter().map(Resource::as_str)),
        };
        if !self.scope.is_empty() {
            to.str("scope", self.scope.as_str());
        }
        let details = self.details.as_ref();
        // A list of places that names none is no word for all of them.
        let mut own = details.into_iter().flat_map(AuthorizationDetails::iter).filter(|detail| {
            detail.get("locations").is_none() || detail.locations().any(|place| self.is_for(&place))
        });
        if let Some(first) = own.next() {
            to.array("authorization_details", |all| {
                all.value(first.as_value());
                own.for_each(|detail| {
                    all.value(detail.as_value());
                });
            });
        }
        let is_dpop = self.claims.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
        to.str("token_type", if is_dpop { "DPoP" } else { "Bearer" });
    }

    fn is_for(&self, place: &str) -> bool {
        self.audience.iter().any(|own| own.as_str() == place)
    }
}

/// Shows whether the token counts, and nothing of what it says.
impl fmt::Debug for IntrospectionResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionResponse").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

/// INT-2: what is told as the token has it, and what decisions rest on here.
const TOLD: [&str; 16] = [
    "iss",
    "sub",
    "client_id",
    "username",
    "exp",
    "iat",
    "nbf",
    "jti",
    "cnf",
    "act",
    "may_act",
    "auth_time",
    "acr",
    "amr",
    "txn",
    lineage::CLAIM,
];
