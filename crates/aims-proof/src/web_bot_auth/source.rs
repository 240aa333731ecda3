//! Where the keys of a bot are.

use std::fmt;

use aims_credential::{HttpsUrl, HttpsUrlError};

use super::agent_url::normal;
use super::{AgentUrl, DIRECTORY_PATH};

/// Where a bot publishes its keys: the value of a member of `Signature-Agent`, and how it leads to the keys (HS-WBA-03, HS-WBA-06).
///
/// ```
/// use aims_proof::web_bot_auth::KeySource;
///
/// let source = KeySource::directory("https://bot.example")?;
/// assert_eq!(source.url().as_str(), "https://bot.example/.well-known/http-message-signatures-directory");
///
/// let source = KeySource::jwks_uri("https://bot.example/keys.json?v=2")?;
/// assert_eq!(source.url().as_str(), "https://bot.example/keys.json?v=2");
/// assert_eq!(source.agent().as_str(), "https://bot.example/keys.json");
/// # Ok::<(), aims_proof::web_bot_auth::KeySourceError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeySource {
    text: Box<str>,
    discovery: Discovery,
    url: HttpsUrl,
    agent: AgentUrl,
}

/// How a URL leads to keys: the parameter `type` of a member of `Signature-Agent`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Discovery {
    /// `cimd`: a Client ID Metadata Document, which has the keys or says where they are. It is read, and not followed by
    /// [`Directories`](super::Directories).
    Cimd,
    /// `directory`: the value is an origin, whose directory is at its well-known place. This is meant when nothing is said.
    Directory,
    /// `jwks_uri`: a JWK Set.
    JwksUri,
}

impl Discovery {
    /// The token that stands for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cimd => "cimd",
            Self::Directory => "directory",
            Self::JwksUri => "jwks_uri",
        }
    }

    pub(super) fn of(token: &str) -> Option<Self> {
        [Self::Cimd, Self::Directory, Self::JwksUri].into_iter().find(|known| known.name() == token)
    }
}

impl KeySource {
    /// The directory of an origin, such as `https://bot.example`; a path `/` may follow.
    ///
    /// # Errors
    ///
    /// [`KeySourceError::NotAnOrigin`] for anything but an origin in its one spelling; [`KeySourceError::Url`].
    pub fn directory(origin: &str) -> Result<Self, KeySourceError> {
        Self::new(origin, Discovery::Directory)
    }

    /// A JWK Set at this URL.
    ///
    /// # Errors
    ///
    /// [`KeySourceError::Url`], [`KeySourceError::WellKnown`].
    pub fn jwks_uri(url: &str) -> Result<Self, KeySourceError> {
        Self::new(url, Discovery::JwksUri)
    }

    pub(super) fn new(text: &str, discovery: Discovery) -> Result<Self, KeySourceError> {
        let url = match discovery {
            Discovery::Directory => directory_of(text)?,
            Discovery::Cimd | Discovery::JwksUri => normal(text).map_err(KeySourceError::Url)?,
        };
        if discovery != Discovery::Directory && url.path() == DIRECTORY_PATH {
            return Err(KeySourceError::WellKnown);
        }
        let agent = AgentUrl::of(&url).map_err(KeySourceError::Url)?;
        Ok(Self { text: text.into(), discovery, url, agent })
    }

    /// The value of the member, as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it leads to keys.
    #[must_use]
    pub fn discovery(&self) -> Discovery {
        self.discovery
    }

    /// What is fetched.
    #[must_use]
    pub fn url(&self) -> &HttpsUrl {
        &self.url
    }

    /// What a bot is known by whose keys are here.
    #[must_use]
    pub fn agent(&self) -> &AgentUrl {
        &self.agent
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is no place for keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The value of a directory is not an origin, as RFC 6454 section 6.2 writes it.
    #[error("the value is not an origin")]
    NotAnOrigin,
    /// It is no `https` URL from which a document may be fetched.
    #[error(transparent)]
    Url(HttpsUrlError),
    /// It is the well-known place of a directory, and was not to be read as one.
    #[error("the well-known place of a directory is read as a directory alone")]
    WellKnown,
}

impl KeySourceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnOrigin => "not_an_origin",
            Self::Url(error) => error.code(),
            Self::WellKnown => "well_known_place",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotAnOrigin | Self::WellKnown => "HS-WBA-06",
            Self::Url(_) => "HS-WBA-03",
        }
    }
}

/// Nothing is normalised: an origin has one spelling.
fn directory_of(origin: &str) -> Result<HttpsUrl, KeySourceError> {
    let bare = origin.strip_suffix('/').unwrap_or(origin);
    let url: HttpsUrl = bare.parse().map_err(|error| match error {
        HttpsUrlError::Scheme | HttpsUrlError::TooLong => KeySourceError::Url(error),
        _ => KeySourceError::NotAnOrigin,
    })?;
    if !url.path_and_query().is_empty() || url.authority().ends_with(":443") {
        return Err(KeySourceError::NotAnOrigin);
    }
    [bare, DIRECTORY_PATH].concat().parse().map_err(KeySourceError::Url)
}
