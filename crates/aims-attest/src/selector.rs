//! Selectors: single facts about a workload, as text.

use std::fmt;
use std::str::FromStr;

/// A fact about a workload, `type:value`: what an appraisal has proven, and what a registration entry asks for.
///
/// Equality is that of the bytes: nothing is trimmed or folded (ATT-101).
///
/// ```
/// use aims_attest::Selector;
///
/// let selector: Selector = "unix:uid:1000".parse()?;
/// assert_eq!((selector.kind(), selector.value()), ("unix", "uid:1000"));
///
/// let refused = "Unix:uid:1000".parse::<Selector>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("selector_type", "ATT-101"));
/// # Ok::<(), aims_attest::SelectorError>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Selector {
    text: Box<str>,
    /// Where the first colon is. INVARIANT: a char boundary of `text`, set by the constructors.
    colon: usize,
}

impl Selector {
    /// Puts one together.
    ///
    /// # Errors
    ///
    /// [`SelectorError`].
    pub fn new(kind: &str, value: &str) -> Result<Self, SelectorError> {
        check(kind, value)?;
        Ok(Self { text: [kind, ":", value].concat().into(), colon: kind.len() })
    }

    /// The type, such as `unix`: what precedes the first colon.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text.split_at_checked(self.colon).unwrap_or_default().0
    }

    /// The value: what follows the first colon.
    #[must_use]
    pub fn value(&self) -> &str {
        self.text.split_at_checked(self.colon + 1).unwrap_or_default().1
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let (kind, value) = text.split_once(':').ok_or(SelectorError::NoColon)?;
        check(kind, value)?;
        Ok(Self { text: text.into(), colon: kind.len() })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Why a text is not a selector.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// The value has control characters.
    #[error("the value of the selector has control characters")]
    ControlCharacter,
    /// The value is empty.
    #[error("the selector has no value")]
    Empty,
    /// The type is empty, or has other characters than `a-z 0-9 _ -`.
    #[error("the type of the selector is not well-formed")]
    Kind,
    /// There is no colon.
    #[error("the selector has no colon")]
    NoColon,
    /// The value is longer than 4096 bytes, or the type than 64.
    #[error("the selector is too long")]
    TooLong,
}

impl SelectorError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ControlCharacter => "selector_control_character",
            Self::Empty => "selector_empty",
            Self::Kind => "selector_type",
            Self::NoColon => "selector_no_colon",
            Self::TooLong => "selector_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "ATT-101"
    }
}

fn check(kind: &str, value: &str) -> Result<(), SelectorError> {
    let is_of_kind =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if kind.len() > MAX_KIND || value.len() > MAX_VALUE {
        return Err(SelectorError::TooLong);
    }
    if kind.is_empty() || !kind.bytes().all(is_of_kind) {
        return Err(SelectorError::Kind);
    }
    if value.is_empty() {
        return Err(SelectorError::Empty);
    }
    if value.contains(char::is_control) {
        return Err(SelectorError::ControlCharacter);
    }
    Ok(())
}

const MAX_KIND: usize = 64;

const MAX_VALUE: usize = 4096;
