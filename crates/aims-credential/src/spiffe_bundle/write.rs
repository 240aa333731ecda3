//! Writing a bundle document.

use std::collections::HashSet;

use aims_jose::json::ObjectWriter;
use aims_jose::{Jwk, JwkError, JwkSet};
use aims_keys::PublicNumbers;

use super::{SpiffeBundleError, Usage};
use crate::TrustBundle;

impl TrustBundle {
    /// The bundle as a document for the endpoint of the trust domain, which [`from_spiffe`](Self::from_spiffe) reads back.
    ///
    /// What was [skipped](Self::skipped) is not in it: a bundle that was read is passed on as it came, not written anew.
    ///
    /// # Errors
    ///
    /// [`SpiffeBundleError::KeyIdMissing`] when a key for tokens has no `kid`, [`SpiffeBundleError::DuplicateKeyId`] when two
    /// have the same: readers would skip them.
    pub fn to_spiffe_json(&self) -> Result<String, SpiffeBundleError> {
        let mut names = HashSet::new();
        let jwt = distinct(self.jwt_keys(), &mut names)?;
        let wit = distinct(self.keys(), &mut names)?;

        let mut document = ObjectWriter::with_capacity(1024);
        document.array("keys", |keys| {
            #[cfg(feature = "x509")]
            for authority in self.x509_authorities() {
                keys.object(|element| super::x509::write(authority, element));
            }
            for (usage, elements) in [(Usage::Jwt, jwt), (Usage::Wit, wit)] {
                for element in elements {
                    keys.object(|members| element.write(usage, members));
                }
            }
        });
        if let Some(sequence) = self.sequence() {
            document.u64("spiffe_sequence", sequence);
        }
        if let Some(hint) = self.refresh_hint() {
            document.u64("spiffe_refresh_hint", hint.as_secs());
        }
        Ok(document.finish().map_err(JwkError::Json)?)
    }
}

/// A key for tokens, as one element.
pub(super) struct Element<'b> {
    key: &'b Jwk,
    /// Whether it is a key for either algorithm of RSA.
    without_algorithm: bool,
}

impl Element<'_> {
    pub(super) fn write(&self, usage: Usage, members: &mut ObjectWriter) {
        members.str("use", usage.name());
        if !self.without_algorithm {
            self.key.write(members);
            return;
        }
        if let Some(kid) = self.key.key_id() {
            members.str("kid", kid);
        }
        Jwk::write_numbers(self.key.public_key().numbers(), members);
    }
}

/// The keys of a set as elements, each of a name that no other has.
pub(super) fn distinct<'b>(
    keys: &'b JwkSet,
    names: &mut HashSet<&'b str>,
) -> Result<Vec<Element<'b>>, SpiffeBundleError> {
    let keys: Vec<_> = keys.iter().collect();
    let mut elements = Vec::with_capacity(keys.len());
    for run in keys.chunk_by(|a, b| a.key_id() == b.key_id()) {
        let (key, without_algorithm) = match run {
            [key] => (*key, false),
            // What was read from one RSA element without `alg` becomes one again.
            [key, other] if is_same_rsa_key(key, other) => (*key, true),
            [key, ..] if key.key_id().is_some() => return Err(SpiffeBundleError::DuplicateKeyId),
            _ => return Err(SpiffeBundleError::KeyIdMissing),
        };
        if !names.insert(key.key_id().ok_or(SpiffeBundleError::KeyIdMissing)?) {
            return Err(SpiffeBundleError::DuplicateKeyId);
        }
        elements.push(Element { key, without_algorithm });
    }
    Ok(elements)
}

fn is_same_rsa_key(key: &Jwk, other: &Jwk) -> bool {
    let numbers = key.public_key().numbers();
    matches!(numbers, PublicNumbers::Rsa { .. }) && numbers == other.public_key().numbers()
}
