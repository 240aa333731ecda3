//! What an endpoint answers when it refuses (RFC 6749 §5.2).

use std::fmt;

use aims_jose::json::{Object, ObjectWriter};

use super::{MessageError, RESPONSE_LIMITS};
use crate::ErrorCode;

/// An error, as endpoints send it: a code for programs, and words for people. Sent with `Cache-Control: no-store` (WIR-3).
///
/// ```
/// use aims_oauth::{ErrorCode, ErrorResponse};
///
/// let error = ErrorResponse::new(ErrorCode::InvalidGrant).describe("the code was used before");
/// assert_eq!(error.status(), 400);
/// let read = ErrorResponse::parse(error.to_json().as_bytes())?;
/// assert_eq!(read.error_code(), Some(ErrorCode::InvalidGrant));
/// # Ok::<(), aims_oauth::MessageError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorResponse {
    error: Box<str>,
    description: Option<ErrorText>,
    interval: Option<u64>,
}

/// Words for people, of printable ASCII without quotes and backslashes (WIR-4). Whoever wrote them may be anybody: show them as such.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorText(Box<str>);

impl ErrorText {
    /// The text; what may not stand in it is left out, and what is too long is cut off.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let letters = text.chars().filter(|letter| letter.is_ascii() && is_text(*letter as u8));
        Self(letters.take(MAX_TEXT).collect::<String>().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ErrorResponse {
    /// With this code alone.
    #[must_use]
    pub fn new(error: ErrorCode) -> Self {
        Self { error: error.as_str().into(), description: None, interval: None }
    }

    /// With words for people: none that help an attacker.
    #[must_use]
    pub fn describe(mut self, text: &str) -> Self {
        self.description = Some(ErrorText::of(text));
        self
    }

    /// Without them.
    pub(crate) fn without_description(mut self) -> Self {
        self.description = None;
        self
    }

    /// `error`, if it is one that is known.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_text(&self.error)
    }

    /// `error`, as it was sent.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.error
    }

    /// `error_description`.
    #[must_use]
    pub fn description(&self) -> Option<&ErrorText> {
        self.description.as_ref()
    }

    /// The status that it is sent with by an endpoint (WIR-4).
    #[must_use]
    pub fn status(&self) -> u16 {
        self.error_code().map_or(400, ErrorCode::status)
    }

    /// Reads the body of an answer with another status than 200.
    ///
    /// # Errors
    ///
    /// [`MessageError`].
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        let object = Object::parse(body, &RESPONSE_LIMITS)?;
        let error = object.get("error").and_then(|error| error.as_str());
        let error = error.filter(|error| is_sound(error)).ok_or(MessageError::Member("error"))?;
        let description = object.get("error_description").and_then(|text| text.as_str());
        let interval = object.get("interval").and_then(|interval| interval.as_number()?.as_u64());
        Ok(Self { error: error.into(), description: description.map(|text| ErrorText::of(&text)), interval })
    }

    /// `interval`: how long to wait before the next time, in seconds, where a server says so.
    #[must_use]
    pub fn interval(&self) -> Option<u64> {
        self.interval
    }

    /// The body, as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut writer = ObjectWriter::new();
        writer.str("error", &self.error);
        if let Some(description) = &self.description {
            writer.str("error_description", description.as_str());
        }
        // INVARIANT: the names differ.
        writer.finish().unwrap_or_default()
    }
}

/// What a server said, for people. What does not look like a code is not repeated: a server may answer with whatever it was sent (AZR-9).
pub(crate) struct Said<'a> {
    error: &'a str,
    words: Option<&'a ErrorText>,
}

impl<'a> Said<'a> {
    /// `error` and `error_description`.
    pub(crate) fn of(error: &'a str, words: Option<&'a ErrorText>) -> Self {
        Self { error, words: words.filter(|words| !words.as_str().is_empty()) }
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if is_code(self.error) { self.error } else { "an error that is no code" })?;
        match self.words {
            // INVARIANT: there is no quote in it.
            Some(words) => write!(f, ", in its words \"{words}\""),
            None => Ok(()),
        }
    }
}

fn is_code(text: &str) -> bool {
    text.len() <= MAX_CODE && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn is_sound(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && text.bytes().all(is_text)
}

fn is_text(byte: u8) -> bool {
    matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// The longest code of an error that is registered for OAuth has 31 letters.
const MAX_CODE: usize = 40;

const MAX_TEXT: usize = 512;
