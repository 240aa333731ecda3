//! Whose access tokens are believed, and which keys they are verified with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aims_jose::JwkSet;
use aims_keys::{Algorithm, AlgorithmSet};

use crate::Issuer;

/// An authorization server whose access tokens a resource server believes: its identifier, its keys as they are now, and its algorithms.
///
/// Keys can be replaced while tokens are verified. Clones share them.
#[derive(Clone)]
pub struct TrustedIssuer {
    issuer: Issuer,
    keys: Arc<RwLock<Arc<JwkSet>>>,
    algorithms: AlgorithmSet,
}

impl TrustedIssuer {
    /// This issuer, with the keys that it has published.
    #[must_use]
    pub fn new(issuer: Issuer, keys: JwkSet) -> Self {
        Self { issuer, keys: Arc::new(RwLock::new(Arc::new(keys))), algorithms: ALGORITHMS }
    }

    /// Takes these algorithms alone. Default: ES256, ES384, Ed25519, PS256 and RS256 (ACT-1).
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Its identifier.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The keys, as they are now.
    #[must_use]
    pub fn keys(&self) -> Arc<JwkSet> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes these keys from now on: tokens by any other are refused, those that were verified before among them.
    pub fn replace_keys(&self, keys: JwkSet) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    pub(crate) fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys().len())
            .field("algorithms", &self.algorithms)
            .finish()
    }
}

/// By their identifiers.
#[derive(Clone, Debug, Default)]
pub(super) struct Issuers(BTreeMap<Box<str>, TrustedIssuer>);

impl Issuers {
    pub(super) fn add(&mut self, issuer: TrustedIssuer) {
        self.0.insert(issuer.issuer.as_str().into(), issuer);
    }

    /// ACT-4: by the same text.
    pub(super) fn find(&self, issuer: &str) -> Option<&TrustedIssuer> {
        self.0.get(issuer)
    }
}

const ALGORITHMS: AlgorithmSet = AlgorithmSet::STANDARD.with(Algorithm::Rs256);
