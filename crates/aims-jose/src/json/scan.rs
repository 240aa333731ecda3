use super::names::Names;
use super::text::plain_end;
use super::{JsonError, Kind, Limits, Name, Value};

/// Checks that `text` is one JSON object within `limits`, and shows each of its members to `visit`.
///
/// The whole document is checked, nested values included; `visit` sees the members in their order, while what
/// follows them is still unchecked: drop what it gathered if the result is an error. Nothing is allocated for a
/// document with at most 32 open members and no escapes in its names.
///
/// # Errors
///
/// [`JsonError`] (as `E`) names the first thing that is wrong; an error of `visit` ends the reading.
pub fn read_object<'a, E: From<JsonError>>(
    text: &'a [u8],
    limits: &Limits,
    visit: impl FnMut(Name<'a>, Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    admit(text, limits)?;
    let text = str::from_utf8(text).map_err(|_| JsonError::Utf8)?;
    read_text(text, limits, visit)
}

/// The checks that come before that of UTF-8.
pub(super) fn admit(text: &[u8], limits: &Limits) -> Result<(), JsonError> {
    if text.len() > limits.bytes {
        return Err(JsonError::InputLimit);
    }
    if text.starts_with("\u{feff}".as_bytes()) {
        return Err(JsonError::ByteOrderMark);
    }
    Ok(())
}

/// [`read_object`] for a text that was admitted.
pub(super) fn read_text<'a, E: From<JsonError>>(
    text: &'a str,
    limits: &Limits,
    mut visit: impl FnMut(Name<'a>, Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, limits: *limits, names: Names::new() };
    scanner.skip_white_space();
    match scanner.peek() {
        Some(b'{') => scanner.members(limits.depth, &mut visit)?,
        None => return Err(JsonError::Truncated.into()),
        Some(_) => return Err(JsonError::NotAnObject.into()),
    }
    scanner.skip_white_space();
    match scanner.peek() {
        None => Ok(()),
        Some(_) => Err(JsonError::TrailingData.into()),
    }
}

struct Scanner<'a> {
    text: &'a str,
    /// The bytes of `text`.
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    names: Names,
}

impl<'a> Scanner<'a> {
    /// The object that begins here; `room` is how many levels may be open from here on, this one included.
    fn members<E, F>(&mut self, room: usize, visit: &mut F) -> Result<(), E>
    where
        E: From<JsonError>,
        F: FnMut(Name<'a>, Value<'a>) -> Result<(), E>,
    {
        let room = room.checked_sub(1).ok_or(JsonError::DepthLimit)?;
        let base = self.names.len();
        self.at += 1;
        self.skip_white_space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected().into());
            }
            let start = self.at + 1;
            let escaped = self.string()?;
            let end = self.at - 1;
            if self.names.len() >= self.limits.members {
                return Err(JsonError::MemberLimit.into());
            }
            self.names.push(self.text, base, (start, end), escaped)?;
            let name = Name::new(self.text.get(start..end).unwrap_or_default(), escaped);

            self.skip_white_space();
            if !self.eat(b':') {
                return Err(self.unexpected().into());
            }
            self.skip_white_space();
            let value = self.value(room)?;
            visit(name, value)?;
            if !self.another(b'}')? {
                break;
            }
        }
        self.names.truncate(base);
        Ok(())
    }

    /// The array that begins here; `room` as for [`Self::members`].
    fn elements(&mut self, room: usize) -> Result<(), JsonError> {
        let room = room.checked_sub(1).ok_or(JsonError::DepthLimit)?;
        self.at += 1;
        self.skip_white_space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.value(room)?;
            if !self.another(b']')? {
                return Ok(());
            }
        }
    }

    /// After a value: whether a comma and another value follow, or `close`.
    #[inline]
    fn another(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_white_space();
        if self.eat(b',') {
            self.skip_white_space();
            return if self.peek() == Some(close) { Err(JsonError::TrailingComma) } else { Ok(true) };
        }
        if self.eat(close) { Ok(false) } else { Err(self.unexpected()) }
    }

    /// The value that begins here, in which `room` levels may be open.
    fn value(&mut self, room: usize) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        let mut escaped = false;
        let kind = match self.peek() {
            Some(b'"') => {
                escaped = self.string()?;
                Kind::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Kind::Number
            }
            Some(b'{') => {
                self.members(room, &mut |_, _| Ok::<(), JsonError>(()))?;
                Kind::Object
            }
            Some(b'[') => {
                self.elements(room)?;
                Kind::Array
            }
            Some(b't') => self.literal("true", Kind::Bool)?,
            Some(b'f') => self.literal("false", Kind::Bool)?,
            Some(b'n') => self.literal("null", Kind::Null)?,
            Some(b'+' | b'.' | b'I' | b'N') => return Err(JsonError::NumberForm),
            _ => return Err(self.unexpected()),
        };
        let raw = self.text.get(start..self.at).unwrap_or_default();
        Ok(Value::new(raw, start, kind, escaped))
    }

    /// The string whose opening quote is here; whether it holds an escape.
    #[inline]
    fn string(&mut self) -> Result<bool, JsonError> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = plain_end(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(_) => return Err(JsonError::ControlCharacter),
                None => return Err(JsonError::Truncated),
            }
        }
        if at - start > self.limits.string {
            return Err(JsonError::StringLimit);
        }
        self.at = at + 1;
        Ok(escaped)
    }

    /// The end of the escape whose backslash is at `at`; a surrogate pair counts as one.
    #[cold]
    fn escape(&self, at: usize) -> Result<usize, JsonError> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match self.unit(at)? {
                0xd800..0xdc00 => match self.bytes.get(at + 6..at + 8) {
                    Some(b"\\u") if matches!(self.unit(at + 6)?, 0xdc00..0xe000) => Ok(at + 12),
                    _ => Err(JsonError::LoneSurrogate),
                },
                0xdc00..0xe000 => Err(JsonError::LoneSurrogate),
                _ => Ok(at + 6),
            },
            Some(_) => Err(JsonError::Escape),
            None => Err(JsonError::Truncated),
        }
    }

    /// The UTF-16 code unit of the `\u` escape at `at`.
    fn unit(&self, at: usize) -> Result<u32, JsonError> {
        let digits = self.bytes.get(at + 2..at + 6).ok_or(JsonError::Truncated)?;
        digits.iter().try_fold(0, |unit, &digit| {
            char::from(digit).to_digit(16).map(|value| (unit << 4) | value).ok_or(JsonError::Escape)
        })
    }

    /// The number that begins here.
    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.eat(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(JsonError::NumberForm);
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err(JsonError::NumberForm);
        }
        let exponent = self.eat(b'e') || self.eat(b'E');
        if exponent {
            let _sign = self.eat(b'+') || self.eat(b'-');
            if self.digits() == 0 {
                return Err(JsonError::NumberForm);
            }
        }
        if self.peek().is_some_and(|next| next.is_ascii_alphanumeric() || b"+-._".contains(&next)) {
            return Err(JsonError::NumberForm);
        }

        let len = self.at - start;
        if len > self.limits.number {
            return Err(JsonError::NumberLimit);
        }
        // Without an exponent it takes 309 digits to leave the range.
        if exponent || len > 300 {
            let written = self.text.get(start..self.at).unwrap_or_default();
            if !written.parse().is_ok_and(f64::is_finite) {
                return Err(JsonError::NumberOverflow);
            }
        }
        Ok(())
    }

    /// Skips digits and says how many there were.
    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn literal(&mut self, literal: &str, kind: Kind) -> Result<Kind, JsonError> {
        let end = self.at + literal.len();
        match self.bytes.get(self.at..end) {
            Some(written) if written == literal.as_bytes() => {
                self.at = end;
                Ok(kind)
            }
            Some(_) => Err(JsonError::Syntax),
            None => Err(JsonError::Truncated),
        }
    }

    /// What is wrong where none of the expected characters is.
    #[cold]
    fn unexpected(&self) -> JsonError {
        match self.peek() {
            None => JsonError::Truncated,
            Some(b'/') => JsonError::Comment,
            Some(_) => JsonError::Syntax,
        }
    }

    #[inline]
    fn skip_white_space(&mut self) {
        // Compact texts have none, and every token begins above the space.
        while let Some(byte @ ..=b' ') = self.peek() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return;
            }
            self.at += 1;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}
