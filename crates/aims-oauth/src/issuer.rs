//! Issuer identifiers: who an authorization server is (RFC 8414 §2).

use std::fmt;
use std::str::FromStr;

use aims_credential::{HttpsUrl, HttpsUrlError};

/// The identifier of an authorization server: an `https` URL without query, fragment and userinfo (MET-4).
///
/// Two are the same when they are the same text, a slash at the end included: nothing is normalised (ISS-2, MET-2).
///
/// ```
/// use aims_oauth::Issuer;
///
/// let issuer: Issuer = "https://as.example/tenant".parse()?;
/// assert_ne!(issuer, "https://as.example/tenant/".parse()?);
///
/// let refused = "http://as.example".parse::<Issuer>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("issuer_url", "MET-4"));
/// # Ok::<(), aims_oauth::IssuerError>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Issuer(HttpsUrl);

impl Issuer {
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
}

impl FromStr for Issuer {
    type Err = IssuerError;

    fn from_str(text: &str) -> Result<Self, IssuerError> {
        let url: HttpsUrl = text.parse().map_err(IssuerError::Url)?;
        if url.path_and_query().contains('?') { Err(IssuerError::Query) } else { Ok(Self(url)) }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text is no issuer identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// It has a query.
    #[error("the issuer has a query")]
    Query,
    /// It is no `https` URL, or one with a fragment or a userinfo.
    #[error("the issuer is refused: {0}")]
    Url(#[source] HttpsUrlError),
}

impl IssuerError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Query => "issuer_query",
            Self::Url(_) => "issuer_url",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "MET-4"
    }
}
