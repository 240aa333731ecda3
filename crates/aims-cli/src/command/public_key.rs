//! Public keys from JSON, and what is said about them.

use aims::backend;
use aims::jose::json::{self, Object, Value};
use aims::jose::{Jwk, JwkError};
use aims::keys::{Algorithm, PublicKey, PublicNumbers};

use crate::algorithm::Binding;
use crate::failure::{About, Failure};
use crate::input::Input;
use crate::output::Facts;

/// A document with a key or a set of keys.
pub(super) enum Document {
    One(Jwk),
    /// Each element in its order.
    Set(Vec<Result<Jwk, JwkError>>),
}

impl Document {
    /// Reads a key, or a set of keys: an object with `keys`.
    pub(super) fn read(input: &Input, binding: impl Into<Binding>) -> Result<Self, Failure> {
        Self::parse(&input.text, binding.into()).about(input)
    }

    fn parse(text: &str, binding: Binding) -> Result<Self, JwkError> {
        let document = Object::parse(text, &LIMITS)?;
        let Some(keys) = document.get("keys") else {
            return Ok(Self::One(load(document.as_value(), binding)?));
        };
        let mut set = Vec::new();
        for element in keys.as_array().ok_or(JwkError::Set)? {
            match load(element, binding) {
                // One of them has leaked: the set is not one to build on.
                Err(reason @ (JwkError::Private | JwkError::Symmetric)) => return Err(reason),
                read => set.push(read),
            }
        }
        Ok(Self::Set(set))
    }
}

/// Reads one key.
pub(super) fn read(input: &Input, algorithm: Option<Algorithm>) -> Result<Jwk, Failure> {
    let document = Object::parse(&**input.text, &LIMITS).about(input)?;
    load(document.as_value(), algorithm.into()).about(input)
}

/// What is said about a key.
pub(super) fn facts(jwk: &Jwk) -> Facts {
    let key = jwk.public_key();
    Facts::new()
        .with_some("kid", jwk.key_id())
        .with("alg", key.algorithm().name())
        .with("type", kind(key))
        .with("thumbprint", jwk.thumbprint().to_string())
}

/// The kind of a key in a few words.
pub(super) fn kind(key: &PublicKey) -> String {
    match key.numbers() {
        PublicNumbers::Ed25519 { .. } => "OKP Ed25519".into(),
        PublicNumbers::P256 { .. } => "EC P-256".into(),
        PublicNumbers::P384 { .. } => "EC P-384".into(),
        PublicNumbers::Rsa { n, .. } => {
            let unused = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
            format!("RSA {} bits", n.len() * 8 - unused)
        }
        _ => key.algorithm().name().into(),
    }
}

/// A key that does not say what it is for is bound to what such keys usually are for.
fn load(jwk: Value<'_>, binding: Binding) -> Result<Jwk, JwkError> {
    let text = |name| jwk.get(name).and_then(|value| value.as_str());
    let usual = || match jwk.get("alg") {
        Some(_) => None,
        None => binding.usual(&text("kty")?, text("crv").as_deref()),
    };
    Jwk::from_value(jwk, binding.named.or_else(usual), backend::ring())
}

/// Of a whole set.
const LIMITS: json::Limits = json::Limits::new().bytes(1024 * 1024).string(64 * 1024);
