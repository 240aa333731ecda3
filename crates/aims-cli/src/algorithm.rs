//! Which algorithm a key is for.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use aims::keys::{Algorithm, PublicNumbers};
use aims_httpsig::{registered_algorithm, registered_name};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};

/// Reads `--alg`: the registered name of an algorithm.
pub(crate) fn parser() -> impl TypedValueParser<Value = Algorithm> {
    Names(PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)))
        .try_map(|name| name.parse::<Algorithm>())
}

/// The same for keys of HTTP messages: the names of RFC 9421, too.
pub(crate) fn http_parser() -> impl TypedValueParser<Value = Algorithm> {
    let registered = Algorithm::ALL.into_iter().filter_map(registered_name);
    // Both names of Ed25519 have the same one there.
    let registered: BTreeSet<&str> = registered.collect();
    Names(PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name).into_iter().chain(registered)))
        .try_map(|name| registered_algorithm(&name).map_or_else(|| name.parse::<Algorithm>(), Ok))
}

/// Some names differ from others in one letter: whoever writes one in the wrong case is told that one.
#[derive(Clone)]
struct Names(PossibleValuesParser);

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        text: &OsStr,
    ) -> Result<String, clap::Error> {
        self.0.parse_ref(command, argument, text).map_err(|mut error| {
            let names = self.0.possible_values().into_iter().flatten();
            let mut same = names.filter(|name| text.eq_ignore_ascii_case(name.get_name()));
            if let Some(name) = same.next() {
                let name = ContextValue::String(name.get_name().to_owned());
                error.insert(ContextKind::SuggestedValue, name);
            }
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

/// What keys are bound to.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    /// Whatever a key says: `--alg`.
    pub(crate) named: Option<Algorithm>,
    rsa: Algorithm,
}

impl Binding {
    /// For HTTP messages: RSA keys that do not say what they are for are for what has a name in RFC 9421.
    pub(crate) fn of_http(named: Option<Algorithm>) -> Self {
        Self { named, rsa: Algorithm::Ps512 }
    }

    /// What a JWK that does not say it is for, as in trust bundles (BND-19): by its type and curve alone.
    pub(crate) fn usual(self, kty: &str, crv: Option<&str>) -> Option<Algorithm> {
        match (kty, crv) {
            ("EC", Some("P-256")) => Some(Algorithm::Es256),
            ("EC", Some("P-384")) => Some(Algorithm::Es384),
            ("OKP", Some("Ed25519")) => Some(Algorithm::Ed25519),
            ("RSA", None) => Some(self.rsa),
            _ => None,
        }
    }

    /// What a public key in PEM is for.
    pub(crate) fn of_numbers(self, numbers: &PublicNumbers) -> Algorithm {
        self.named.unwrap_or(match numbers {
            PublicNumbers::Rsa { .. } => self.rsa,
            _ => numbers.usual_algorithm(),
        })
    }

    /// One algorithm per kind of key, for what does not tell its kind before it is loaded.
    pub(crate) fn by_kind(self) -> [Algorithm; 6] {
        [
            Algorithm::Es256,
            Algorithm::Ed25519,
            Algorithm::Es384,
            self.rsa,
            Algorithm::MlDsa44,
            Algorithm::MlDsa65,
        ]
    }
}

/// As in JOSE.
impl From<Option<Algorithm>> for Binding {
    fn from(named: Option<Algorithm>) -> Self {
        Self { named, rsa: Algorithm::Ps256 }
    }
}
