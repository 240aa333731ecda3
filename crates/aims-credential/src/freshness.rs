//! Whether a bundle that was fetched takes the place of the one that is stored.

use crate::TrustBundle;

/// What a bundle that was fetched is to the one that is stored, by `spiffe_sequence` and content (BND-8).
///
/// Revocation lists are not part of a bundle document, and not compared. Whoever stores the one that was fetched gives it those of the
/// old one.
///
/// ```
/// use aims_credential::{Freshness, TrustBundle};
/// # use aims_jose::JwkSet;
///
/// let bundle = |sequence| {
///     TrustBundle::new("spiffe://acme.example".parse().unwrap(), JwkSet::default()).with_sequence(sequence)
/// };
/// assert_eq!(Freshness::of(&bundle(7), &bundle(8)), Freshness::Newer);
/// assert!(!Freshness::of(&bundle(7), &bundle(6)).replaces());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a caller that stores bundles decides about every outcome")]
pub enum Freshness {
    /// The content differs though the sequence number is the same: the one fetched last counts. To be reported.
    Changed,
    /// It is the bundle of another origin: never to be stored in place of this one (BND-2). To be reported.
    Foreign,
    /// Its sequence number is larger: it counts.
    Newer,
    /// Its sequence number is smaller: it is ignored. To be reported.
    Older,
    /// It is the same as before.
    Same,
    /// One of them has no sequence number, and the content or the number differs: the one fetched last counts. To be
    /// reported.
    Unordered,
}

impl Freshness {
    /// Compares the two.
    #[must_use]
    pub fn of(stored: &TrustBundle, fetched: &TrustBundle) -> Self {
        if stored.origin() != fetched.origin() {
            return Self::Foreign;
        }
        match (stored.sequence(), fetched.sequence()) {
            (Some(stored), Some(fetched)) if fetched > stored => Self::Newer,
            (Some(stored), Some(fetched)) if fetched < stored => Self::Older,
            (before, now) if before == now && stored.has_content_of(fetched) => Self::Same,
            (Some(_), Some(_)) => Self::Changed,
            _ => Self::Unordered,
        }
    }

    /// Whether the one fetched is to be stored.
    #[must_use]
    pub fn replaces(self) -> bool {
        match self {
            Self::Changed | Self::Newer | Self::Unordered => true,
            Self::Foreign | Self::Older | Self::Same => false,
        }
    }

    /// Whether somebody should know: the source contradicts itself or goes back in time, or cannot show that it does not.
    #[must_use]
    pub fn is_to_be_reported(self) -> bool {
        match self {
            Self::Changed | Self::Foreign | Self::Older | Self::Unordered => true,
            Self::Newer | Self::Same => false,
        }
    }
}

impl TrustBundle {
    /// Whether both say the same, in whatever order.
    fn has_content_of(&self, other: &Self) -> bool {
        self.refresh_hint() == other.refresh_hint()
            && is_same_set(self.keys().iter(), other.keys().iter())
            && is_same_set(self.jwt_keys().iter(), other.jwt_keys().iter())
            && self.has_authorities_of(other)
    }

    #[cfg(feature = "x509")]
    fn has_authorities_of(&self, other: &Self) -> bool {
        is_same_set(self.x509_authorities().iter(), other.x509_authorities().iter())
    }

    #[cfg(not(feature = "x509"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn has_authorities_of(&self, _: &Self) -> bool {
        true
    }
}

/// A bundle holds at most a thousand of each: no order is needed.
fn is_same_set<'b, T: PartialEq + 'b>(
    a: impl Iterator<Item = &'b T>,
    b: impl Iterator<Item = &'b T>,
) -> bool {
    let (a, b): (Vec<_>, Vec<_>) = (a.collect(), b.collect());
    a.iter().all(|item| b.contains(item)) && b.iter().all(|item| a.contains(item))
}
