use super::JsonError;
use super::text::{unescape, unescaped};

/// The names of all open objects, innermost last; on the heap only beyond [`INLINE`] of them.
pub(super) struct Names {
    len: usize,
    /// Equal names have equal hashes; apart from the spans, so that a search goes over little memory.
    hashes: [u32; INLINE],
    spans: [(usize, usize); INLINE],
    more_hashes: Vec<u32>,
    more_spans: Vec<(usize, usize)>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            len: 0,
            hashes: [0; INLINE],
            spans: [(0, 0); INLINE],
            more_hashes: Vec::new(),
            more_spans: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds the name at `start..end` of `text` to the object whose names begin at index `base`.
    #[inline]
    pub(super) fn push(
        &mut self,
        text: &str,
        base: usize,
        (start, end): (usize, usize),
        escaped: bool,
    ) -> Result<(), JsonError> {
        let hash = if escaped {
            let name = unescape(text.get(start..end).unwrap_or_default());
            hash(name.as_bytes(), 0, name.len())
        } else {
            hash(text.as_bytes(), start, end)
        };
        let hashes = self.hashes.get(base..self.len.min(INLINE)).unwrap_or_default();
        let more = self.more_hashes.get(base.saturating_sub(INLINE)..).unwrap_or_default();
        if (contains(hashes, hash) || contains(more, hash)) && self.holds(text, base, (start, end)) {
            return Err(JsonError::DuplicateName);
        }
        if let (Some(free), Some(span)) = (self.hashes.get_mut(self.len), self.spans.get_mut(self.len)) {
            *free = hash;
            *span = (start, end);
        } else {
            self.more_hashes.push(hash);
            self.more_spans.push((start, end));
        }
        self.len += 1;
        Ok(())
    }

    /// Forgets the names from index `base` on: their object is closed.
    pub(super) fn truncate(&mut self, base: usize) {
        self.len = self.len.min(base);
        self.more_hashes.truncate(base.saturating_sub(INLINE));
        self.more_spans.truncate(base.saturating_sub(INLINE));
    }

    /// Whether a name from index `base` on equals that at `start..end`.
    #[cold]
    fn holds(&self, text: &str, base: usize, (start, end): (usize, usize)) -> bool {
        let name = text.get(start..end).unwrap_or_default();
        let spans = self.spans.get(base..self.len.min(INLINE)).unwrap_or_default();
        let more = self.more_spans.get(base.saturating_sub(INLINE)..).unwrap_or_default();
        spans.iter().chain(more).any(|&(start, end)| same(text.get(start..end).unwrap_or_default(), name))
    }
}

/// Looks at every hash, because a loop without an exit is one the compiler can vectorise.
#[inline]
fn contains(hashes: &[u32], hash: u32) -> bool {
    hashes.iter().filter(|&&other| other == hash).count() > 0
}

/// Whether two names, as written between their quotes, are equal after unescaping.
fn same(a: &str, b: &str) -> bool {
    a == b || ((a.contains('\\') || b.contains('\\')) && unescaped(a).eq(unescaped(b)))
}

/// A hash of `start..end` of `text`.
///
/// Not keyed: names that collide on purpose cost one comparison of their bytes with each other name of the object,
/// which the limits on members and length bound.
#[inline]
fn hash(text: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    let mut hash = len as u64;
    let mut at = start;
    while end - at > 8 {
        hash = mix(hash ^ word(text, at));
        at += 8;
    }
    // Up to 8 bytes are left: the word may reach beyond the name, and those bytes are shifted out.
    let left = end - at;
    if left > 0 {
        hash ^= word(text, at) << (64 - 8 * left);
    }
    (mix(hash) >> 32) as u32
}

/// Eight bytes from `at` on; those beyond the end of `text` are zero.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)),
    }
}

#[inline]
fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 29)
}

/// Covers the claims of every token kind here with their confirmation key.
const INLINE: usize = 32;
