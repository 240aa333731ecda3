//! Resource identifiers: what a token is for (RFC 8707 §2).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aims_credential::HttpsUrl;

/// The identifier of a resource server: an absolute URI without a fragment (RSI-1), often the URL of the tool.
///
/// Two are the same when they are the same text: nothing is normalised.
///
/// ```
/// use aims_oauth::Resource;
///
/// let tool: Resource = "https://tools.example/v1".parse()?;
/// assert_eq!(tool.as_str(), "https://tools.example/v1");
///
/// let refused = "tools.example".parse::<Resource>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("resource_not_absolute", "RSI-1"));
/// # Ok::<(), aims_oauth::ResourceUriError>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Resource(Arc<str>);

impl Resource {
    /// The longest identifier, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// The identifier as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a URL is this one or below it: at the same origin, in whole segments of the path. Of a resource with a query nothing is below.
    ///
    /// ```
    /// use aims_oauth::Resource;
    ///
    /// let tool: Resource = "https://tools.example/v1".parse()?;
    /// assert!(tool.covers(&"https://tools.example/v1/trips?to=oslo".parse()?));
    /// assert!(!tool.covers(&"https://tools.example/v10".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn covers(&self, url: &HttpsUrl) -> bool {
        if *self.0 == *url.as_str() {
            return true;
        }
        let Ok(above) = self.0.parse::<HttpsUrl>() else { return false };
        if above.authority() != url.authority() || above.path_and_query().contains('?') {
            return false;
        }
        let folder = above.path().strip_suffix('/').unwrap_or(above.path());
        let below = url.path().strip_prefix(folder);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

impl FromStr for Resource {
    type Err = ResourceUriError;

    fn from_str(text: &str) -> Result<Self, ResourceUriError> {
        use ResourceUriError as E;

        if text.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        let (scheme, rest) = text.split_once(':').ok_or(E::NotAbsolute)?;
        let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !begins || !scheme.bytes().all(is_scheme) || rest.is_empty() {
            return Err(E::NotAbsolute);
        }
        if rest.contains('#') {
            return Err(E::Fragment);
        }
        if is_uri_text(rest) { Ok(Self(text.into())) } else { Err(E::Character) }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text is no resource identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceUriError {
    /// It has a character that no URI has, or a percent sign that is no escape.
    #[error("the resource has what no URI has")]
    Character,
    /// It has a fragment.
    #[error("the resource has a fragment")]
    Fragment,
    /// It has no scheme, or nothing but one.
    #[error("the resource is not an absolute URI")]
    NotAbsolute,
    /// It is longer than [`Resource::MAX_LEN`].
    #[error("the resource is too long")]
    TooLong,
}

impl ResourceUriError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Character => "resource_character",
            Self::Fragment => "resource_fragment",
            Self::NotAbsolute => "resource_not_absolute",
            Self::TooLong => "resource_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        if matches!(self, Self::TooLong) { "WIR-9" } else { "RSI-1" }
    }
}

/// Unreserved, reserved and escaped characters (RFC 3986 §2).
fn is_uri_text(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_allowed = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&byte),
        };
        if !is_allowed {
            return false;
        }
    }
    true
}
