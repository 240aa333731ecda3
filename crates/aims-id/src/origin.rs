//! The origin of an identifier: its scheme and its trust domain.

use alloc::string::String;
use alloc::sync::Arc;
use core::str::FromStr;

use crate::grammar::{self, Parts};
use crate::text::{impl_borrow, impl_text};
use crate::{ParseIdError, Scheme, TrustDomain, WorkloadId};

/// The scheme and the trust domain of an identifier: `spiffe://acme.example`.
///
/// Trust anchors and issuers are bound to an origin, never to a bare trust domain name: an issuer trusted for
/// `spiffe://acme.example` is not trusted for `wimse://acme.example` (WID-19).
///
/// A map with origins as keys is asked by [`WorkloadId::origin_str`], without an allocation:
///
/// ```
/// use std::collections::HashMap;
///
/// use aims_id::{Origin, WorkloadId};
///
/// let anchors = HashMap::from([("spiffe://acme.example".parse::<Origin>()?, "the keys of acme")]);
///
/// let agent: WorkloadId = "spiffe://acme.example/agents/travel".parse()?;
/// assert_eq!(anchors.get(agent.origin_str()), Some(&"the keys of acme"));
///
/// let namesake: WorkloadId = "wimse://acme.example/agents/travel".parse()?;
/// assert_eq!(anchors.get(namesake.origin_str()), None);
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
#[derive(Clone)]
pub struct Origin {
    text: Arc<str>,
    /// INVARIANT: made from `text`, or from an identifier that starts with it, by the grammar.
    parts: Parts,
}

impl Origin {
    /// The origin of this trust domain under this scheme.
    ///
    /// # Errors
    ///
    /// [`ParseIdError`] where the scheme does not allow the name: for `spiffe` one of more than 255 bytes (SPF-ID-6),
    /// for `wimse` an IPv4 address (WID-5) or a dot at the end (WID-9); for either one that makes the origin longer than
    /// an identifier may be (SPF-ID-6, WID-3).
    pub fn new(scheme: Scheme, trust_domain: &TrustDomain) -> Result<Self, ParseIdError> {
        let text: String = [scheme.prefix(), trust_domain.as_str()].concat();
        // The parser does not look at the scheme of what is too long.
        grammar::check_len(&text, scheme)?;
        text.parse()
    }

    /// The origin as it is written in an identifier.
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
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.parts.trust_domain(&self.text)
    }

    /// The identifier at `path` in this trust domain. The path starts with a slash; for `spiffe` it may be empty.
    ///
    /// For issuers. Whatever the path holds, the result is in this origin, or there is none.
    ///
    /// ```
    /// use aims_id::Origin;
    ///
    /// let origin: Origin = "spiffe://acme.example".parse()?;
    /// assert_eq!(origin.workload("/agents/travel")?.as_str(), "spiffe://acme.example/agents/travel");
    ///
    /// let refusal = origin.workload(".evil.example/agents/travel").unwrap_err();
    /// assert_eq!((refusal.code(), refusal.rule()), ("relative_path", "SPF-ID-5"));
    /// # Ok::<(), aims_id::ParseIdError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseIdError`] as from parsing the whole identifier; [`ParseIdError::RelativePath`] if the path starts with
    /// anything but a slash.
    pub fn workload(&self, path: &str) -> Result<WorkloadId, ParseIdError> {
        let scheme = self.scheme();
        // Also bounds the copy below.
        let len = self.text.len().saturating_add(path.len());
        if len > WorkloadId::MAX_LEN {
            return Err(ParseIdError::TooLong { scheme, len });
        }
        // Without this, a path could lengthen the trust domain, or put a userinfo before another.
        if !path.is_empty() && !path.starts_with('/') {
            return Err(ParseIdError::RelativePath { scheme });
        }
        let text: String = [self.as_str(), path].concat();
        text.parse()
    }

    /// The origin `text`, given that `parts` were made from it or from an identifier that starts with it.
    pub(crate) fn of(text: &str, parts: Parts) -> Self {
        Self { text: text.into(), parts }
    }
}

impl FromStr for Origin {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Ok(Self::of(text, grammar::check_origin(text)?))
    }
}

impl_text!(Origin, ParseIdError);
impl_borrow!(Origin);
