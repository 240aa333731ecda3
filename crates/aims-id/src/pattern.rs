//! Patterns over identifiers, for policy.

use alloc::string::String;
use alloc::sync::Arc;
use core::str::FromStr;

use crate::grammar::{self, Parts};
use crate::text::impl_text;
use crate::{ParseIdError, Scheme, WorkloadId};

/// A pattern that identifiers are matched against, where a policy says so: `spiffe://acme.example/agents/*`.
///
/// By default identifiers are compared whole; matching is a decision of policy (WID-17). So a pattern is a type of its
/// own, which neither is an identifier nor lends itself out as a string that could be taken for one.
///
/// A pattern is an origin and whole path segments:
///
/// | In the path | Matches |
/// |---|---|
/// | `agents` | that segment, byte for byte |
/// | `*` | exactly one segment, whatever it is |
/// | `**`, at the end only | one or more segments, whatever they are |
///
/// The origin is compared first, and exactly: there is no wildcard for the scheme or the trust domain, nor for part of a
/// segment. Since `**` stands for one segment at least, `spiffe://acme.example/**` does not match
/// `spiffe://acme.example`; an identifier without a path, which is the trust domain itself, is matched only by the
/// pattern that is the same text.
///
/// ```
/// use aims_id::{IdPattern, WorkloadId};
///
/// let agents: IdPattern = "spiffe://acme.example/agents/**".parse()?;
///
/// let agent: WorkloadId = "spiffe://acme.example/agents/travel/eu".parse()?;
/// assert!(agents.matches(&agent));
///
/// let neighbour: WorkloadId = "spiffe://acme.example/agents-of-others/travel".parse()?;
/// assert!(!agents.matches(&neighbour));
///
/// let refusal = "spiffe://acme.example/agents*".parse::<IdPattern>().unwrap_err();
/// assert_eq!((refusal.code(), refusal.rule()), ("partial_wildcard", "WID-17"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct IdPattern {
    text: Arc<str>,
    /// INVARIANT: made by the grammar from `text`, or from an identifier of the same length that has the same origin.
    parts: Parts,
}

impl IdPattern {
    /// The pattern that matches `id` and nothing else.
    #[must_use]
    pub fn exact(id: &WorkloadId) -> Self {
        Self { text: id.shared_text(), parts: id.parts() }
    }

    /// Whether this pattern has no wildcard, so that it matches exactly one identifier.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether `id` matches.
    #[must_use]
    pub fn matches(&self, id: &WorkloadId) -> bool {
        if id.origin_str() != self.origin_str() {
            return false;
        }
        let mut segments = id.segments();
        for wanted in grammar::segments(self.parts.path(&self.text)) {
            let Some(segment) = segments.next() else {
                return false;
            };
            match wanted {
                // The parser has seen to it that nothing follows.
                "**" => return true,
                "*" => {}
                exact if exact == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// The pattern as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme of every identifier that matches.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.parts.scheme
    }

    /// The origin of every identifier that matches, as in `spiffe://acme.example`.
    #[must_use]
    pub fn origin_str(&self) -> &str {
        self.parts.origin(&self.text)
    }
}

impl FromStr for IdPattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, ParsePatternError> {
        // Bounds the copy that `fill` makes.
        grammar::check_len(text, Scheme::Wimse)?;
        // A pattern is well-formed when the identifier is whose segments replace the wildcards: one grammar for both.
        // The replacements are as long as the wildcards, so the parts of one are those of the other.
        let parts = grammar::check_id(&fill(text)?)?;
        Ok(Self { text: text.into(), parts })
    }
}

impl_text!(IdPattern, ParsePatternError);

/// Why a text is not an [`IdPattern`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePatternError {
    /// `**` is not the last segment.
    #[error("`**` is not the last segment")]
    DoubleWildcardNotLast,
    /// The pattern is not an identifier even if its wildcards are replaced by segments.
    #[error(transparent)]
    Id(#[from] ParseIdError),
    /// A segment has a `*` and something else.
    #[error("a wildcard is part of a segment")]
    PartialWildcard,
    /// The scheme or the trust domain has a `*`.
    #[error("a wildcard is in the scheme or the trust domain")]
    WildcardInOrigin,
}

impl ParsePatternError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DoubleWildcardNotLast => "double_wildcard_not_last",
            Self::Id(error) => error.code(),
            Self::PartialWildcard => "partial_wildcard",
            Self::WildcardInOrigin => "wildcard_in_origin",
        }
    }

    /// The requirement in `docs/spec/wimse.md` (or `spiffe.md`) that the text broke.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Id(error) => error.rule(),
            Self::DoubleWildcardNotLast | Self::PartialWildcard | Self::WildcardInOrigin => "WID-17",
        }
    }
}

/// How many pieces between slashes come before the path: the scheme, nothing, the trust domain.
const PIECES_OF_ORIGIN: usize = 3;

/// `text` with every wildcard replaced by a segment of the same length.
fn fill(text: &str) -> Result<String, ParsePatternError> {
    let mut filled = String::with_capacity(text.len());
    let mut pieces = text.split('/').enumerate().peekable();
    while let Some((at, piece)) = pieces.next() {
        if at > 0 {
            filled.push('/');
        }
        filled.push_str(match piece {
            plain if !plain.contains('*') => plain,
            _ if at < PIECES_OF_ORIGIN => return Err(ParsePatternError::WildcardInOrigin),
            "*" => "x",
            "**" if pieces.peek().is_none() => "xx",
            "**" => return Err(ParsePatternError::DoubleWildcardNotLast),
            _ => return Err(ParsePatternError::PartialWildcard),
        });
    }
    Ok(filled)
}
