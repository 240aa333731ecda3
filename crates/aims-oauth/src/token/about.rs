//! Requests about a token: what it is good for (RFC 7662), and that it shall be good for nothing (RFC 7009).

use super::{MessageError, SecurityToken};
use crate::{NewParameters, Parameters};

/// A token, and what kind it is thought to be. Introspection and revocation endpoints take it; how the caller authenticates stands beside it.
///
/// ```
/// use aims_oauth::{NewParameters, Parameters, TokenHint, TokenQuery};
///
/// let query = TokenQuery::about("a-token".parse()?).thought_to_be(TokenHint::AccessToken);
/// let mut form = NewParameters::new();
/// query.write(&mut form);
/// assert_eq!(form.as_str(), "token=a-token&token_type_hint=access_token");
/// assert_eq!(TokenQuery::read(&Parameters::parse(form.as_str().as_bytes())?)?.hint(), Some(TokenHint::AccessToken));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenQuery {
    token: SecurityToken,
    hint: Option<TokenHint>,
}

/// `token_type_hint`: where a server looks first. It looks everywhere (REV-1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenHint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

impl TokenHint {
    fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl TokenQuery {
    /// About this token.
    #[must_use]
    pub fn about(token: SecurityToken) -> Self {
        Self { token, hint: None }
    }

    /// Which is thought to be of this kind.
    #[must_use]
    pub fn thought_to_be(mut self, hint: TokenHint) -> Self {
        self.hint = Some(hint);
        self
    }

    /// `token`.
    #[must_use]
    pub fn token(&self) -> &SecurityToken {
        &self.token
    }

    /// `token_type_hint`; a kind that nobody knows is none.
    #[must_use]
    pub fn hint(&self) -> Option<TokenHint> {
        self.hint
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// [`MessageError`].
    pub fn read(form: &Parameters) -> Result<Self, MessageError> {
        let token = form.require("token")?.parse().map_err(|_| MessageError::Value("token"))?;
        let known = [TokenHint::AccessToken, TokenHint::RefreshToken];
        let hint = form.get("token_type_hint")?;
        Ok(Self { token, hint: known.into_iter().find(|known| hint == Some(known.as_str())) })
    }

    /// Writes the request.
    pub fn write(&self, form: &mut NewParameters) {
        form.add("token", self.token.expose());
        form.add_some("token_type_hint", self.hint.map(TokenHint::as_str));
    }
}
