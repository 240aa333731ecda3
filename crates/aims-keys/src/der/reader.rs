//! Reading strict DER (X.690 §10): what these crates need of it, and no more.

use super::INTEGER;

/// What is left to read of a value. `None` anywhere means "not strict DER of the shape asked for".
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether the next element has this tag.
    pub(crate) fn peek(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.peek(tag) { self.read_any() } else { None }
    }

    /// The content of the next element, whatever its tag.
    pub(crate) fn read_any(&mut self) -> Option<&'a [u8]> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        // What follows would be more of the tag, not the length.
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        // Lengths have one spelling, the shortest; 64 KiB is more than any key or signature has.
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&len, rest) = rest.split_first()?;
                (usize::from(len), rest)
            }
            0x82 => {
                let (&len, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(len)), rest)
            }
            _ => return None,
        };
        if (first == 0x81 && len < 0x80) || (first == 0x82 && len < 0x100) {
            return None;
        }
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(content)
    }

    /// The next element as an integer that is not negative: big-endian, without the sign byte; zero is one zero byte.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.read(INTEGER)? {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
            [0, number @ ..] if !number.is_empty() => Some(number),
            number => Some(number),
        }
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

const LONG_TAG: u8 = 0x1f;
