//! The token of a request, as it came.

use crate::{AccessToken, ErrorCode, SecretError};

/// An access token in the field `Authorization`: nobody has looked at it yet.
#[derive(Clone, Debug)]
pub struct PresentedToken {
    scheme: TokenScheme,
    token: AccessToken,
}

/// How a token is used.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "resource servers know these two")]
pub enum TokenScheme {
    /// `Bearer`.
    Bearer,
    /// `DPoP`.
    Dpop,
}

impl TokenScheme {
    /// As it is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

impl PresentedToken {
    /// Reads the lines of the field `Authorization`: there is one, with one token (MCP-2). `None`, where there is no field at all.
    ///
    /// ```
    /// use aims_oauth::{PresentedToken, TokenScheme};
    ///
    /// let token = PresentedToken::read(["DPoP a-token"])?.expect("a token");
    /// assert_eq!((token.scheme(), token.token().expose()), (TokenScheme::Dpop, "a-token"));
    ///
    /// let refused = PresentedToken::read(["Bearer a", "DPoP b"]).unwrap_err();
    /// assert_eq!((refused.code(), refused.rule()), ("several_tokens", "DPO-9"));
    /// # Ok::<(), aims_oauth::PresentedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PresentedError`].
    pub fn read(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Option<Self>, PresentedError> {
        let mut lines = lines.into_iter();
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(PresentedError::Several);
        }
        let text = str::from_utf8(line.as_ref()).map_err(|_| PresentedError::Malformed)?;
        let (scheme, token) = text.split_once(' ').ok_or(PresentedError::Malformed)?;
        let known = [TokenScheme::Bearer, TokenScheme::Dpop];
        let is = |known: &TokenScheme| known.as_str().eq_ignore_ascii_case(scheme);
        let scheme = known.into_iter().find(is).ok_or(PresentedError::Scheme)?;
        // One space, or more (RFC 9110 §11.4).
        let token = token.trim_start_matches(' ').parse().map_err(PresentedError::Token)?;
        Ok(Some(Self { scheme, token }))
    }

    /// How it is to be used.
    #[must_use]
    pub fn scheme(&self) -> TokenScheme {
        self.scheme
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.token
    }
}

/// Why a request has no token that can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PresentedError {
    /// The field is not a scheme and a token.
    #[error("the field Authorization is malformed")]
    Malformed,
    /// The scheme is neither `Bearer` nor `DPoP`.
    #[error("the scheme of Authorization is not known here")]
    Scheme,
    /// There are several.
    #[error("there are several tokens")]
    Several,
    /// What stands behind the scheme is no token.
    #[error(transparent)]
    Token(SecretError),
}

impl PresentedError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed_authorization",
            Self::Scheme => "unknown_scheme",
            Self::Several => "several_tokens",
            Self::Token(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Malformed | Self::Scheme => "MCP-2",
            Self::Several => "DPO-9",
            Self::Token(error) => error.rule(),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Token(_) => ErrorCode::InvalidToken,
            _ => ErrorCode::InvalidRequest,
        }
    }
}
