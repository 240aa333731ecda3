//! Workload identifiers of the `spiffe` scheme.

use core::str::FromStr;

use crate::text::{impl_borrow, impl_text};
use crate::{Origin, ParseIdError, Scheme, WorkloadId, grammar};

/// A SPIFFE ID: a [`WorkloadId`] whose scheme is `spiffe`.
///
/// For code that speaks SPIFFE only, an SVID for example. It reads exactly the texts that [`WorkloadId`] reads and
/// that start with `spiffe://`; what it refuses breaks a rule of [SPIFFE-ID] section 2 (SPF-ID-1 to SPF-ID-9).
///
/// ```
/// use aims_id::SpiffeId;
///
/// let id: SpiffeId = "spiffe://acme.example/agents/travel".parse()?;
/// assert_eq!(id.trust_domain(), "acme.example");
/// assert_eq!(id.path(), "/agents/travel");
///
/// let refusal = "wimse://acme.example/agents/travel".parse::<SpiffeId>().unwrap_err();
/// assert_eq!((refusal.code(), refusal.rule()), ("not_spiffe", "SPF-ID-1"));
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
///
/// [SPIFFE-ID]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity
// INVARIANT: the scheme is `Spiffe`.
#[derive(Clone)]
pub struct SpiffeId(WorkloadId);

impl SpiffeId {
    /// The longest trust domain of a SPIFFE ID, in bytes (SPF-ID-6).
    pub const MAX_TRUST_DOMAIN_LEN: usize = grammar::MAX_SPIFFE_TRUST_DOMAIN_LEN;

    /// The identifier as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// This SPIFFE ID as an identifier of either scheme.
    #[must_use]
    pub fn as_workload_id(&self) -> &WorkloadId {
        &self.0
    }

    /// The name of the trust domain, without the scheme.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.0.trust_domain()
    }

    /// The path with its leading slash, or `""` if there is none (SPF-ID-7).
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Whether there is a path; an ID without names the trust domain or its signing authority (SPF-ID-7).
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.0.has_path()
    }

    /// The segments of the path in order, without slashes, each non-empty; none if there is no path.
    #[must_use]
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.segments()
    }

    /// The ID without its path, as in `spiffe://acme.example`.
    #[must_use]
    pub fn origin_str(&self) -> &str {
        self.0.origin_str()
    }

    /// The origin as a value of its own. Allocates; see [`origin_str`](Self::origin_str).
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin()
    }

    /// Whether `origin` is the origin of this ID (WID-19).
    #[must_use]
    pub fn is_in(&self, origin: &Origin) -> bool {
        self.0.is_in(origin)
    }
}

impl FromStr for SpiffeId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Ok(Self(WorkloadId::of(text, grammar::check_spiffe_id(text)?)))
    }
}

impl TryFrom<WorkloadId> for SpiffeId {
    type Error = ParseIdError;

    fn try_from(id: WorkloadId) -> Result<Self, ParseIdError> {
        match id.scheme() {
            Scheme::Spiffe => Ok(Self(id)),
            Scheme::Wimse => Err(ParseIdError::NotSpiffe),
        }
    }
}

impl From<SpiffeId> for WorkloadId {
    fn from(id: SpiffeId) -> Self {
        id.0
    }
}

impl AsRef<WorkloadId> for SpiffeId {
    fn as_ref(&self) -> &WorkloadId {
        &self.0
    }
}

impl_text!(SpiffeId, ParseIdError);
impl_borrow!(SpiffeId);
