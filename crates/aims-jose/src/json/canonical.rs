//! JSON in its one spelling (RFC 8785), for what is hashed.

use super::text::write_string;
use super::{Kind, Value};

/// A number has more digits than every reader keeps: of two such numbers it is not sure that they are read as two.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a number has more digits than a double keeps")]
#[non_exhaustive]
pub struct NotCanonical;

impl NotCanonical {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "json_number_precision"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "HIL-40"
    }
}

impl Value<'_> {
    /// The value in its one spelling: members by the UTF-16 code units of their names, no white space, numbers as ECMAScript writes them.
    ///
    /// ```
    /// use aims_jose::json::{Limits, Object};
    ///
    /// let object = Object::parse(r#"{ "b": 1.50, "a": ["\u20ac", 1e2] }"#, &Limits::new())?;
    /// assert_eq!(object.as_value().to_canonical()?, r#"{"a":["€",100],"b":1.5}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotCanonical`]: the scheme is one of doubles (RFC 7493), and would write two numbers of more than 15 digits as the same one.
    pub fn to_canonical(&self) -> Result<String, NotCanonical> {
        let mut out = String::with_capacity(self.raw().len());
        write(&mut out, *self)?;
        Ok(out)
    }
}

fn write(out: &mut String, value: Value<'_>) -> Result<(), NotCanonical> {
    match value.kind() {
        Kind::String => write_string(out, &value.as_str().unwrap_or_default()),
        Kind::Number => write_number(out, value)?,
        Kind::Array => {
            out.push('[');
            for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                separate(out, index);
                write(out, element)?;
            }
            out.push(']');
        }
        Kind::Object => {
            let mut members: Vec<_> =
                value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                separate(out, index);
                write_string(out, &name);
                out.push(':');
                write(out, member)?;
            }
            out.push('}');
        }
        // `true`, `false` and `null` have one spelling.
        _ => out.push_str(value.raw()),
    }
    Ok(())
}

fn write_number(out: &mut String, value: Value<'_>) -> Result<(), NotCanonical> {
    let number = value.as_number().ok_or(NotCanonical)?;
    let is_safe = number.as_i64().is_some_and(|integer| integer.unsigned_abs() <= MAX_SAFE_INTEGER);
    if !is_safe && digits(number.as_written()) > MAX_DIGITS {
        return Err(NotCanonical);
    }
    let double = number.to_f64();
    // What is too small for a double would be zero.
    if !double.is_finite()
        || double != 0.0 && !double.is_normal()
        || double == 0.0 && digits(number.as_written()) > 0
    {
        return Err(NotCanonical);
    }
    out.push_str(ryu_js::Buffer::new().format_finite(double));
    Ok(())
}

/// How many digits of a number say something: none of zero.
fn digits(written: &str) -> usize {
    let mantissa = written.split(['e', 'E']).next().unwrap_or_default();
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let first = digits.iter().position(|digit| *digit != b'0');
    let last = digits.iter().rposition(|digit| *digit != b'0');
    first.zip(last).map_or(0, |(first, last)| last - first + 1)
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

/// Each decimal of so many digits is another double.
const MAX_DIGITS: usize = 15;

/// 2^53 - 1
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
