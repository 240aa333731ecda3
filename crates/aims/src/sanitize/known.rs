//! Secrets that the sanitizer was told of: exactly, and by what they have in letters and digits.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use zeroize::Zeroizing;

use super::Found;

/// Texts to look for. Beyond the texts themselves it keeps keyed hashes of what stands in them.
#[derive(Clone)]
pub(super) struct Known {
    /// Those that are known by nothing else.
    exact: Vec<Zeroizing<String>>,
    /// Those that are only there if their hashes are.
    hashed: Vec<Zeroizing<String>>,
    /// By length in characters, the hashes of that many folded characters, forwards and backwards.
    windows: BTreeMap<usize, HashSet<u64>>,
    /// What the hashes are made with. Odd, and of this sanitizer alone: nobody can write text that collides on purpose.
    base: u64,
}

impl Known {
    pub(super) fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let is_hashed = self.add_windows(secret);
        let secrets = if is_hashed { &mut self.hashed } else { &mut self.exact };
        secrets.push(Zeroizing::new(secret.to_owned()));
    }

    /// Whether each text has one of the hashes that has the secret.
    fn add_windows(&mut self, secret: &str) -> bool {
        let mut units = Zeroizing::new(Folded::of(secret).units);
        let len = units.len().min(WINDOW);
        if len < MIN_FOLDED {
            return false;
        }
        let mut is_hashed = false;
        for _ in 0..2 {
            // A row of the same few characters says nothing, and stands in many an innocent text.
            let telling = units.windows(len).zip(hashes(&units, len, self.base));
            let telling =
                telling.filter(|(window, _)| window.iter().collect::<BTreeSet<_>>().len() > MAX_DULL);
            let windows = self.windows.entry(len).or_default();
            for (_, hash) in telling {
                is_hashed = true;
                windows.insert(hash);
            }
            units.reverse();
        }
        is_hashed
    }

    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.hashed.len()
    }

    /// Looks for the texts themselves; in one that has no letters and digits of any, for those that have too few.
    pub(super) fn find_exactly(&self, text: &str, is_clean: bool, found: &mut Vec<Found>) {
        let hashed = if is_clean { &[][..] } else { &self.hashed };
        for secret in self.exact.iter().chain(hashed) {
            found.extend(
                text.match_indices(secret.as_str()).map(|(at, found)| (at..at + found.len(), SECRET)),
            );
        }
    }

    pub(super) fn find(&self, text: &Folded, found: &mut Vec<Found>) {
        for (&len, windows) in &self.windows {
            let mut hit: Option<Range<usize>> = None;
            for (at, hash) in hashes(&text.units, len, self.base).enumerate() {
                if !windows.contains(&hash) {
                    continue;
                }
                hit = match hit {
                    Some(hit) if at <= hit.end => Some(hit.start..at + len),
                    before => {
                        found.extend(before.and_then(|hit| text.place(&hit)));
                        Some(at..at + len)
                    }
                };
            }
            found.extend(hit.and_then(|hit| text.place(&hit)));
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        let base = RandomState::new().hash_one(0_u8) | 1;
        Self { exact: Vec::new(), hashed: Vec::new(), windows: BTreeMap::new(), base }
    }
}

/// The letters and digits of a text, in lower case, and where they stand.
pub(super) struct Folded {
    units: Vec<u32>,
    from: Vec<Range<usize>>,
}

impl Folded {
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self { units: Vec::with_capacity(text.len()), from: Vec::with_capacity(text.len()) };
        for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
            for lower in c.to_lowercase().filter(|c| c.is_alphanumeric()) {
                folded.units.push(u32::from(lower));
                folded.from.push(at..at + c.len_utf8());
            }
        }
        folded
    }

    fn place(&self, hit: &Range<usize>) -> Option<Found> {
        let (first, last) = (self.from.get(hit.start)?, self.from.get(hit.end.checked_sub(1)?)?);
        Some((first.start..last.end, SECRET))
    }
}

/// The hash of each `len` units that follow each other: a polynomial in `base`, which the next one continues.
fn hashes(units: &[u32], len: usize, base: u64) -> impl Iterator<Item = u64> {
    let top = (0..len).fold(1_u64, |power, _| power.wrapping_mul(base));
    let mut hash = 0_u64;
    units.iter().enumerate().filter_map(move |(at, &unit)| {
        hash = hash.wrapping_mul(base).wrapping_add(u64::from(unit));
        if let Some(&gone) = at.checked_sub(len).and_then(|gone| units.get(gone)) {
            hash = hash.wrapping_sub(top.wrapping_mul(u64::from(gone)));
        }
        (at + 1 >= len).then_some(hash)
    })
}

/// How many letters and digits of a secret, one after the other, are not shown.
const WINDOW: usize = 12;

/// A secret with fewer letters and digits is looked for exactly: they would stand in many an innocent text.
const MIN_FOLDED: usize = 8;

/// How few different characters make a row of them say nothing.
const MAX_DULL: usize = 3;

const SECRET: &str = "[secret removed]";
