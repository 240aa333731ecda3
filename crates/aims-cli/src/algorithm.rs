//! Which algorithm a key is for.

use aims::keys::Algorithm;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads `--alg`: the registered name of an algorithm.
pub(crate) fn parser() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| name.parse::<Algorithm>())
}

/// What a JWK that does not say it is for, as in trust bundles (BND-19): by its type and curve alone.
pub(crate) fn usual(kty: &str, crv: Option<&str>) -> Option<Algorithm> {
    match (kty, crv) {
        ("EC", Some("P-256")) => Some(Algorithm::Es256),
        ("EC", Some("P-384")) => Some(Algorithm::Es384),
        ("OKP", Some("Ed25519")) => Some(Algorithm::Ed25519),
        ("RSA", None) => Some(Algorithm::Ps256),
        _ => None,
    }
}
