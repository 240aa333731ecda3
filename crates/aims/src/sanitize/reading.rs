//! What a text says to one who decodes it.

use std::ops::Range;

use super::known::{Folded, Known};
use super::{Found, cut, decode, escape, form};

/// Everything that must not be shown, in the text and in what it decodes to.
pub(super) fn find(text: &str, known: &[&Known]) -> Vec<Found> {
    let budget = text.len().saturating_mul(MAX_FACTOR).saturating_add(MIN_BUDGET);
    let mut found = Search { known, budget }.find(text, 0);
    let is_clean = found.is_empty();
    for known in known {
        known.find_exactly(text, is_clean, &mut found);
    }
    found
}

/// Bytes that stand in a text in some encoding.
#[derive(Default)]
pub(super) struct Decoded {
    bytes: Vec<u8>,
    /// For each of them, what it was decoded from.
    from: Vec<Range<usize>>,
}

impl Decoded {
    pub(super) fn push(&mut self, byte: u8, from: Range<usize>) {
        self.bytes.push(byte);
        self.from.push(from);
    }

    /// The stretches that are UTF-8, without zeros: so of UTF-16, too, what is in ASCII.
    pub(super) fn readings(&self, kind: Kind, visit: &mut dyn FnMut(&Reading)) {
        let mut reading = Reading::default();
        let mut flush = |reading: &mut Reading| {
            if reading.text.len() >= MIN_LEN {
                visit(reading);
            }
            reading.text.clear();
            reading.from.clear();
        };
        let mut at = 0;
        for chunk in self.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let from = self.from.get(at..at + c.len_utf8()).unwrap_or_default();
                at += c.len_utf8();
                if kind == Kind::Guess && c.is_control() && !c.is_whitespace() && c != '\0' {
                    flush(&mut reading);
                } else if c != '\0' {
                    reading.text.push(c);
                    reading.from.extend_from_slice(from);
                }
            }
            if !chunk.invalid().is_empty() {
                at += chunk.invalid().len();
                flush(&mut reading);
            }
        }
        flush(&mut reading);
    }
}

/// How sure it is that something was encoded.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Kind {
    /// Escapes: what has none stays as it is.
    Escaped,
    /// Anything may decode to something, and where that is no text it was not meant.
    Guess,
}

/// A stretch of text that another text decodes to.
#[derive(Default)]
pub(super) struct Reading {
    text: String,
    /// For each byte, where in the other text it stands.
    from: Vec<Range<usize>>,
}

impl Reading {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the other text stands what is in a part of this one.
    pub(super) fn place(&self, part: &Range<usize>) -> Option<Range<usize>> {
        Some(self.from.get(part.start)?.start..self.from.get(part.end.checked_sub(1)?)?.end)
    }
}

struct Search<'k> {
    known: &'k [&'k Known],
    /// How many more bytes may be looked at of what decodes more than once.
    budget: usize,
}

impl Search<'_> {
    fn find(&mut self, text: &str, depth: usize) -> Vec<Found> {
        let mut found = Vec::new();
        if depth > 1 {
            let Some(left) = self.budget.checked_sub(text.len()) else { return found };
            self.budget = left;
        }
        form::find(text, &mut found);
        if !self.known.is_empty() {
            let folded = Folded::of(text);
            for known in self.known {
                known.find(&folded, &mut found);
            }
        }
        if depth == MAX_DEPTH {
            return found;
        }
        escape::unescape(text, &mut |reading| {
            let within = self.find(reading.text(), depth + 1);
            found.extend(within.into_iter().filter_map(|(part, label)| Some((reading.place(&part)?, label))));
        });
        decode::base64(text, &mut |reading| {
            cut::find(text, reading, &mut found);
            self.find_within(text, reading, depth, &mut found);
        });
        decode::hex(text, &mut |reading| self.find_within(text, reading, depth, &mut found));
        decode::codes(text, &mut |reading| self.find_within(text, reading, depth, &mut found));
        found
    }

    /// What is in a reading, with the rest of the words of the encoding: part of one would be read as something else.
    fn find_within(&mut self, text: &str, reading: &Reading, depth: usize, found: &mut Vec<Found>) {
        let mut within = self.find(reading.text(), depth + 1);
        if within.is_empty() {
            return;
        }
        within.sort_by_key(|(part, _)| part.start);
        let Some(all) = reading.place(&(0..reading.text().len())) else { return };
        let mut done = all.start;
        for (part, label) in within {
            let Some(part) = reading.place(&part).filter(|part| part.end > done) else { continue };
            let before = text.get(done..part.start).unwrap_or_default();
            let start = done.min(part.start) + before.trim_end_matches(is_encoding).len();
            let behind = text.get(part.end..all.end).unwrap_or_default();
            done = all.end - behind.trim_start_matches(is_encoding).len();
            found.push((start..done, label));
        }
    }
}

/// Whether it is in words of base64 or hexadecimal.
fn is_encoding(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// Shorter than anything that is looked for in what was decoded, in bytes.
const MIN_LEN: usize = 8;

/// How often one encoding is looked for within another.
const MAX_DEPTH: usize = 3;

/// How many times as long as the text may be, in all, what decodes more than once.
const MAX_FACTOR: usize = 32;

/// The same for short texts, in bytes.
const MIN_BUDGET: usize = 65_536;
