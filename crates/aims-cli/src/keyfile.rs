//! Private keys in files.

use aims::backend;
use aims::jose::{PrivateJwk, json};
use aims::keys::{Algorithm, KeyError, PrivateKey, SoftwareKey};

use crate::algorithm::Binding;
use crate::failure::{About, Failure};
use crate::input::Input;

/// A private key that was read and checked.
pub(crate) struct KeyFile {
    pub(crate) key: SoftwareKey,
    /// `kid`, if it was a JWK that has one.
    pub(crate) key_id: Option<String>,
    /// What kind of file it was.
    pub(crate) form: &'static str,
}

impl KeyFile {
    /// Reads PKCS#8 in PEM, or a private JWK, and binds it to the algorithm that was named; without one, to the one that the JWK names or
    /// that keys of this kind have.
    pub(crate) fn read(input: &Input, binding: impl Into<Binding>) -> Result<Self, Failure> {
        let file = if input.text.trim_start().starts_with('{') {
            Self::from_jwk(&input.text, binding.into())
        } else {
            Self::from_pem(&input.text, binding.into())
        };
        file.about(input)
    }

    fn from_jwk(text: &str, binding: Binding) -> Result<Self, Failure> {
        let jwk = match binding.named.or_else(|| usual_algorithm(text, binding)) {
            Some(algorithm) => PrivateJwk::parse_as(text, algorithm),
            None => PrivateJwk::parse(text),
        }?;
        let key_id = jwk.key_id().map(str::to_owned);
        Ok(Self { key: jwk.load(backend::ring())?, key_id, form: "private JWK" })
    }

    fn from_pem(text: &str, binding: Binding) -> Result<Self, Failure> {
        let private = PrivateKey::from_pem(text)?;
        let key = match binding.named {
            Some(algorithm) => private.load(algorithm, backend::ring()),
            None => load_as_its_kind(&private, binding),
        }?;
        Ok(Self { key, key_id: None, form: "private key in PEM (PKCS#8)" })
    }
}

/// A key of PKCS#8 tells its kind, and not whether RSA is for PS256 or RS256.
fn load_as_its_kind(private: &PrivateKey, binding: Binding) -> Result<SoftwareKey, KeyError> {
    for algorithm in binding.by_kind() {
        match private.load(algorithm, backend::ring()) {
            Err(KeyError::AlgorithmMismatch) => {}
            loaded => return loaded,
        }
    }
    Err(KeyError::AlgorithmMismatch)
}

/// What a private JWK without `alg` is for. It is read in place: the text is secret.
fn usual_algorithm(text: &str, binding: Binding) -> Option<Algorithm> {
    let (mut alg, mut kty, mut crv) = (None, None, None);
    json::read_object(text.as_bytes(), &json::Limits::new(), |name, value| {
        match &*name.as_str() {
            "alg" => alg = Some(value),
            "kty" => kty = value.as_str(),
            "crv" => crv = value.as_str(),
            _ => {}
        }
        Ok::<_, json::JsonError>(())
    })
    .ok()?;
    if alg.is_some() { None } else { binding.usual(&kty?, crv.as_deref()) }
}
