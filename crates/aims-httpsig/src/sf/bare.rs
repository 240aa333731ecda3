//! The eight kinds of value.

use std::borrow::Cow;

use super::Decimal;

/// A value without parameters (RFC 9651 section 3.3).
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the specification has eight kinds of value, and parsers fail on any other"
)]
pub enum BareItem<'a> {
    /// `?0` or `?1`.
    Boolean(bool),
    /// `:aGVsbG8=:`.
    Bytes(Cow<'a, [u8]>),
    /// `@1659578233`: seconds since 1970.
    Date(i64),
    /// `4.5`.
    Decimal(Decimal),
    /// `%"f%c3%bc"`: any text.
    DisplayString(Cow<'a, str>),
    /// `42`, of at most 15 digits.
    Integer(i64),
    /// `"text"`, of printable ASCII.
    String(Cow<'a, str>),
    /// `text`.
    Token(Cow<'a, str>),
}

impl<'a> BareItem<'a> {
    /// A text in quotes.
    pub fn string(text: impl Into<Cow<'a, str>>) -> Self {
        Self::String(text.into())
    }

    /// The Boolean, if it is one.
    #[must_use]
    pub fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The bytes, if these are what it is.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The text of a string, and of nothing else.
    #[must_use]
    pub fn as_string(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The text of a token.
    #[must_use]
    pub fn as_token(&self) -> Option<&str> {
        if let Self::Token(text) = self { Some(text) } else { None }
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> BareItem<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Boolean(value) => BareItem::Boolean(value),
            Self::Bytes(bytes) => BareItem::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Date(value) => BareItem::Date(value),
            Self::Decimal(value) => BareItem::Decimal(value),
            Self::DisplayString(text) => BareItem::DisplayString(owned(text)),
            Self::Integer(value) => BareItem::Integer(value),
            Self::String(text) => BareItem::String(owned(text)),
            Self::Token(text) => BareItem::Token(owned(text)),
        }
    }
}

impl From<bool> for BareItem<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
