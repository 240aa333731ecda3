//! Why a text is no message.

use std::fmt;

/// Why a text is no message of HTTP, or not one for sure, and where that was noticed.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Unreadable {
    pub(super) error: MessageError,
    /// From 1.
    pub(super) line: usize,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum MessageError {
    BadLength,
    /// So many.
    BytesBehind(usize),
    Chunk,
    ControlCharacter,
    FieldLine,
    LineEnds,
    LineTooLong,
    NoMessage,
    SeveralHosts,
    /// Than `Content-Length` says.
    Shorter {
        length: usize,
        found: usize,
    },
    StartLine,
    TooManyLines,
    Trailer,
    TransferCoding,
    Truncated,
    TwoLengths,
}

impl Unreadable {
    /// A stable name of the reason.
    pub(crate) fn code(&self) -> &'static str {
        use MessageError as E;

        match self.error {
            E::BadLength => "bad_content_length",
            E::BytesBehind(_) => "bytes_behind_message",
            E::Chunk => "bad_chunk",
            E::ControlCharacter => "control_character",
            E::FieldLine => "bad_field_line",
            E::LineEnds => "mixed_line_ends",
            E::LineTooLong => "line_too_long",
            E::NoMessage => "no_message",
            E::SeveralHosts => "several_hosts",
            E::StartLine => "bad_start_line",
            E::TooManyLines => "too_many_lines",
            E::Trailer => "forbidden_trailer",
            E::TransferCoding => "bad_transfer_coding",
            E::Shorter { .. } | E::Truncated => "truncated_message",
            E::TwoLengths => "two_lengths",
        }
    }

    /// The requirement in `docs/spec/http-signatures.md` that was broken.
    pub(crate) fn rule(&self) -> &'static str {
        use MessageError as E;

        match self.error {
            E::NoMessage | E::StartLine => "HS-RAW-01",
            E::ControlCharacter | E::FieldLine | E::LineEnds | E::SeveralHosts | E::Trailer => "HS-RAW-02",
            E::BadLength | E::Chunk | E::TransferCoding | E::TwoLengths => "HS-RAW-03",
            E::BytesBehind(_) | E::Shorter { .. } | E::Truncated => "HS-RAW-04",
            E::LineTooLong | E::TooManyLines => "HS-RAW-05",
        }
    }
}

/// With the line, where that helps to find it.
impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use MessageError as E;

        if let E::Chunk | E::ControlCharacter | E::FieldLine | E::LineEnds | E::LineTooLong = self.error {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(match self.error {
            E::BadLength => "Content-Length is not one number",
            E::BytesBehind(bytes) => return write!(f, "there is something behind the content: {bytes} bytes"),
            E::Chunk => "a chunk is malformed",
            E::ControlCharacter => "a line has a control character",
            E::FieldLine => {
                "not a field, which is a name, a colon at once, and a value; nor the empty line in front of the content"
            }
            E::LineEnds => "some lines end with CRLF and some with LF",
            E::LineTooLong => "a line is too long",
            E::NoMessage => "there is no message",
            E::SeveralHosts => "there are several lines of Host",
            E::Shorter { length, found } => {
                return write!(
                    f,
                    "the message ends before its content does: Content-Length is {length}, and {found} bytes are there"
                );
            }
            E::StartLine => {
                "the first line is that of no request and of no response, such as GET / HTTP/1.1 or HTTP/1.1 200 OK"
            }
            E::TooManyLines => "there are too many lines",
            E::Trailer => "a field stands behind the content that has no meaning there",
            E::TransferCoding => "the transfer coding is another than chunked, or not of this version",
            E::Truncated => "the message ends before its content does",
            E::TwoLengths => "the length of the content is said more than once",
        })
    }
}

impl std::error::Error for Unreadable {}
