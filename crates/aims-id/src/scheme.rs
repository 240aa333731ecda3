//! The two schemes a workload identifier can have.

use core::fmt;

/// The scheme of a workload identifier: which of the two grammars it obeys.
///
/// The schemes are name spaces of their own. The same trust domain under another scheme is another origin, with
/// other anchors (WID-19).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Scheme {
    /// `spiffe`, defined by the SPIFFE-ID standard.
    Spiffe,
    /// `wimse`, defined by draft-ietf-wimse-identifier.
    Wimse,
}

impl Scheme {
    /// The scheme as it is written, without `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spiffe => "spiffe",
            Self::Wimse => "wimse",
        }
    }

    /// What every identifier of this scheme starts with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Spiffe => "spiffe://",
            Self::Wimse => "wimse://",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
