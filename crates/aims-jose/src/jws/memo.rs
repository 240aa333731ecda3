//! Headers that were seen before.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Header, Limits};

/// The headers of a verifier's first few tokens, so that those of the next ones need not be read again: a sender writes the
/// same header each time, byte for byte. Clones share what is remembered.
///
/// A header is remembered in its encoded form, once a signature over it was good. To recognise one decides nothing, for what
/// it says follows from its bytes alone; and it was within the limits, which belong to the memo and never change. There are
/// few places and none is given up; when all are taken (keys were rotated often, or a peer varies its header), further
/// headers are read as without a memo.
#[derive(Clone)]
pub struct HeaderMemo {
    limits: Limits,
    places: Arc<[OnceLock<Known>; PLACES]>,
}

struct Known {
    encoded: Box<str>,
    header: Header,
}

impl HeaderMemo {
    /// Remembers nothing yet; tokens are read within `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, places: Arc::default() }
    }

    /// How much of a token is read.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What this encoded header was read as before.
    pub(super) fn get(&self, encoded: &str) -> Option<Header> {
        let mut known = self.places.iter().map_while(OnceLock::get);
        Some(known.find(|known| *known.encoded == *encoded)?.header.clone())
    }

    /// Remembers a header that was signed.
    pub(super) fn remember(&self, encoded: &str, header: &Header) {
        if encoded.len() > MAX_LEN {
            return;
        }
        for place in self.places.iter() {
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
        let len = self.places.iter().map_while(OnceLock::get).count();
        f.debug_struct("HeaderMemo").field("len", &len).finish_non_exhaustive()
    }
}

const PLACES: usize = 4;

/// Of the encoded header; most have less than 100 characters.
const MAX_LEN: usize = 512;
