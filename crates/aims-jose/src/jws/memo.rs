//! Headers that were seen before.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Header;

/// The headers of a verifier's first few tokens, so that those of the next ones need not be read again: a sender writes the
/// same header each time, byte for byte. Clones share what is remembered.
///
/// A header is remembered in its encoded form, once a signature over it was good. One memo belongs to one
/// verifier, whose limits do not change. To recognise a header decides nothing, for what
/// it says follows from its bytes alone. There are few places and none is given up; when all are taken (keys
/// were rotated often, or a peer varies its header), further headers are read as without a memo.
#[derive(Clone, Default)]
pub struct HeaderMemo(Arc<[OnceLock<(Box<str>, Header)>; PLACES]>);

impl HeaderMemo {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What this encoded header was read as before.
    pub(super) fn get(&self, encoded: &str) -> Option<Header> {
        let mut known = self.0.iter().map_while(OnceLock::get);
        known.find_map(|(known, header)| (**known == *encoded).then(|| header.clone()))
    }

    /// Remembers a header that was signed.
    pub(super) fn remember(&self, encoded: &str, header: &Header) {
        if encoded.len() > MAX_LEN {
            return;
        }
        for place in self.0.iter() {
            // Another thread may have taken the place meanwhile, even with the same header.
            if place.get().is_none() && place.set((encoded.into(), header.clone())).is_ok() {
                return;
            }
            if place.get().is_some_and(|(known, _)| **known == *encoded) {
                return;
            }
        }
    }
}

/// Shows how many headers are remembered.
impl fmt::Debug for HeaderMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.iter().map_while(OnceLock::get).count();
        f.debug_struct("HeaderMemo").field("len", &len).finish_non_exhaustive()
    }
}

const PLACES: usize = 4;

/// Of the encoded header; most have less than 100 characters.
const MAX_LEN: usize = 512;
