use super::JsonError;
use super::text::{unescape, unescaped};

/// The names of all open objects, innermost last; on the heap only beyond [`INLINE`] of them.
pub(super) struct Names {
    len: usize,
    /// A bit for each name there ever was, chosen by its hash: where it is clear, nothing has to be searched.
    seen: u64,
    /// Pairs of different names with the same hash, so far in this document.
    collisions: usize,
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
            seen: 0,
            collisions: 0,
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
        let bit = 1 << (hash % u64::BITS);
        if self.seen & bit != 0 && self.may_hold(base, hash) && self.holds(text, base, (start, end), hash)? {
            return Err(JsonError::DuplicateName);
        }
        self.seen |= bit;
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

    /// Forgets everything, as a new one would; nothing is written over that need not be.
    pub(super) fn clear(&mut self) {
        self.truncate(0);
        (self.seen, self.collisions) = (0, 0);
    }

    /// Forgets the names from index `base` on: their object is closed.
    #[inline]
    pub(super) fn truncate(&mut self, base: usize) {
        self.len = self.len.min(base);
        if !self.more_hashes.is_empty() {
            self.more_hashes.truncate(base.saturating_sub(INLINE));
            self.more_spans.truncate(base.saturating_sub(INLINE));
        }
    }

    /// Whether a name from index `base` on has this hash.
    fn may_hold(&self, base: usize, hash: u32) -> bool {
        let inline = self.hashes.get(base..self.len.min(INLINE)).unwrap_or_default();
        let more = self.more_hashes.get(base.saturating_sub(INLINE)..).unwrap_or_default();
        contains(inline, hash) || contains(more, hash)
    }

    /// Whether a name from index `base` on equals that at `start..end`, which has this hash.
    #[cold]
    fn holds(
        &mut self,
        text: &str,
        base: usize,
        (start, end): (usize, usize),
        hash: u32,
    ) -> Result<bool, JsonError> {
        let name = text.get(start..end).unwrap_or_default();
        let inline = self.hashes.iter().zip(&self.spans).take(self.len).skip(base);
        let more = self.more_hashes.iter().zip(&self.more_spans).skip(base.saturating_sub(INLINE));
        for (&other, &(start, end)) in inline.chain(more) {
            if other != hash {
                continue;
            }
            if same(text.get(start..end).unwrap_or_default(), name) {
                return Ok(true);
            }
            self.collisions += 1;
            if self.collisions > MAX_COLLISIONS {
                return Err(JsonError::NameCollisions);
            }
        }
        Ok(false)
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

/// A hash of `start..end` of `text`, the same on every machine.
///
/// It is not keyed, so names can be chosen to collide; [`MAX_COLLISIONS`] keeps that from costing anything.
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
    let word = word.wrapping_mul(MULTIPLIER);
    word ^ (word >> 29)
}

/// Covers the claims of every token kind here with their confirmation key.
const INLINE: usize = 32;

/// Of the golden ratio, as is usual.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// More than chance will ever bring: of documents with 256 names one in 130,000 holds a pair.
const MAX_COLLISIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of eight letters or digits that all have this hash.
    fn colliding(hash: u32, count: usize) -> Vec<String> {
        // The multiplier of `mix`, inverted modulo 2^64 by Newton's method.
        let inverse = (0..6).fold(1_u64, |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(MULTIPLIER.wrapping_mul(inverse)))
        });
        let mixed = (0_u64..).map(|low| u64::from(hash) << 32 | low);
        let names = mixed.map(|mixed| (mixed.wrapping_mul(inverse) ^ 8).to_le_bytes());
        let names =
            names.filter(|name| name.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(byte)));
        names.take(count).map(|name| String::from_utf8(name.to_vec()).unwrap()).collect()
    }

    #[test]
    fn jo_json_03_names_that_collide_on_purpose_are_refused() {
        let read = |names: &[String]| {
            let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":0")).collect();
            let text = format!("{{{}}}", members.join(","));
            crate::json::Object::parse(text, &crate::json::Limits::new()).map(|_| ())
        };
        let names = colliding(0, 40);
        // Four names are six pairs, five are ten.
        assert_eq!(read(&names[..4]), Ok(()));
        let refusal = read(&names[..5]).unwrap_err();
        assert_eq!((refusal.code(), refusal.rule()), ("json_name_collisions", "JO-JSON-03"));
        assert_eq!(read(&names), Err(JsonError::NameCollisions));
        // With two pairs of other hashes it is eight, as many as may be.
        let pair = |hash| colliding(hash, 2);
        let eight = [&names[..4], &pair(1), &pair(2)].concat();
        assert_eq!(read(&eight), Ok(()));
        assert_eq!(read(&[&eight[..], &pair(3)].concat()), Err(JsonError::NameCollisions));
        let twice = [&names[..3], &names[1..2]].concat();
        assert_eq!(read(&twice), Err(JsonError::DuplicateName));
    }

    #[test]
    fn jo_json_03_jo_sign_03_claims_whose_names_collide_only_together_are_not_written() {
        // The hash of `exp` before the last shift of `mix`.
        let mixed = (3 ^ (word(b"exp", 0) << 40)).wrapping_mul(MULTIPLIER);
        let names = colliding((mixed >> 32) as u32, 4);
        assert!(names.iter().all(|name| hash(name.as_bytes(), 0, 8) == hash(b"exp", 0, 3)), "{names:?}");
        let mut claims = crate::NewClaims::new();
        let mut write = |expires| {
            for name in &names {
                claims.extensions().u64(name, 1);
            }
            if expires {
                claims.expires(aims_keys::UnixTime::EPOCH);
            }
            claims.finish()
        };
        write(false).unwrap();
        let refusal = write(true).unwrap_err();
        assert_eq!((refusal.code(), refusal.rule()), ("json_name_collisions", "JO-JSON-03"));
    }
}
