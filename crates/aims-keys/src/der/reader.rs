//! Reading strict DER (X.690 §10): what these crates need of it, and no more.

use super::{BIT_STRING, BOOLEAN, INTEGER};

/// What is left to read of a DER value; it copies and allocates nothing.
///
/// `None` from any method means "not strict DER of the shape asked for". Tags are of one byte, lengths below 64 KiB and in
/// their shortest form.
///
/// ```
/// use aims_keys::der::{INTEGER, Reader, SEQUENCE};
///
/// let mut outer = Reader::new(&[0x30, 0x03, 0x02, 0x01, 0x05]);
/// let mut inner = Reader::new(outer.read(SEQUENCE).unwrap());
/// assert_eq!(inner.unsigned(), Some(&[5][..]));
/// assert!(inner.finish().is_some() && outer.finish().is_some());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

/// One element of a DER value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Element<'a> {
    /// The tag, class and form included.
    pub tag: u8,
    /// What is inside.
    pub content: &'a [u8],
    /// All of it, tag and length included.
    pub whole: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which are zero or more elements.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether the next element has this tag.
    #[must_use]
    pub fn peek(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The content of the next element, which has this tag.
    pub fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.peek(tag) { self.read_any() } else { None }
    }

    /// The content of the next element, if it has this tag; `Some(None)` if it has another, or there is none.
    pub fn read_optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.peek(tag) { self.read_any().map(Some) } else { Some(None) }
    }

    /// The content of the next element, whatever its tag.
    pub fn read_any(&mut self) -> Option<&'a [u8]> {
        Some(self.element()?.content)
    }

    /// The next element.
    pub fn element(&mut self) -> Option<Element<'a>> {
        let before = self.0;
        let (&[tag, first], rest) = before.split_first_chunk()?;
        // What follows would be more of the tag, not the length.
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        // Lengths have one spelling, the shortest; 64 KiB is more than any key, signature or certificate has.
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
        let whole = before.get(..before.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, content, whole })
    }

    /// The next element as a BOOLEAN.
    pub fn boolean(&mut self) -> Option<bool> {
        match self.read(BOOLEAN)? {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    /// The next element as a BIT STRING of whole bytes.
    pub fn whole_bytes(&mut self) -> Option<&'a [u8]> {
        match self.read(BIT_STRING)? {
            [0, bytes @ ..] => Some(bytes),
            _ => None,
        }
    }

    /// The next element as an integer that is not negative: big-endian, without the sign byte; zero is one zero byte.
    pub fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.read(INTEGER)? {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
            [0, number @ ..] if !number.is_empty() => Some(number),
            number => Some(number),
        }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    #[must_use = "bytes that are left over are an error"]
    pub fn finish(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

const LONG_TAG: u8 = 0x1f;
