//! `--alg`.

use aims::keys::Algorithm;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads the registered name of an algorithm.
pub(super) fn parser() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| name.parse::<Algorithm>())
}
