//! Workload identifiers of either scheme.

use alloc::sync::Arc;
use core::str::FromStr;

use crate::grammar::{self, Parts};
use crate::text::{impl_borrow, impl_text};
use crate::{Origin, ParseIdError, Scheme};

/// A canonical workload identifier: who a workload or an agent is, before anything is proved about it.
///
/// A value exists only if its text obeys the rules of its scheme, so a function that takes one never checks it again
/// (WID-12). Nothing is normalised on the way in (WID-8): the text that comes out is the text that went in, and two
/// identifiers are equal when their bytes are (WID-11).
///
/// Compare and authorize on the whole identifier (WID-6). A path means something only within its trust domain
/// (ARCH-9): [`path`](Self::path) alone identifies nobody.
///
/// A value is not evidence. Whoever has read it from a request knows a name, not a caller (WID-14).
///
/// Parsing allocates once; a clone shares that allocation.
///
/// ```
/// use aims_id::{Scheme, WorkloadId};
///
/// let id: WorkloadId = "wimse://acme.example/agents/travel".parse()?;
/// assert_eq!(id.scheme(), Scheme::Wimse);
/// assert_eq!(id.trust_domain(), "acme.example");
/// assert_eq!(id.path(), "/agents/travel");
/// assert_eq!(id.to_string(), "wimse://acme.example/agents/travel");
///
/// let refusal = "wimse://acme.example/agents/../root".parse::<WorkloadId>().unwrap_err();
/// assert_eq!((refusal.code(), refusal.rule()), ("dot_segment", "WID-10"));
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
#[derive(Clone)]
pub struct WorkloadId {
    text: Arc<str>,
    /// INVARIANT: made from `text` by the grammar.
    parts: Parts,
}

impl WorkloadId {
    /// The longest identifier, in bytes, scheme and separators included (WID-3, SPF-ID-6).
    pub const MAX_LEN: usize = grammar::MAX_LEN;

    /// The identifier as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.parts.scheme
    }

    /// The name of the trust domain, without the scheme.
    ///
    /// The same name exists in either scheme: look anchors up by [`origin_str`](Self::origin_str) (WID-19).
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.parts.trust_domain(&self.text)
    }

    /// The path with its leading slash, or `""` for a `spiffe` identifier that has none (SPF-ID-7).
    #[must_use]
    pub fn path(&self) -> &str {
        self.parts.path(&self.text)
    }

    /// Whether there is a path.
    ///
    /// One without names a SPIFFE trust domain or its signing authority, never a workload (SPF-ID-7).
    #[must_use]
    pub fn has_path(&self) -> bool {
        !self.path().is_empty()
    }

    /// The segments of the path in order, without slashes, each non-empty; none if there is no path.
    ///
    /// ```
    /// # use aims_id::WorkloadId;
    /// let id: WorkloadId = "spiffe://acme.example/agents/travel".parse()?;
    /// assert!(id.segments().eq(["agents", "travel"]));
    /// # Ok::<(), aims_id::ParseIdError>(())
    /// ```
    #[must_use]
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        grammar::segments(self.path())
    }

    /// The identifier without its path: scheme and trust domain, as in `spiffe://acme.example`.
    ///
    /// It finds an entry in a map whose keys are [`Origin`]s.
    #[must_use]
    pub fn origin_str(&self) -> &str {
        self.parts.origin(&self.text)
    }

    /// The origin as a value of its own. Allocates; see [`origin_str`](Self::origin_str).
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::of(self.origin_str(), self.parts)
    }

    /// Whether `origin` is the origin of this identifier: the same scheme and the same trust domain (WID-19).
    #[must_use]
    pub fn is_in(&self, origin: &Origin) -> bool {
        self.origin_str() == origin.as_str()
    }

    /// The same identifier, given that `parts` were made from `text`.
    pub(crate) fn of(text: &str, parts: Parts) -> Self {
        Self { text: text.into(), parts }
    }

    pub(crate) fn parts(&self) -> Parts {
        self.parts
    }

    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

impl FromStr for WorkloadId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Ok(Self::of(text, grammar::check_id(text)?))
    }
}

impl_text!(WorkloadId, ParseIdError);
impl_borrow!(WorkloadId);
