//! W3C Trace Context: which requests belong together.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The content of a `traceparent` field (W3C Trace Context, level 2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TraceParent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// Reads the value of a `traceparent` field. Of versions above `00` the known part is read, as the text asks.
    ///
    /// # Errors
    ///
    /// [`ParseTraceParentError`]; a new trace is begun then.
    pub fn parse(value: &str) -> Result<Self, ParseTraceParentError> {
        let known = value.get(..55).ok_or(ParseTraceParentError)?;
        let rest = value.get(55..).unwrap_or_default();
        let mut parts = known.split('-');
        let (Some(version), Some(trace), Some(span), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseTraceParentError);
        };
        let [version] = hex(version)?;
        if version == 0xff
            || (version == 0 && !rest.is_empty())
            || !(rest.is_empty() || rest.starts_with('-'))
        {
            return Err(ParseTraceParentError);
        }
        let (trace_id, span_id, [flags]) = (hex(trace)?, hex(span)?, hex(flags)?);
        if trace_id == [0; 16] || span_id == [0; 8] {
            return Err(ParseTraceParentError);
        }
        Ok(Self { trace_id, span_id, flags })
    }

    /// Begins a new trace.
    ///
    /// Identifiers are random enough not to collide, and no secret: they come from the keys of the standard library's hash
    /// tables, so that they cost no system call.
    #[must_use]
    pub fn begin() -> Self {
        let mut trace_id = [0; 16];
        for half in trace_id.chunks_exact_mut(8) {
            half.copy_from_slice(&random());
        }
        // `random`: all bits of the identifier are.
        Self { trace_id, span_id: random(), flags: 2 }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random(), ..*self }
    }

    /// The trace, in hexadecimal.
    #[must_use]
    pub fn trace_id(&self) -> String {
        to_hex(&self.trace_id)
    }

    /// The span, in hexadecimal.
    #[must_use]
    pub fn span_id(&self) -> String {
        to_hex(&self.span_id)
    }

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the identifier of the trace is random, so that it may be sampled by.
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.flags & 2 != 0
    }
}

/// The value of a `traceparent` field, of version `00`.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), self.flags & 3)
    }
}

/// The value is not one of a `traceparent` field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the value is not a traceparent")]
#[non_exhaustive]
pub struct ParseTraceParentError;

impl ParseTraceParentError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "malformed_traceparent"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "AUD-60"
    }
}

/// Eight bytes, not all zero: such an identifier is invalid.
fn random() -> [u8; 8] {
    // Each state has keys of its own.
    RandomState::new().build_hasher().finish().max(1).to_be_bytes()
}

/// Lower-case hexadecimal digits of exactly `N` bytes.
fn hex<const N: usize>(text: &str) -> Result<[u8; N], ParseTraceParentError> {
    if text.len() != 2 * N {
        return Err(ParseTraceParentError);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(ParseTraceParentError),
            };
            *byte = *byte << 4 | value;
        }
    }
    Ok(bytes)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|n| char::from_digit(n.into(), 16))
        .collect()
}
