use std::fmt;
use std::str::FromStr;

use aims_credential::{HttpsUrl, HttpsUrlError};

/// Where the answer to an authorization request goes: an `https` URL, or an `http` URL at the machine of the user (AUT-2).
///
/// Schemes of apps are not taken (MCP-24): who answers to one is decided by whoever installed something last.
///
/// ```
/// use aims_oauth::RedirectUri;
///
/// let registered: RedirectUri = "http://127.0.0.1/callback".parse()?;
/// let requested: RedirectUri = "http://127.0.0.1:51004/callback".parse()?;
/// assert!(requested.matches(&registered));
///
/// let registered: RedirectUri = "https://agent.example/callback".parse()?;
/// assert!(!"https://agent.example/callback/".parse::<RedirectUri>()?.matches(&registered));
///
/// let refused = "http://agent.example/callback".parse::<RedirectUri>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("redirect_uri_not_loopback", "AUT-2"));
/// # Ok::<(), aims_oauth::RedirectUriError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct RedirectUri {
    text: Box<str>,
    /// The same with the scheme `https`, for its parts.
    parts: HttpsUrl,
    is_loopback: bool,
}

impl RedirectUri {
    /// Whether this one, which a client asks for, is the one that it registered: the same text. Only the port is free at a loopback address or `localhost`,
    /// with the scheme `http`: a program of the user takes the port that it gets.
    #[must_use]
    pub fn matches(&self, registered: &Self) -> bool {
        self.text == registered.text
            || self.is_loopback
                && registered.is_loopback
                && self.parts.host() == registered.parts.host()
                && self.parts.path_and_query() == registered.parts.path_and_query()
    }

    /// The URI as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host: what a user is shown, who is to know where the answer goes (MCP-22).
    #[must_use]
    pub fn host(&self) -> &str {
        self.parts.host()
    }

    /// Whether it is an `http` URL at the machine of the user.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl FromStr for RedirectUri {
    type Err = RedirectUriError;

    fn from_str(text: &str) -> Result<Self, RedirectUriError> {
        use RedirectUriError as E;

        let Some(rest) = text.strip_prefix("http://") else {
            let parts = text.parse().map_err(E::Url)?;
            return Ok(Self { text: text.into(), parts, is_loopback: false });
        };
        let parts: HttpsUrl = ["https://", rest].concat().parse().map_err(E::Url)?;
        let is_loopback = match parts.address() {
            Some(address) => address.is_loopback(),
            None => parts.host() == "localhost",
        };
        if is_loopback { Ok(Self { text: text.into(), parts, is_loopback }) } else { Err(E::NotLoopback) }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Why a text is no redirect URI.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectUriError {
    /// It is an `http` URL at another machine than the user's.
    #[error("the redirect URI is not at a loopback address, and not https")]
    NotLoopback,
    /// It is no URL, or one with a fragment or a userinfo.
    #[error("the redirect URI is refused: {0}")]
    Url(#[source] HttpsUrlError),
}

impl RedirectUriError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotLoopback => "redirect_uri_not_loopback",
            Self::Url(_) => "redirect_uri_url",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "AUT-2"
    }
}
