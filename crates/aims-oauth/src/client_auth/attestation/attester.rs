//! Whose attestations are believed, and for whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use aims_jose::{Header, JwkSet, JwsError};
use aims_keys::{AlgorithmSet, PublicKey};

use super::AttestationError;

/// One who vouches for instances of clients: its name here, its keys, and its algorithms. Cloning is cheap.
///
/// It is believed for those clients alone that name it in their registration ([`ClientAttesters`]).
#[derive(Clone, Debug)]
pub struct TrustedAttester {
    name: Arc<str>,
    keys: Arc<JwkSet>,
    algorithms: AlgorithmSet,
}

impl TrustedAttester {
    /// With these keys, and the name by which clients register it; where an attestation has `iss`, it is this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, keys: impl Into<Arc<JwkSet>>) -> Self {
        Self { name: name.into(), keys: keys.into(), algorithms: AlgorithmSet::STANDARD }
    }

    /// Takes these algorithms alone. Default: [`AlgorithmSet::STANDARD`].
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The key that the header names, or the only one.
    pub(super) fn find(&self, header: &Header) -> Result<&PublicKey, JwsError> {
        Ok(self.keys.find_for_or_only(header)?.public_key())
    }

    fn has(&self, header: &Header) -> bool {
        match header.key_id() {
            Some(kid) => self.keys.iter().any(|key| key.key_id() == Some(kid)),
            None => !self.keys.is_empty(),
        }
    }
}

/// The attesters that a client registered: who may vouch for its instances.
#[derive(Clone, Debug)]
pub struct ClientAttesters(Vec<Arc<str>>);

impl ClientAttesters {
    /// This one.
    #[must_use]
    pub fn new(attester: impl Into<Arc<str>>) -> Self {
        Self(vec![attester.into()])
    }

    /// This one, too.
    #[must_use]
    pub fn or(mut self, attester: impl Into<Arc<str>>) -> Self {
        self.0.push(attester.into());
        self
    }

    pub(in crate::client_auth) fn contains(&self, attester: &str) -> bool {
        self.0.iter().any(|own| **own == *attester)
    }
}

/// By their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Attesters(BTreeMap<Arc<str>, TrustedAttester>);

impl Attesters {
    pub(super) fn add(&mut self, attester: TrustedAttester) {
        self.0.insert(Arc::clone(&attester.name), attester);
    }

    /// The one that an attestation names, or the only one that can have signed it.
    pub(super) fn find(
        &self,
        issuer: Option<&str>,
        header: &Header,
    ) -> Result<&TrustedAttester, AttestationError> {
        if let Some(issuer) = issuer {
            return self.0.get(issuer).ok_or(AttestationError::UnknownAttester);
        }
        let mut possible = self.0.values().filter(|attester| attester.has(header));
        match (possible.next(), possible.next()) {
            (Some(only), None) => Ok(only),
            // Keys are never tried in turn.
            _ => Err(AttestationError::UnknownAttester),
        }
    }
}
