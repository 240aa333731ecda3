use std::fmt;
use std::str::FromStr;

use aims_credential::{FetchRequest, HttpsUrl, HttpsUrlError};

use super::ClientMetadata;

/// The identifier of a client that is the URL of its metadata (CMD-1): an `https` URL with a path, and without dot segments, fragment and userinfo. A query
/// is taken, and better left out.
///
/// Whoever fetches the document asks this URL alone, with its [`request`](Self::request); takes status 200 alone; dials no address of special use, not even one
/// among several that the name has (CMD-3); asks only hosts that a policy admits (CMD-5); and keeps no refusal, neither of the fetch nor of the document.
///
/// ```
/// use aims_oauth::ClientIdUrl;
///
/// let client: ClientIdUrl = "https://agents.acme.example/travel.json".parse()?;
/// let request = client.request();
/// assert_eq!((request.redirects(), request.longest()), (0, 5120));
///
/// let refused = "https://agents.acme.example".parse::<ClientIdUrl>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("client_id_no_path", "CMD-1"));
/// # Ok::<(), aims_oauth::ClientIdUrlError>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientIdUrl(HttpsUrl);

impl ClientIdUrl {
    /// The identifier as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same as a URL.
    #[must_use]
    pub fn as_url(&self) -> &HttpsUrl {
        &self.0
    }

    /// How the document is asked for: without redirects (CMD-1), and no more of it than is read (CMD-3). Any kind of JSON will do, whatever it is called.
    pub fn request(&self) -> FetchRequest<'_> {
        let request = FetchRequest::new(&self.0).accept(&["application/json"]);
        request.max_len(ClientMetadata::MAX_DOCUMENT_LEN)
    }
}

impl FromStr for ClientIdUrl {
    type Err = ClientIdUrlError;

    fn from_str(text: &str) -> Result<Self, ClientIdUrlError> {
        let url: HttpsUrl = text.parse().map_err(ClientIdUrlError::Url)?;
        if url.path().is_empty() { Err(ClientIdUrlError::NoPath) } else { Ok(Self(url)) }
    }
}

impl fmt::Display for ClientIdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ClientIdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text is no identifier of a client with a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientIdUrlError {
    /// It has no path.
    #[error("the client identifier has no path")]
    NoPath,
    /// It is no `https` URL, or one with dot segments, a fragment or a userinfo.
    #[error("the client identifier is refused: {0}")]
    Url(#[source] HttpsUrlError),
}

impl ClientIdUrlError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPath => "client_id_no_path",
            Self::Url(_) => "client_id_url",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "CMD-1"
    }
}
