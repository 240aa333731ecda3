//! Content in chunks (RFC 9112 section 7.1).

use super::lines::Lines;
use super::{Field, MessageError, fields};

/// The content, and the trailer fields behind it.
pub(super) fn read<'a>(lines: &mut Lines<'a>) -> Result<(Vec<u8>, Vec<Field<'a>>), MessageError> {
    let mut content = Vec::new();
    loop {
        match size(lines.next()?.ok_or(MessageError::Truncated)?)? {
            0 => break,
            size => content.extend(lines.bytes(size)?),
        }
    }
    let (trailers, at) = fields(lines)?;
    // The empty line is there: a text that was cut is no message.
    if lines.position() == at {
        return Err(MessageError::Truncated);
    }
    let is_framing = |field: &Field<'_>| FRAMING.iter().any(|name| field.name.eq_ignore_ascii_case(name));
    if trailers.iter().any(is_framing) { Err(MessageError::Trailer) } else { Ok((content, trailers)) }
}

/// Extensions are passed over.
fn size(line: &[u8]) -> Result<usize, MessageError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    let digits = str::from_utf8(digits).map_err(|_| MessageError::Chunk)?;
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err(MessageError::Chunk);
    }
    usize::from_str_radix(digits, 16).map_err(|_| MessageError::Chunk)
}

/// They say where a message goes and where it ends: too late behind the content (RFC 9110 section 6.5.1).
const FRAMING: [&str; 3] = ["content-length", "host", "transfer-encoding"];

/// More than a file can have that is read here.
const MAX_DIGITS: usize = 7;
