use super::JsonError;
use super::text::{unescape, unescaped};

/// The names of all open objects, innermost last; on the heap only beyond [`INLINE`] of them.
pub(super) struct Names {
    inline: [Entry; INLINE],
    spilled: Vec<Entry>,
    len: usize,
}

/// Where a name is in the text, and a hash that equal names share.
#[derive(Clone, Copy, Default)]
struct Entry {
    start: usize,
    end: usize,
    hash: u64,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            inline: [Entry::default(); INLINE],
            spilled: Vec::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds the name at `start..end` of `text` to the object whose names begin at index `base`.
    pub(super) fn push(
        &mut self,
        text: &str,
        base: usize,
        (start, end): (usize, usize),
        escaped: bool,
    ) -> Result<(), JsonError> {
        let name = text.get(start..end).unwrap_or_default();
        let hash = if escaped {
            hash(unescape(name).as_bytes())
        } else {
            hash(name.as_bytes())
        };
        let inline = self.inline.get(base..self.len.min(INLINE)).unwrap_or_default();
        let spilled = self
            .spilled
            .get(base.saturating_sub(INLINE)..)
            .unwrap_or_default();
        let mut before = inline.iter().chain(spilled);
        if before.any(|e| e.hash == hash && same(text.get(e.start..e.end).unwrap_or_default(), name)) {
            return Err(JsonError::DuplicateName);
        }
        let entry = Entry { start, end, hash };
        match self.inline.get_mut(self.len) {
            Some(free) => *free = entry,
            None => self.spilled.push(entry),
        }
        self.len += 1;
        Ok(())
    }

    /// Forgets the names from index `base` on: their object is closed.
    pub(super) fn truncate(&mut self, base: usize) {
        self.len = self.len.min(base);
        self.spilled.truncate(base.saturating_sub(INLINE));
    }
}

/// Whether two names, as written between their quotes, are equal after unescaping.
fn same(a: &str, b: &str) -> bool {
    a == b || ((a.contains('\\') || b.contains('\\')) && unescaped(a).eq(unescaped(b)))
}

/// Not keyed: names that collide on purpose cost one comparison of bytes each, within the limit on members.
fn hash(name: &[u8]) -> u64 {
    let (words, rest) = name.as_chunks::<8>();
    let mut hash = name.len() as u64;
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word));
    }
    mix(rest
        .iter()
        .fold(hash, |hash, &byte| hash.rotate_left(8) ^ u64::from(byte)))
}

fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 29)
}

/// Covers the claims of every token kind here with their confirmation key.
const INLINE: usize = 32;
