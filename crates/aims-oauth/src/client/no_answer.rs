//! Who did not answer, and why.

use std::fmt;

use aims_credential::{FetchError, HttpsUrl};

/// Why there is no answer, and of whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoAnswer {
    url: Option<HttpsUrl>,
    error: FetchError,
}

impl NoAnswer {
    /// What was asked, where that is known.
    #[must_use]
    pub fn url(&self) -> Option<&HttpsUrl> {
        self.url.as_ref()
    }

    /// Why there is no answer.
    #[must_use]
    pub fn reason(&self) -> &FetchError {
        &self.error
    }

    /// This URL was asked.
    pub(crate) fn of(url: &HttpsUrl, error: FetchError) -> Self {
        Self { url: Some(url.clone()), error }
    }
}

impl From<FetchError> for NoAnswer {
    fn from(error: FetchError) -> Self {
        Self { url: None, error }
    }
}

impl From<NoAnswer> for FetchError {
    fn from(no_answer: NoAnswer) -> Self {
        no_answer.error
    }
}

/// The query of a URL may be what a user typed: it is not shown.
impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(url) = &self.url {
            let text = url.as_str();
            write!(f, "{}: ", text.split_once('?').map_or(text, |(before, _)| before))?;
        }
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for NoAnswer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
