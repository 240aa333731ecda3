use std::fmt;
use std::str::FromStr;

use aims_id::{ParseIdError, SpiffeId};

/// `spiffe_id` of a client: one SPIFFE ID, or, with `/*` at the end, all that are below one (OSC-7, OSC-8).
///
/// The `*` stands for one segment or more, unlike that of `IdPattern`: it is another syntax.
///
/// ```
/// use aims_oauth::SpiffeIdPattern;
///
/// let agents: SpiffeIdPattern = "spiffe://acme.example/agents/*".parse()?;
/// assert!(agents.matches(&"spiffe://acme.example/agents/travel".parse()?));
/// assert!(!agents.matches(&"spiffe://acme.example/agents-of-others".parse()?));
///
/// let refused = "spiffe://acme.example/agents*".parse::<SpiffeIdPattern>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("spiffe_id_pattern", "OSC-8"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SpiffeIdPattern {
    text: Box<str>,
    /// Without the wildcard.
    id: SpiffeId,
    is_exact: bool,
}

impl SpiffeIdPattern {
    /// Whether an identifier is one of those meant.
    #[must_use]
    pub fn matches(&self, id: &SpiffeId) -> bool {
        match id.as_str().strip_prefix(self.id.as_str()) {
            Some(rest) if self.is_exact => rest.is_empty(),
            Some(rest) => rest.starts_with('/'),
            None => false,
        }
    }

    /// The trust domain of all that are meant: only a bundle that was configured for it counts, whatever `spiffe_bundle_endpoint` says (OSC-12).
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.id.trust_domain()
    }

    /// The pattern as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<SpiffeId> for SpiffeIdPattern {
    fn from(id: SpiffeId) -> Self {
        Self { text: id.as_str().into(), id, is_exact: true }
    }
}

impl FromStr for SpiffeIdPattern {
    type Err = SpiffeIdPatternError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdPatternError> {
        let (id, is_exact) = text.strip_suffix("/*").map_or((text, true), |id| (id, false));
        let id = id.parse().map_err(SpiffeIdPatternError::Id)?;
        Ok(Self { text: text.into(), id, is_exact })
    }
}

impl fmt::Display for SpiffeIdPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeIdPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Why a text is no such pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeIdPatternError {
    /// It is no SPIFFE ID, and none with `/*` behind it.
    #[error("the pattern is neither a SPIFFE ID nor one followed by `/*`")]
    Id(#[source] ParseIdError),
}

impl SpiffeIdPatternError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "spiffe_id_pattern"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "OSC-8"
    }
}
