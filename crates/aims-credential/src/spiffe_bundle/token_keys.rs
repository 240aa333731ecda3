//! The keys for one kind of token, as the SPIFFE Workload API gives them out: a JWK Set for each trust domain.

use aims_id::Origin;
use aims_jose::json::{ObjectWriter, Value};
use aims_jose::{JwkError, JwkSet};
use aims_keys::Backend;

use super::write::distinct;
use super::{SpiffeBundleError, Usage, parse, read};
use crate::TrustBundle;

impl TrustBundle {
    /// Reads a JWK Set with the keys that JWT-SVIDs of an origin are verified with (SPIFFE Workload API §6.2.2): nothing else is
    /// verified with them, and a key for something else, by its `use`, is [skipped](Self::skipped).
    ///
    /// # Errors
    ///
    /// As [`from_spiffe`](Self::from_spiffe).
    pub fn from_jwt_keys(origin: Origin, jwks: &str, backend: Backend) -> Result<Self, SpiffeBundleError> {
        read(origin, parse(jwks)?.as_value(), |element| only(Usage::Jwt, element), backend)
    }

    /// Reads a JWK Set with the keys that WITs of an origin are verified with (SPIFFE Workload API, WIT-SVID profile), as
    /// [`from_jwt_keys`](Self::from_jwt_keys) reads those of JWT-SVIDs.
    ///
    /// # Errors
    ///
    /// As [`from_spiffe`](Self::from_spiffe).
    pub fn from_wit_keys(origin: Origin, jwks: &str, backend: Backend) -> Result<Self, SpiffeBundleError> {
        read(origin, parse(jwks)?.as_value(), |element| only(Usage::Wit, element), backend)
    }

    /// The keys of JWT-SVIDs alone, for [`from_jwt_keys`](Self::from_jwt_keys).
    ///
    /// # Errors
    ///
    /// As [`to_spiffe_json`](Self::to_spiffe_json).
    pub fn jwt_keys_to_json(&self) -> Result<String, SpiffeBundleError> {
        write(Usage::Jwt, self.jwt_keys())
    }

    /// The keys of WITs alone, for [`from_wit_keys`](Self::from_wit_keys).
    ///
    /// # Errors
    ///
    /// As [`to_spiffe_json`](Self::to_spiffe_json).
    pub fn wit_keys_to_json(&self) -> Result<String, SpiffeBundleError> {
        write(Usage::Wit, self.keys())
    }
}

/// The set says what it is for; an element need not.
fn only(expected: Usage, element: Value<'_>) -> Option<Usage> {
    match element.get("use") {
        None => Some(expected),
        Some(_) => Usage::of(element).filter(|usage| *usage == expected),
    }
}

fn write(usage: Usage, keys: &JwkSet) -> Result<String, SpiffeBundleError> {
    let elements = distinct(keys, &mut std::collections::HashSet::new())?;
    let mut document = ObjectWriter::with_capacity(512);
    document.array("keys", |keys| {
        for element in elements {
            keys.object(|members| element.write(usage, members));
        }
    });
    Ok(document.finish().map_err(JwkError::Json)?)
}
