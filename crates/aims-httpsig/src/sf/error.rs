//! Why a text is no structured field, and why a value has no text.

/// Why a text is no structured field of the type that was asked for. Nothing of it counts then (HS-SF-02).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct ParseError {
    at: usize,
    reason: Reason,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A byte sequence is not base64, or has no end.
    #[error("a byte sequence is malformed")]
    ByteSequence,
    /// A Boolean is neither `?0` nor `?1`.
    #[error("a boolean is malformed")]
    Boolean,
    /// A date is not an integer.
    #[error("a date is malformed")]
    Date,
    /// A display string is not what it must be.
    #[error("a display string is malformed")]
    DisplayString,
    /// There is nothing where a value must be.
    #[error("a value is missing")]
    Empty,
    /// An inner list has no end, or its items are not set apart.
    #[error("an inner list is malformed")]
    InnerList,
    /// A name is not one.
    #[error("a key is malformed")]
    Key,
    /// A number has no digits, or too many.
    #[error("a number is malformed")]
    Number,
    /// A string is not ASCII, has an escape that is none, or has no end.
    #[error("a string is malformed")]
    String,
    /// There are more members, items or parameters than allowed.
    #[error("there are too many values")]
    TooMany,
    /// It is longer than allowed.
    #[error("the field is too long")]
    TooLong,
    /// Something follows a complete value.
    #[error("there is something behind the value")]
    Trailing,
    /// A list ends in a comma.
    #[error("a comma is at the end")]
    TrailingComma,
    /// No value begins like this.
    #[error("a value of no known type begins")]
    UnknownType,
}

impl ParseError {
    pub(super) fn new(at: usize, reason: Reason) -> Self {
        Self { at, reason }
    }

    /// Where, in bytes from the start of the field.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is wrong.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.reason {
            Reason::ByteSequence => "bad_byte_sequence",
            Reason::Boolean => "bad_boolean",
            Reason::Date => "bad_date",
            Reason::DisplayString => "bad_display_string",
            Reason::Empty => "empty_value",
            Reason::InnerList => "bad_inner_list",
            Reason::Key => "bad_key",
            Reason::Number => "bad_number",
            Reason::String => "bad_string",
            Reason::TooMany => "too_many_values",
            Reason::TooLong => "field_too_long",
            Reason::Trailing => "trailing_characters",
            Reason::TrailingComma => "trailing_comma",
            Reason::UnknownType => "unknown_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self.reason {
            Reason::TooMany | Reason::TooLong => "HS-SF-06",
            Reason::Number => "HS-SF-05",
            Reason::ByteSequence => "HS-SF-07",
            _ => "HS-SF-01",
        }
    }
}

/// A value that no text stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A key has characters that no key has.
    #[error("the key is not one")]
    Key,
    /// A number has more digits than there may be.
    #[error("the number is too large")]
    Number,
    /// A string is not printable ASCII.
    #[error("the string is not printable ASCII")]
    String,
    /// A token has characters that no token has.
    #[error("the token is not one")]
    Token,
}

impl WriteError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key => "bad_key",
            Self::Number => "number_too_large",
            Self::String => "bad_string",
            Self::Token => "bad_token",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::String => "HS-SIGN-02",
            _ => "HS-SF-04",
        }
    }
}
