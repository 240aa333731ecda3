//! Which algorithm a key is for.

use std::collections::BTreeSet;

use aims::keys::Algorithm;
use aims_httpsig::{registered_algorithm, registered_name};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads `--alg`: the registered name of an algorithm.
pub(crate) fn parser() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| name.parse::<Algorithm>())
}

/// The same for keys of HTTP messages: the names of RFC 9421, too.
pub(crate) fn http_parser() -> impl TypedValueParser<Value = Algorithm> {
    let registered = Algorithm::ALL.into_iter().filter_map(registered_name);
    // Both names of Ed25519 have the same one there.
    let registered: BTreeSet<&str> = registered.collect();
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name).into_iter().chain(registered))
        .try_map(|name| registered_algorithm(&name).map_or_else(|| name.parse::<Algorithm>(), Ok))
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
