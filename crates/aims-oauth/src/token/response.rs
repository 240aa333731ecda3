//! What the token endpoint answers (RFC 6749 §5.1, RFC 8693 §2.2.1).

use aims_jose::json::{JsonError, Object, ObjectWriter};

use super::{MessageError, RESPONSE_LIMITS, SecurityToken, TokenTypeUrn};
use crate::{AuthorizationDetails, IdToken, RefreshToken, Scope};

/// Tokens, and what they are good for. Sent with `Cache-Control: no-store` (WIR-3).
///
/// ```
/// use std::time::Duration;
/// use aims_oauth::{TokenResponse, TokenUse};
///
/// let response = TokenResponse::new("a-token".parse()?, TokenUse::Dpop)
///     .expires_in(Duration::from_secs(300))
///     .scope("trips:book".parse()?);
/// let read = TokenResponse::parse(response.to_json()?.as_bytes())?;
/// assert_eq!((read.token_use(), read.lifetime()), (&TokenUse::Dpop, Some(Duration::from_secs(300))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenResponse {
    token: SecurityToken,
    token_use: TokenUse,
    lifetime: Option<u64>,
    refresh_token: Option<RefreshToken>,
    scope: Option<Scope>,
    id_token: Option<IdToken>,
    issued: Option<TokenTypeUrn>,
    details: Option<AuthorizationDetails>,
}

/// `token_type`: how a token is used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenUse {
    /// `Bearer`: whoever shows it may use it, if it is bound to nothing else.
    Bearer,
    /// `DPoP`: with a proof.
    Dpop,
    /// `N_A`: it is no access token, and used otherwise.
    NotApplicable,
    /// Another, which nobody here knows.
    Other(Box<str>),
}

impl TokenUse {
    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::NotApplicable => "N_A",
            Self::Other(text) => text,
        }
    }

    fn from_text(text: &str) -> Self {
        let known = [Self::Bearer, Self::Dpop, Self::NotApplicable];
        let is = |known: &Self| known.as_str().eq_ignore_ascii_case(text);
        known.into_iter().find(is).unwrap_or_else(|| Self::Other(text.into()))
    }
}

impl TokenResponse {
    /// A token, to be used like this.
    #[must_use]
    pub fn new(token: SecurityToken, token_use: TokenUse) -> Self {
        Self {
            token,
            token_use,
            lifetime: None,
            refresh_token: None,
            scope: None,
            id_token: None,
            issued: None,
            details: None,
        }
    }

    /// It ends after this, from when it was issued.
    #[must_use]
    pub fn expires_in(mut self, lifetime: std::time::Duration) -> Self {
        self.lifetime = Some(lifetime.as_secs());
        self
    }

    /// With a token to get another with.
    #[must_use]
    pub fn with_refresh_token(mut self, token: RefreshToken) -> Self {
        self.refresh_token = Some(token);
        self
    }

    /// Good for this scope: to be said where it is another than was asked for (WIR-7).
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope).filter(|scope| !scope.is_empty());
        self
    }

    /// With an ID Token.
    #[must_use]
    pub fn with_id_token(mut self, token: IdToken) -> Self {
        self.id_token = Some(token);
        self
    }

    /// Of this kind: to be said where tokens were exchanged.
    #[must_use]
    pub fn of_type(mut self, kind: TokenTypeUrn) -> Self {
        self.issued = Some(kind);
        self
    }

    /// Good for these details (RAR-3).
    #[must_use]
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// `access_token`: whatever kind it is of.
    #[must_use]
    pub fn token(&self) -> &SecurityToken {
        &self.token
    }

    /// `token_type`.
    #[must_use]
    pub fn token_use(&self) -> &TokenUse {
        &self.token_use
    }

    /// `expires_in`.
    #[must_use]
    pub fn lifetime(&self) -> Option<std::time::Duration> {
        self.lifetime.map(std::time::Duration::from_secs)
    }

    /// `refresh_token`.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    /// `scope`; `None`, where it is what was asked for.
    #[must_use]
    pub fn granted_scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// `id_token`, which nobody has looked at yet: an [`IdTokenVerifier`](crate::IdTokenVerifier) does.
    #[must_use]
    pub fn id_token(&self) -> Option<&IdToken> {
        self.id_token.as_ref()
    }

    /// `issued_token_type`.
    #[must_use]
    pub fn issued_type(&self) -> Option<&TokenTypeUrn> {
        self.issued.as_ref()
    }

    /// `authorization_details`.
    #[must_use]
    pub fn granted_details(&self) -> Option<&AuthorizationDetails> {
        self.details.as_ref()
    }

    /// Reads the body of an answer with status 200.
    ///
    /// # Errors
    ///
    /// [`MessageError`]: a member of the wrong type is never taken for an absent one.
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        use MessageError::Member;

        let object = Object::parse(body, &RESPONSE_LIMITS)?;
        let text = |name: &'static str| match object.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(Member(name)),
        };
        let secret = |name: &'static str| {
            let parsed = text(name)?.map(|text| text.parse::<SecurityToken>().map_err(|_| Member(name)));
            parsed.transpose()
        };
        let lifetime = match object.get("expires_in") {
            None => None,
            Some(value) => Some(
                value.as_number().and_then(aims_jose::json::Number::as_u64).ok_or(Member("expires_in"))?,
            ),
        };
        let refresh = text("refresh_token")?.map(|text| text.parse().map_err(|_| Member("refresh_token")));
        let id_token = text("id_token")?.map(|text| text.parse().map_err(|_| Member("id_token")));
        // Some servers send an empty scope where there is none.
        let scope =
            text("scope")?.filter(|scope| !scope.is_empty()).map(|scope| scope.parse()).transpose()?;
        let details = object.get("authorization_details").map(AuthorizationDetails::from_value);
        Ok(Self {
            token: secret("access_token")?.ok_or(Member("access_token"))?,
            token_use: TokenUse::from_text(&text("token_type")?.ok_or(Member("token_type"))?),
            lifetime,
            refresh_token: refresh.transpose()?,
            scope,
            id_token: id_token.transpose()?,
            issued: text("issued_token_type")?.map(|kind| TokenTypeUrn::from_text(&kind)),
            details: details.transpose()?,
        })
    }

    /// The body, as JSON; a secret.
    ///
    /// # Errors
    ///
    /// [`JsonError`], where details nest too deep.
    pub fn to_json(&self) -> Result<zeroize::Zeroizing<String>, JsonError> {
        let mut writer = ObjectWriter::new();
        writer.str("access_token", self.token.expose()).str("token_type", self.token_use.as_str());
        if let Some(lifetime) = self.lifetime {
            writer.u64("expires_in", lifetime);
        }
        if let Some(token) = &self.refresh_token {
            writer.str("refresh_token", token.expose());
        }
        if let Some(scope) = &self.scope {
            writer.str("scope", scope.as_str());
        }
        if let Some(token) = &self.id_token {
            writer.str("id_token", token.expose());
        }
        if let Some(kind) = &self.issued {
            writer.str("issued_token_type", kind.as_str());
        }
        if let Some(details) = &self.details {
            writer.value("authorization_details", details.as_value());
        }
        writer.finish().map(zeroize::Zeroizing::new)
    }
}
