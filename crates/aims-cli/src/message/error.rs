//! Why a text is no message.

/// Why a text is no message of HTTP, or not one for sure.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum MessageError {
    BadLength,
    BytesBehind,
    Chunk,
    ControlCharacter,
    FieldLine,
    LineEnds,
    LineTooLong,
    NoMessage,
    SeveralHosts,
    StartLine,
    TooManyLines,
    Trailer,
    TransferCoding,
    Truncated,
    TwoLengths,
}

impl MessageError {
    /// A stable name of the reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::BadLength => "bad_content_length",
            Self::BytesBehind => "bytes_behind_message",
            Self::Chunk => "bad_chunk",
            Self::ControlCharacter => "control_character",
            Self::FieldLine => "bad_field_line",
            Self::LineEnds => "mixed_line_ends",
            Self::LineTooLong => "line_too_long",
            Self::NoMessage => "no_message",
            Self::SeveralHosts => "several_hosts",
            Self::StartLine => "bad_start_line",
            Self::TooManyLines => "too_many_lines",
            Self::Trailer => "forbidden_trailer",
            Self::TransferCoding => "bad_transfer_coding",
            Self::Truncated => "truncated_message",
            Self::TwoLengths => "two_lengths",
        }
    }

    /// The requirement in `docs/spec/http-signatures.md` that was broken.
    pub(crate) fn rule(&self) -> &'static str {
        match self {
            Self::NoMessage | Self::StartLine => "HS-RAW-01",
            Self::ControlCharacter
            | Self::FieldLine
            | Self::LineEnds
            | Self::SeveralHosts
            | Self::Trailer => "HS-RAW-02",
            Self::BadLength | Self::Chunk | Self::TransferCoding | Self::TwoLengths => "HS-RAW-03",
            Self::BytesBehind | Self::Truncated => "HS-RAW-04",
            Self::LineTooLong | Self::TooManyLines => "HS-RAW-05",
        }
    }
}

impl std::fmt::Display for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BadLength => "Content-Length is not one number",
            Self::BytesBehind => "there is something behind the content",
            Self::Chunk => "a chunk is malformed",
            Self::ControlCharacter => "a line has a control character",
            Self::FieldLine => "a line is not a field: a name, a colon at once, and a value",
            Self::LineEnds => "some lines end with CRLF and some with LF",
            Self::LineTooLong => "a line is too long",
            Self::NoMessage => "there is no message",
            Self::SeveralHosts => "there are several lines of Host",
            Self::StartLine => "the first line is that of no request and of no response",
            Self::TooManyLines => "there are too many lines",
            Self::Trailer => "a field stands behind the content that has no meaning there",
            Self::TransferCoding => "the transfer coding is another than chunked, or not of this version",
            Self::Truncated => "the message ends before its content does",
            Self::TwoLengths => "the length of the content is said more than once",
        })
    }
}

impl std::error::Error for MessageError {}
