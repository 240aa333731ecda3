//! What was left out.

use std::fmt;
use std::time::Duration;

use crate::{Issuer, Resource, Scope};

/// What a token has not that the one it comes from had (AIMS-26).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Narrowing {
    pub(super) scope: Scope,
    pub(super) resource: Option<(Resource, Resource)>,
    pub(super) details: usize,
    pub(super) earlier: Duration,
    pub(super) domain: Option<Issuer>,
}

impl Narrowing {
    /// The scope that was left out.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many details were left out.
    #[must_use]
    pub fn details(&self) -> usize {
        self.details
    }

    /// How much earlier it ends.
    #[must_use]
    pub fn earlier(&self) -> Duration {
        self.earlier
    }

    /// From which resource to which it went.
    #[must_use]
    pub fn resource(&self) -> Option<(&Resource, &Resource)> {
        self.resource.as_ref().map(|(from, to)| (from, to))
    }

    /// To which domain it went, where it is a grant for another.
    #[must_use]
    pub fn domain(&self) -> Option<&Issuer> {
        self.domain.as_ref()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// In words, for records.
impl fmt::Display for Narrowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(issuer) = &self.domain {
            parts.push(format!("for the domain of {issuer}"));
        }
        if let Some((from, to)) = &self.resource {
            parts.push(format!("for {to} in place of {from}"));
        }
        if !self.scope.is_empty() {
            parts.push(format!("scope without {}", self.scope));
        }
        if self.details > 0 {
            parts.push(format!("{} authorization details less", self.details));
        }
        if !self.earlier.is_zero() {
            parts.push(format!("ends {} s earlier", self.earlier.as_secs()));
        }
        if parts.is_empty() { f.write_str("nothing") } else { f.write_str(&parts.join(", ")) }
    }
}
