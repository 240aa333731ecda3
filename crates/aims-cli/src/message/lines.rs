//! The lines of a message.

use super::MessageError;

/// What is left of a text whose lines all end alike.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    count: usize,
    /// Whether lines end with CRLF, as on their way, or with LF, as in files.
    is_crlf: bool,
}

impl<'a> Lines<'a> {
    /// The first line decides how all end.
    pub(super) fn new(text: &'a [u8]) -> Self {
        let first = text.iter().position(|byte| *byte == b'\n');
        let is_crlf = first.is_none_or(|first| text.get(..first).is_some_and(|line| line.ends_with(b"\r")));
        Self { text, at: 0, count: 0, is_crlf }
    }

    /// The next line, without its end; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, MessageError> {
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(None);
        }
        self.count += 1;
        if self.count > MAX_LINES {
            return Err(MessageError::TooManyLines);
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += line.len() + usize::from(end.is_some());
        let line = match (end, line.strip_suffix(b"\r")) {
            (Some(_), Some(line)) if self.is_crlf => line,
            (Some(_), None) if !self.is_crlf => line,
            (Some(_), _) => return Err(MessageError::LineEnds),
            (None, _) => line,
        };
        // HS-RAW-02: what is no text could end a line for somebody else.
        if !line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) {
            return Err(MessageError::ControlCharacter);
        }
        if line.len() > MAX_LINE { Err(MessageError::LineTooLong) } else { Ok(Some(line)) }
    }

    /// This many bytes, whatever they are, and the line end behind them.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let (bytes, rest) = self.rest().split_at_checked(count).ok_or(MessageError::Truncated)?;
        if !rest.starts_with(self.end().as_bytes()) {
            return Err(if rest.is_empty() { MessageError::Truncated } else { MessageError::Chunk });
        }
        self.at += count + self.end().len();
        Ok(bytes)
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The line that was read last, from 1.
    pub(super) fn number(&self) -> usize {
        let read = self.text.get(..self.at).unwrap_or_default();
        // A text that ends with a line end has nothing behind it that is a line.
        let lines = read.strip_suffix(b"\n").unwrap_or(read);
        lines.split(|byte| *byte == b'\n').count()
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// What lines end with.
    pub(super) fn end(&self) -> &'static str {
        if self.is_crlf { "\r\n" } else { "\n" }
    }
}

/// Of the headers, the trailers and the sizes of chunks.
const MAX_LINES: usize = 1024;

/// As long as what the library reads of one field.
const MAX_LINE: usize = 16 * 1024;
