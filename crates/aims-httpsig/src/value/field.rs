//! The values of fields (RFC 9421 section 2.1).

use crate::component::Kind;
use crate::sf::{self, Dictionary, Item, List, Member};
use crate::{Component, ComponentError, Context, FieldType, Message, Part};

/// Appends the value of a field.
pub(super) fn write(
    context: &Context<'_>,
    message: &dyn Message,
    component: &Component<'_>,
    to: &mut String,
) -> Result<(), ComponentError> {
    debug_assert_eq!(component.kind, Kind::Field, "what is derived is written elsewhere");
    let part = if component.flags.trailer { Part::Trailers } else { Part::Headers };
    let lines = Lines { message, part, name: component.name() };
    let key = component.text("key");
    if component.flags.structured || key.is_some() {
        return structured(context, &lines, key, to);
    }
    if component.flags.binary { lines.write_binary(to) } else { lines.write_plain(to) }
}

/// All lines of one field.
struct Lines<'m> {
    message: &'m dyn Message,
    part: Part,
    name: &'m str,
}

impl<'m> Lines<'m> {
    /// HS-VAL-04: how many lines `each` was given; none is an error.
    fn for_each(
        &self,
        mut each: impl FnMut(usize, &'m [u8]) -> Result<(), ComponentError>,
    ) -> Result<usize, ComponentError> {
        let (mut count, mut outcome) = (0, Ok(()));
        self.message.lines(self.part, self.name, &mut |line| {
            if outcome.is_ok() {
                outcome = each(count, trim(line));
            }
            count += 1;
        });
        outcome?;
        if count == 0 { Err(ComponentError::Absent) } else { Ok(count) }
    }

    /// HS-VAL-01 to HS-VAL-03.
    fn write_plain(&self, to: &mut String) -> Result<(), ComponentError> {
        let count = self.for_each(|at, line| {
            if at > 0 {
                to.push_str(", ");
            }
            if line.iter().all(|byte| is_text(*byte)) {
                // INVARIANT: it is ASCII.
                to.push_str(str::from_utf8(line).unwrap_or_default());
                return Ok(());
            }
            for byte in unfold(line)? {
                if !byte.is_ascii() {
                    return Err(ComponentError::NonAscii);
                }
                to.push(byte.into());
            }
            Ok(())
        })?;
        // HS-VAL-06: a comma is part of a cookie, so joined lines can stand for others.
        if count > 1 && self.name == "set-cookie" { Err(ComponentError::SeveralLines) } else { Ok(()) }
    }

    /// Each line by itself, as a byte sequence.
    fn write_binary(&self, to: &mut String) -> Result<(), ComponentError> {
        let written = self.for_each(|at, line| {
            to.push_str(if at > 0 { ", :" } else { ":" });
            sf::encode_bytes(&unfold(line)?, to);
            to.push(':');
            Ok(())
        });
        written.map(drop)
    }

    /// All lines as one text, to be parsed.
    fn joined(&self) -> Result<Vec<u8>, ComponentError> {
        let mut text = Vec::new();
        self.for_each(|at, line| {
            if at > 0 {
                text.extend(b", ");
            }
            text.extend(line);
            Ok(())
        })?;
        Ok(text)
    }
}

/// HS-ID-10, HS-ID-11.
fn structured(
    context: &Context<'_>,
    lines: &Lines<'_>,
    key: Option<&str>,
    to: &mut String,
) -> Result<(), ComponentError> {
    use ComponentError as E;

    let kind = context.field_type(lines.name).ok_or(E::FieldTypeUnknown)?;
    let (text, limits) = (lines.joined()?, &context.limits);
    let written = match (kind, key) {
        (FieldType::Dictionary, None) => {
            Dictionary::parse(&text, limits).map_err(E::FieldMalformed)?.write(to)
        }
        (FieldType::Dictionary, Some(key)) => {
            let dictionary = Dictionary::parse(&text, limits).map_err(E::FieldMalformed)?;
            Member::write(dictionary.get(key).ok_or(E::MemberAbsent)?, to)
        }
        (FieldType::List, None) => List::parse(&text, limits).map_err(E::FieldMalformed)?.write(to),
        (FieldType::Item, None) => Item::parse(&text, limits).map_err(E::FieldMalformed)?.write(to),
        (FieldType::Item | FieldType::List, Some(_)) => return Err(E::NotADictionary),
    };
    // INVARIANT: what was parsed can be written.
    written.map_err(|_| E::BadValue)
}

fn trim(line: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = line.iter().position(|byte| !is_space(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    line.get(start..end).unwrap_or_default()
}

/// A space in place of each obsolete line fold. What is left of line breaks and other control characters is an error: it could forge a line of the base.
fn unfold(line: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (first, behind) {
            (b'\r', [b'\n', b' ' | b'\t', behind @ ..]) => {
                while matches!(bytes.last(), Some(b' ' | b'\t')) {
                    bytes.pop();
                }
                bytes.push(b' ');
                rest = behind;
                while let [b' ' | b'\t', behind @ ..] = rest {
                    rest = behind;
                }
            }
            (b'\t' | b' '..=b'~' | 0x80.., _) => bytes.push(*first),
            _ => return Err(ComponentError::ControlCharacter),
        }
    }
    Ok(bytes)
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}
