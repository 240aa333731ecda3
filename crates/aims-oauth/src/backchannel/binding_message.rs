//! A few words that the user sees at both ends.

use std::fmt;
use std::str::FromStr;

/// `binding_message`: what the user sees beside the question and, the same, where the client runs. The client wrote it: it is shown as its words, and decides
/// nothing (HIL-32).
///
/// ```
/// use aims_oauth::BindingMessage;
///
/// let message: BindingMessage = "W4SCT".parse()?;
/// assert_eq!(message.as_str(), "W4SCT");
///
/// // It would read backwards.
/// let refused = "pay \u{202e}001".parse::<BindingMessage>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("binding_message_character", "HIL-32"));
/// # Ok::<(), aims_oauth::BindingMessageError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BindingMessage(Box<str>);

impl BindingMessage {
    /// The longest message, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BindingMessage {
    type Err = BindingMessageError;

    fn from_str(text: &str) -> Result<Self, BindingMessageError> {
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(BindingMessageError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || is_invisible(c)) {
            return Err(BindingMessageError::Character);
        }
        if text.trim().is_empty() { Err(BindingMessageError::Empty) } else { Ok(Self(text.into())) }
    }
}

impl fmt::Display for BindingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not shown to a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingMessageError {
    /// It has a character that is not seen, or that changes how others are.
    #[error("the message has a character that is not seen")]
    Character,
    /// It says nothing.
    #[error("the message is empty")]
    Empty,
    /// It is longer than 64 characters.
    #[error("the message is too long")]
    TooLong,
}

impl BindingMessageError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Character => "binding_message_character",
            Self::Empty => "binding_message_empty",
            Self::TooLong => "binding_message_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "HIL-32"
    }
}

/// Format characters, fillers, tags, variation selectors and line separators: they have no glyph of their own, and several change how others are shown.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
