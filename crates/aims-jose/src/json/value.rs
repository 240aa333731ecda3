use std::borrow::Cow;
use std::fmt;
use std::iter::FusedIterator;

use super::Number;
use super::text::{plain_end, unescape, unescaped};

/// A value of a checked document: a piece of its text that is read when asked for, and cannot fail then.
///
/// `Debug` shows its kind and length only: it may be a private key.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    /// INVARIANT: one checked JSON value, without white space around it.
    raw: &'a str,
    /// Where `raw` begins in the document.
    start: usize,
    kind: Kind,
    /// Whether a string holds escapes; `false` for other kinds.
    escaped: bool,
}

/// The kinds of JSON values (RFC 8259 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8259 has these six and cannot grow")]
pub enum Kind {
    /// `[...]`
    Array,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
    /// A number.
    Number,
    /// `{...}`
    Object,
    /// A string.
    String,
}

impl<'a> Value<'a> {
    #[inline]
    pub(super) fn new(raw: &'a str, start: usize, kind: Kind, escaped: bool) -> Self {
        Self { raw, start, kind, escaped }
    }

    /// The kind of the value.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value as written, quotes and brackets included.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Where the value is in its document, to find it again with [`Object::at`](super::Object::at).
    #[inline]
    #[must_use]
    pub fn span(&self) -> Span {
        Span { start: self.start, len: self.raw.len(), kind: self.kind, escaped: self.escaped }
    }

    /// The text of a string; borrowed if it has no escapes.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let written = self.written()?;
        Some(if self.escaped { Cow::Owned(unescape(written)) } else { Cow::Borrowed(written) })
    }

    /// The text of a string that has no escapes.
    #[inline]
    #[must_use]
    pub fn as_raw_str(&self) -> Option<&'a str> {
        if self.escaped { None } else { self.written() }
    }

    /// Whether this is a string equal to `text`; allocates nothing.
    #[inline]
    #[must_use]
    pub fn is_str(&self, text: &str) -> bool {
        self.written().is_some_and(|written| eq(written, self.escaped, text))
    }

    /// The value of `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == Kind::Bool).then_some(self.raw == "true")
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// The number.
    #[must_use]
    pub fn as_number(&self) -> Option<Number<'a>> {
        (self.kind == Kind::Number).then_some(Number::new(self.raw))
    }

    /// The items of an array, in their order.
    #[must_use]
    pub fn as_array(&self) -> Option<Elements<'a>> {
        (self.kind == Kind::Array).then_some(Elements(self.inside()))
    }

    /// The members of an object, in their order.
    #[must_use]
    pub fn as_object(&self) -> Option<Members<'a>> {
        (self.kind == Kind::Object).then_some(self.members())
    }

    /// The member of an object by its name; `None` also if this is not an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.as_object()?.find_map(|(key, value)| (key == *name).then_some(value))
    }

    /// The members of what is known to be an object.
    pub(super) fn members(&self) -> Members<'a> {
        Members(self.inside())
    }

    /// A string as written between its quotes.
    #[inline]
    fn written(&self) -> Option<&'a str> {
        if self.kind != Kind::String {
            return None;
        }
        self.raw.get(1..self.raw.len().checked_sub(1)?)
    }

    fn inside(&self) -> Cursor<'a> {
        Cursor { text: self.raw, start: self.start, at: 1 }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("kind", &self.kind)
            .field("len", &self.raw.len())
            .finish_non_exhaustive()
    }
}

/// Where a [`Value`] is in its document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) kind: Kind,
    pub(super) escaped: bool,
}

impl Span {
    /// The place of its first byte.
    pub(crate) fn start(self) -> usize {
        self.start
    }
}

/// The name of a member. Names compare after unescaping; `name == "alg"` allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    /// As written between the quotes.
    written: &'a str,
    escaped: bool,
}

impl<'a> Name<'a> {
    #[inline]
    pub(super) fn new(written: &'a str, escaped: bool) -> Self {
        Self { written, escaped }
    }

    /// The name; borrowed if it has no escapes.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.written)) } else { Cow::Borrowed(self.written) }
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        eq(self.written, self.escaped, other)
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// The items of an array: see [`Value::as_array`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Cursor<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.0.value()
    }
}

impl FusedIterator for Elements<'_> {}

/// The members of an object: see [`Value::as_object`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Cursor<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Name<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Name<'a>, Value<'a>)> {
        let name = self.0.value()?;
        Some((Name::new(name.written()?, name.escaped), self.0.value()?))
    }
}

impl FusedIterator for Members<'_> {}

/// Walks over the values inside a checked array or object. It checks nothing again.
#[derive(Clone)]
struct Cursor<'a> {
    text: &'a str,
    /// Where `text` begins in the document.
    start: usize,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next value, or `None` at the closing bracket, where the cursor stays.
    fn value(&mut self) -> Option<Value<'a>> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let start = self.at;
        let mut escaped = false;
        let (kind, end) = match bytes.get(start)? {
            b']' | b'}' => return None,
            b'"' => {
                let (end, found) = string_end(bytes, start);
                escaped = found;
                (Kind::String, end)
            }
            b'[' => (Kind::Array, nested_end(bytes, start)),
            b'{' => (Kind::Object, nested_end(bytes, start)),
            b't' => (Kind::Bool, start + 4),
            b'f' => (Kind::Bool, start + 5),
            b'n' => (Kind::Null, start + 4),
            // Whatever it is, the cursor moves on, so that it ends even in a text that was never checked.
            _ => (Kind::Number, number_end(bytes, start + 1)),
        };
        self.at = end;
        Some(Value::new(self.text.get(start..end)?, self.start + start, kind, escaped))
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("at", &self.at).finish_non_exhaustive()
    }
}

/// The end of the string that begins at `at`, and whether it holds an escape.
fn string_end(bytes: &[u8], at: usize) -> (usize, bool) {
    let mut escaped = false;
    let mut at = plain_end(bytes, at + 1);
    // The four digits of a `\u` are plain characters, so each escape is skipped by two.
    while bytes.get(at) == Some(&b'\\') {
        escaped = true;
        at = plain_end(bytes, at + 2);
    }
    (at + 1, escaped)
}

/// The end of the array or object that begins at `at`.
fn nested_end(bytes: &[u8], mut at: usize) -> usize {
    let mut open = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at).0;
                continue;
            }
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if open == 0 {
            break;
        }
    }
    at
}

fn number_end(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        at += 1;
    }
    at
}

#[inline]
fn eq(written: &str, escaped: bool, text: &str) -> bool {
    if escaped { unescaped(written).eq(text.chars()) } else { written == text }
}
