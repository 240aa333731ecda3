//! The keys that a client has registered.

use std::sync::Arc;

use aims_jose::{Header, JwkSet, JwsError};
use aims_keys::{AlgorithmSet, PublicKey};

/// The keys with which a client signs its assertions and request objects, and the algorithms that it registered (CJA-5). Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    keys: Arc<JwkSet>,
    algorithms: AlgorithmSet,
}

impl ClientKeys {
    /// These keys. Default of the algorithms: [`AlgorithmSet::STANDARD`]; RS256 is taken where it is named.
    #[must_use]
    pub fn new(keys: impl Into<Arc<JwkSet>>) -> Self {
        Self { keys: keys.into(), algorithms: AlgorithmSet::STANDARD }
    }

    /// Takes these algorithms alone (`token_endpoint_auth_signing_alg`).
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// The key that the header names, or the only one: keys are never tried in turn.
    pub(crate) fn find(&self, header: &Header) -> Result<&PublicKey, JwsError> {
        if !self.algorithms.contains(header.algorithm()) {
            return Err(JwsError::AlgorithmNotAllowed(header.algorithm()));
        }
        Ok(self.keys.find_for_or_only(header)?.public_key())
    }
}
