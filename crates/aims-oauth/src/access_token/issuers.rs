//! Whose access tokens are believed.

use std::collections::BTreeMap;

use crate::{Issuer, TrustedIssuer};

/// By their identifiers.
#[derive(Clone, Debug, Default)]
pub(super) struct Issuers(BTreeMap<Box<str>, TrustedIssuer>);

impl Issuers {
    pub(super) fn add(&mut self, issuer: TrustedIssuer) {
        self.0.insert(issuer.issuer().as_str().into(), issuer);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.0.values().map(TrustedIssuer::issuer)
    }

    /// Whether keys of any of them may have to be fetched.
    pub(super) fn are_followed(&self) -> bool {
        self.0.values().any(TrustedIssuer::is_followed)
    }

    /// ACT-4: by the same text.
    pub(super) fn find(&self, issuer: &str) -> Option<&TrustedIssuer> {
        self.0.get(issuer)
    }
}
