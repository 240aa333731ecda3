//! Headers that were seen before.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Header;

/// The headers of a verifier's first few tokens, so that those of the next ones need not be read again: a sender writes the
/// same header each time, byte for byte. Clones share what is remembered.
///
/// A header is remembered in its encoded form, once a signature over it was good. One memo belongs to one verifier, whose
/// limits do not change. To recognise a header decides nothing, for what it says follows from its bytes alone. There are few
/// places and none is given up; when all are taken (keys were rotated often, or a peer varies its header), further headers
/// are read as without a memo.
#[derive(Clone, Default)]
pub struct HeaderMemo(Arc<[OnceLock<Known>; PLACES]>);

struct Known {
    encoded: Box<str>,
    header: Header,
}

impl HeaderMemo {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What this encoded header was read as before.
    pub(super) fn get(&self, encoded: &str) -> Option<Header> {
        let mut known = self.0.iter().map_while(OnceLock::get);
        Some(known.find(|known| *known.encoded == *encoded)?.header.clone())
    }

    /// Remembers a header that was signed.
    pub(super) fn remember(&self, encoded: &str, header: &Header) {
        if encoded.len() > MAX_LEN {
            return;
        }
        for place in self.0.iter() {
            // Of several threads one finds the place free.
            let known = place.get_or_init(|| Known { encoded: encoded.into(), header: header.clone() });
            if *known.encoded == *encoded {
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
