//! Which algorithms bots sign by.

use aims_httpsig::registered_algorithm;
use aims_jose::JwkError;
use aims_jose::json::Value;
use aims_keys::{Algorithm, AlgorithmSet};

/// Those of the registry of HTTP signature algorithms, without RSA in its older form and without shared secrets (HS-WBA-06).
pub(super) const ALGORITHMS: AlgorithmSet = AlgorithmSet::of(&[
    Algorithm::EdDsa,
    Algorithm::Ed25519,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Ps512,
]);

/// The algorithm of a key in a directory. `alg` is a name of JOSE or one of the registry; most keys have none, and are for the one
/// algorithm of the registry that keys of their kind have: RSA keys for `rsa-pss-sha512`.
pub(super) fn algorithm_of(jwk: Value<'_>) -> Result<Algorithm, JwkError> {
    let text = |name| jwk.get(name).and_then(|value| value.as_str());
    if let Some(named) = jwk.get("alg") {
        let name = named.as_str().ok_or(JwkError::AlgorithmMissing)?;
        let named = name.parse().ok().or_else(|| registered_algorithm(&name));
        return named.ok_or(JwkError::UnknownAlgorithm);
    }
    match (text("kty").as_deref(), text("crv").as_deref()) {
        (Some("EC"), Some("P-256")) => Ok(Algorithm::Es256),
        (Some("EC"), Some("P-384")) => Ok(Algorithm::Es384),
        (Some("OKP"), Some("Ed25519")) => Ok(Algorithm::Ed25519),
        (Some("RSA"), None) => Ok(Algorithm::Ps512),
        (Some("EC" | "OKP"), _) => Err(JwkError::Curve),
        _ => Err(JwkError::KeyType),
    }
}
