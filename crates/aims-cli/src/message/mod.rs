//! HTTP messages as text: what people keep in files, and paste.
//!
//! Nothing is repaired. What two programs may read differently is refused, for then nobody can say what was signed.

mod chunked;
mod error;
mod lines;
#[cfg(test)]
mod tests;

pub(crate) use self::error::Unreadable;

use std::borrow::Cow;
use std::mem;

use aims_httpsig::RawMessage;

use self::error::MessageError;
use self::lines::Lines;

/// A message, taken apart.
pub(crate) struct TextMessage<'a> {
    bytes: &'a [u8],
    start: Start<'a>,
    headers: Vec<Field<'a>>,
    trailers: Vec<Field<'a>>,
    content: Cow<'a, [u8]>,
    /// Where the empty line stands that ends the headers, or the end of the text.
    end_of_headers: usize,
    line_end: &'static str,
}

enum Start<'a> {
    Request { method: &'a str, target: &'a str },
    Response { status: u16 },
}

struct Field<'a> {
    name: &'a str,
    /// As it stands, its folds as CRLF and what follows.
    value: Cow<'a, [u8]>,
}

impl<'a> TextMessage<'a> {
    /// Reads one message and nothing behind it (HS-RAW-01 to HS-RAW-05). The answer to a request for headers alone, `to_head`,
    /// has no content.
    pub(crate) fn parse(bytes: &'a [u8], to_head: bool) -> Result<Self, Unreadable> {
        let mut lines = Lines::new(bytes);
        Self::read(bytes, &mut lines, to_head).map_err(|error| Unreadable { error, line: lines.number() })
    }

    fn read(bytes: &'a [u8], lines: &mut Lines<'a>, to_head: bool) -> Result<Self, MessageError> {
        let (start, version) = Start::parse(lines.next()?.ok_or(MessageError::NoMessage)?)?;
        let (headers, end_of_headers) = fields(lines)?;
        let mut message = Self {
            bytes,
            start,
            headers,
            trailers: Vec::new(),
            content: Cow::Borrowed(&[]),
            end_of_headers,
            line_end: lines.end(),
        };
        if message.values("host").count() > 1 {
            return Err(MessageError::SeveralHosts);
        }
        let framing = message.framing(version)?;
        let rest = match framing {
            _ if message.has_no_content(to_head) => lines.rest(),
            Framing::ToTheEnd => {
                message.content = lines.rest().into();
                &[]
            }
            Framing::Length(length) => {
                let found = lines.rest().len();
                let shorter = MessageError::Shorter { length, found };
                let (content, rest) = lines.rest().split_at_checked(length).ok_or(shorter)?;
                message.content = content.into();
                rest
            }
            Framing::Chunked => {
                let (content, trailers) = chunked::read(lines)?;
                (message.content, message.trailers) = (content.into(), trailers);
                lines.rest()
            }
        };
        // An editor ends a file with a line.
        if rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            Ok(message)
        } else {
            Err(MessageError::BytesBehind(rest.len()))
        }
    }

    /// What the library signs and verifies.
    pub(crate) fn to_raw(&self, scheme: &str) -> RawMessage {
        let message = match self.start {
            Start::Request { method, target } => RawMessage::request(method, target).with_scheme(scheme),
            Start::Response { status } => RawMessage::response(status),
        };
        // INVARIANT: a value that is no text is no authority, and the library says so of the empty one.
        let host = self
            .values("host")
            .next()
            .map(|value| str::from_utf8(value).unwrap_or_default().trim_matches([' ', '\t']));
        let message = match host.filter(|_| self.is_request()) {
            Some(host) => message.with_authority(host),
            None => message,
        };
        let add = |message: RawMessage, field: &Field<'_>| message.with_header(field.name, &field.value);
        let message = self.headers.iter().fold(message, add);
        let add = |message: RawMessage, field: &Field<'_>| message.with_trailer(field.name, &field.value);
        self.trailers.iter().fold(message, add)
    }

    pub(crate) fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// Whether it asks for the headers of an answer alone.
    pub(crate) fn is_head(&self) -> bool {
        matches!(self.start, Start::Request { method: "HEAD", .. })
    }

    /// Without its transfer coding.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    /// The lines of a header field, by its name in lower case.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| &*field.value)
    }

    /// The same message with more header fields, behind those that it has; every other byte stays (HS-SIGN-01).
    pub(crate) fn with_headers<'f>(&self, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Vec<u8> {
        let (head, rest) = self.bytes.split_at_checked(self.end_of_headers).unwrap_or((self.bytes, &[]));
        let mut out = head.to_vec();
        if !head.ends_with(b"\n") {
            out.extend(self.line_end.as_bytes());
        }
        for (name, value) in fields {
            for part in [name, ": ", value, self.line_end] {
                out.extend(part.as_bytes());
            }
        }
        out.extend(if rest.is_empty() { self.line_end.as_bytes() } else { rest });
        out
    }

    /// HS-RAW-03: how long the content is, said once.
    fn framing(&self, version: &str) -> Result<Framing, MessageError> {
        let mut lengths = self.values("content-length");
        let mut codings = self.values("transfer-encoding");
        match (lengths.next(), codings.next()) {
            (None, None) => Ok(Framing::ToTheEnd),
            (Some(_), Some(_)) => Err(MessageError::TwoLengths),
            (Some(length), None) => {
                if lengths.next().is_some() {
                    return Err(MessageError::TwoLengths);
                }
                let digits = str::from_utf8(length).unwrap_or_default().trim_matches([' ', '\t']);
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let length = digits.parse().ok().filter(|_| is_number);
                Ok(Framing::Length(length.ok_or(MessageError::BadLength)?))
            }
            (None, Some(coding)) => {
                let is_chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
                if version != "HTTP/1.1" || !is_chunked || codings.next().is_some() {
                    return Err(MessageError::TransferCoding);
                }
                Ok(Framing::Chunked)
            }
        }
    }

    /// RFC 9110 section 6.4.1.
    fn has_no_content(&self, to_head: bool) -> bool {
        match self.start {
            Start::Request { .. } => false,
            Start::Response { status } => to_head || matches!(status, 100..200 | 204 | 304),
        }
    }
}

enum Framing {
    Chunked,
    Length(usize),
    ToTheEnd,
}

impl<'a> Start<'a> {
    /// HS-RAW-01. With it the version.
    fn parse(line: &'a [u8]) -> Result<(Self, &'a str), MessageError> {
        let wrong = || MessageError::StartLine;
        let mut words = line.splitn(2, |byte| *byte == b' ');
        let first = str::from_utf8(words.next().ok_or_else(wrong)?).map_err(|_| wrong())?;
        let behind = words.next().ok_or_else(wrong)?;
        if VERSIONS.contains(&first) {
            // What is said behind the status is said to people.
            let digits = behind.split(|byte| *byte == b' ').next().unwrap_or_default();
            let text = str::from_utf8(digits).unwrap_or_default();
            let status = text.parse().ok().filter(|status| text.len() == 3 && (100..1000).contains(status));
            return Ok((Self::Response { status: status.ok_or_else(wrong)? }, first));
        }
        let behind = str::from_utf8(behind).map_err(|_| wrong())?;
        let (target, version) = behind.split_once(' ').ok_or_else(wrong)?;
        let is_target = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token(first.as_bytes()) || !is_target || !VERSIONS.contains(&version) {
            return Err(wrong());
        }
        Ok((Self::Request { method: first, target }, version))
    }
}

/// HS-RAW-02: fields to the next empty line, and where that stands. Where the text ends before, it is taken to stand there.
fn fields<'a>(lines: &mut Lines<'a>) -> Result<(Vec<Field<'a>>, usize), MessageError> {
    let mut fields: Vec<Field<'a>> = Vec::new();
    let mut at = lines.position();
    while let Some(line) = lines.next()? {
        match line {
            [] => return Ok((fields, at)),
            [b' ' | b'\t', ..] => fields.last_mut().ok_or(MessageError::FieldLine)?.fold(line),
            line => fields.push(Field::parse(line)?),
        }
        at = lines.position();
    }
    Ok((fields, at))
}

impl<'a> Field<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, MessageError> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(MessageError::FieldLine)?;
        let (name, value) = line.split_at_checked(colon).ok_or(MessageError::FieldLine)?;
        if !is_token(name) {
            return Err(MessageError::FieldLine);
        }
        // INVARIANT: a token is ASCII.
        let name = str::from_utf8(name).map_err(|_| MessageError::FieldLine)?;
        let value = value.get(1..).unwrap_or_default();
        Ok(Self { name, value: value.into() })
    }

    fn fold(&mut self, line: &[u8]) {
        let value = mem::take(&mut self.value);
        self.value = Cow::Owned([&value, b"\r\n".as_slice(), line].concat());
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_char)
}

/// The last two are not text on their way, but tools show them so.
const VERSIONS: [&str; 4] = ["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/3"];
