//! `scope`: what a token is good for, in words of its issuer (RFC 6749 §3.3).

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// A set of scope tokens. Their order says nothing, and case counts (WIR-7).
///
/// ```
/// use aims_oauth::Scope;
///
/// let granted: Scope = "trips:read trips:book".parse()?;
/// let asked: Scope = "trips:book".parse()?;
/// assert!(granted.contains("trips:read") && asked.is_subset_of(&granted));
/// assert_eq!(granted, "trips:book trips:read".parse()?);
///
/// let refused = "trips:book  trips:read".parse::<Scope>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("scope_empty_token", "WIR-7"));
/// # Ok::<(), aims_oauth::ScopeError>(())
/// ```
#[derive(Clone, Default)]
pub struct Scope {
    /// INVARIANT: tokens, single spaces between them; or nothing.
    text: Box<str>,
}

impl Scope {
    /// No scope at all: what a token without the claim has.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Of these tokens.
    ///
    /// # Errors
    ///
    /// [`ScopeError`].
    pub fn of(tokens: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ScopeError> {
        let mut text = String::new();
        for token in tokens {
            check(token.as_ref())?;
            push(&mut text, token.as_ref());
        }
        if text.len() > MAX_LEN { Err(ScopeError::TooLong) } else { Ok(Self { text: text.into() }) }
    }

    /// The tokens, single spaces between them; empty if there are none, and then the parameter is left out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The tokens, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.text.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether this token is among them.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|known| known == token)
    }

    /// Whether all of its tokens are in the other, too.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        let known = other.lookup();
        self.iter().all(|token| known.contains(token))
    }

    /// What both have, in the order of this one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let known = other.lookup();
        self.filtered(|token| known.contains(token))
    }

    /// What the other does not have, in the order of this one: what is missing where that was asked for and this is needed.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let known = other.lookup();
        self.filtered(|token| !known.contains(token))
    }

    /// All tokens of both: first those of this one.
    ///
    /// # Errors
    ///
    /// [`ScopeError::TooLong`].
    pub fn or(&self, other: &Self) -> Result<Self, ScopeError> {
        let more = other.without(self);
        Self::of(self.iter().chain(more.iter()))
    }

    fn filtered(&self, is_kept: impl Fn(&str) -> bool) -> Self {
        let mut text = String::new();
        for token in self.iter().filter(|token| is_kept(token)) {
            push(&mut text, token);
        }
        Self { text: text.into() }
    }

    /// What is asked for may be as long as what is known: neither is compared with all of the other.
    fn lookup(&self) -> HashSet<&str> {
        self.iter().collect()
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_LEN {
            return Err(ScopeError::TooLong);
        }
        if text.is_empty() {
            return Err(ScopeError::Empty);
        }
        text.split(' ').try_for_each(check)?;
        Ok(Self { text: text.into() })
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.is_subset_of(other) && other.is_subset_of(self)
    }
}

impl Eq for Scope {}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Why a text is no scope.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// A token has a character that none may have.
    #[error("the scope has a character that no scope has")]
    Character,
    /// There is nothing in it.
    #[error("the scope is empty")]
    Empty,
    /// Two spaces follow each other, or one is at an end.
    #[error("the scope has a space that stands between no tokens")]
    EmptyToken,
    /// It is longer than anything that carries one.
    #[error("the scope is too long")]
    TooLong,
}

impl ScopeError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Character => "scope_character",
            Self::Empty => "scope_empty",
            Self::EmptyToken => "scope_empty_token",
            Self::TooLong => "scope_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        if matches!(self, Self::TooLong) { "WIR-9" } else { "WIR-7" }
    }
}

fn check(token: &str) -> Result<(), ScopeError> {
    if token.is_empty() {
        return Err(ScopeError::EmptyToken);
    }
    let is_sound = token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    if is_sound { Ok(()) } else { Err(ScopeError::Character) }
}

fn push(text: &mut String, token: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(token);
}

/// WIR-9: of the JWT that holds one.
const MAX_LEN: usize = 16 * 1024;
