use std::fmt;

use super::scan::{admit, read_text};
use super::{JsonError, Kind, Limits, Members, Name, Span, Value};

/// A JSON object that was checked and is kept as its text: for claims that the caller may ask for later.
///
/// `Debug` shows its length only.
///
/// ```
/// use aims_jose::json::{JsonError, Limits, Object};
///
/// let claims = Object::parse(r#"{"sub":"agent","aud":["a","b"]}"#, &Limits::new())?;
/// let audiences: Vec<_> = claims.get("aud").and_then(|aud| aud.as_array()).into_iter().flatten().collect();
/// assert!(audiences.iter().any(|aud| aud.is_str("b")));
/// # Ok::<(), JsonError>(())
/// ```
#[derive(Clone)]
pub struct Object {
    /// INVARIANT: one checked JSON object, perhaps with white space around it.
    text: String,
}

impl Object {
    /// Checks and keeps `text`; a `String` or `Vec<u8>` is kept without copying it.
    ///
    /// # Errors
    ///
    /// As [`read_object`](super::read_object).
    pub fn parse(text: impl Into<Vec<u8>>, limits: &Limits) -> Result<Self, JsonError> {
        Self::read(text, limits, |_, _| Ok(()))
    }

    /// Checks and keeps `text`, showing its members to `visit` in the same pass.
    ///
    /// What `visit` sees lives in `text`; it can keep [`Value::span`] and find the value again with [`Self::at`].
    ///
    /// # Errors
    ///
    /// As [`read_object`](super::read_object).
    pub fn read<E: From<JsonError>>(
        text: impl Into<Vec<u8>>,
        limits: &Limits,
        visit: impl FnMut(Name<'_>, Value<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let text = text.into();
        admit(&text, limits)?;
        let text = String::from_utf8(text).map_err(|_| JsonError::Utf8)?;
        read_text(&text, limits, visit)?;
        Ok(Self { text })
    }

    /// The member of this name, found by walking over the members before it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.as_value().get(name)
    }

    /// The members in their order.
    #[must_use]
    pub fn iter(&self) -> Members<'_> {
        self.as_value().members()
    }

    /// The value at a place that [`Self::read`] showed while it made this object.
    ///
    /// A span of another document yields `None`, or a value that means nothing.
    #[must_use]
    pub fn at(&self, span: Span) -> Option<Value<'_>> {
        let raw = self.text.get(span.start..span.start.checked_add(span.len)?)?;
        Some(Value::new(raw, span.start, span.kind, span.escaped))
    }

    /// The object as a value.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        let text = self.text.trim_start_matches(WHITE_SPACE);
        let start = self.text.len() - text.len();
        Value::new(text.trim_end_matches(WHITE_SPACE), start, Kind::Object, false)
    }

    /// The text as received.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }
}

impl<'a> IntoIterator for &'a Object {
    type IntoIter = Members<'a>;
    type Item = (Name<'a>, Value<'a>);

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("len", &self.text.len()).finish_non_exhaustive()
    }
}

/// RFC 8259 §2.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
