//! The name of a trust domain.

use alloc::sync::Arc;
use core::str::FromStr;

use crate::text::{impl_borrow, impl_text};
use crate::{ParseIdError, grammar};

/// The name of a trust domain, without a scheme: `acme.example`.
///
/// It holds what both schemes ask of a name: one or more of `a-z`, `0-9`, `.`, `-` and `_` (WID-9, SPF-ID-3). What they
/// disagree about (the length, a dot at the end, IPv4 addresses) is decided with the scheme, by [`Origin::new`].
///
/// A name anchors nothing: whom to trust is a matter of the [`Origin`], since the same name exists in either scheme.
///
/// ```
/// use aims_id::{Origin, Scheme, TrustDomain};
///
/// let name: TrustDomain = "192.0.2.1".parse()?;
/// assert_eq!(Origin::new(Scheme::Spiffe, &name)?.as_str(), "spiffe://192.0.2.1");
///
/// let refusal = Origin::new(Scheme::Wimse, &name).unwrap_err();
/// assert_eq!((refusal.code(), refusal.rule()), ("ipv4_trust_domain", "WID-5"));
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
///
/// [`Origin`]: crate::Origin
/// [`Origin::new`]: crate::Origin::new
#[derive(Clone)]
pub struct TrustDomain(Arc<str>);

impl TrustDomain {
    /// The name as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        grammar::check_name(text)?;
        Ok(Self(text.into()))
    }
}

impl_text!(TrustDomain, ParseIdError);
impl_borrow!(TrustDomain);
