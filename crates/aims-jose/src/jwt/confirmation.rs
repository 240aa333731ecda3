//! The `cnf` claim: who may use a token.

use aims_keys::{Backend, PublicKey};

use super::ClaimsError;
use crate::json::Value;
use crate::jwk::{Jwk, Thumbprint};
use crate::jws::is_key_id;

/// The key that the holder of a token must prove to have (RFC 7800, RFC 8705 §3.1, RFC 9449 §6.1).
///
/// A profile accepts one of these, and refuses the others: matching on the value is how it says which.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Confirmation {
    /// `x5t#S256`: the SHA-256 of an X.509 certificate in DER.
    Certificate(Thumbprint),
    /// `jwk`: the public key itself, which names its algorithm.
    Jwk(Jwk),
    /// `kid`: the name of a key that the recipient knows.
    KeyId(Box<str>),
    /// `jkt`: the thumbprint of the public key.
    Thumbprint(Thumbprint),
}

impl Confirmation {
    /// Reads the value of `cnf`, which must name one key in one way; members of no meaning here are ignored.
    ///
    /// # Errors
    ///
    /// [`ClaimsError::WrongType`] when it is not an object or a member is of the wrong type,
    /// [`ClaimsError::Confirmation`] when it names no key, or one in two ways, or one to be fetched (`jku`) or decrypted
    /// (`jwe`); [`ClaimsError::ConfirmationKey`] when the key is not one to be used.
    pub fn read(cnf: Value<'_>, backend: Backend) -> Result<Self, ClaimsError> {
        let mut found = None;
        for (name, value) in cnf.as_object().ok_or(ClaimsError::WrongType("cnf"))? {
            let way: fn(Value<'_>, Backend) -> Result<Self, ClaimsError> = match &*name.as_str() {
                "jkt" => |value, _| thumbprint(value).map(Self::Thumbprint),
                "jwk" => |value, backend| Ok(Self::Jwk(Jwk::from_value(value, None, backend)?)),
                "kid" => |value, _| key_id(value).map(Self::KeyId),
                "x5t#S256" => |value, _| thumbprint(value).map(Self::Certificate),
                "jku" | "jwe" => return Err(ClaimsError::Confirmation),
                _ => continue,
            };
            if found.replace((way, value)).is_some() {
                return Err(ClaimsError::Confirmation);
            }
        }
        let (way, value) = found.ok_or(ClaimsError::Confirmation)?;
        way(value, backend)
    }

    /// Whether this names `key`, by itself or by its thumbprint; a `kid` or a certificate names no key here.
    #[must_use]
    pub fn is_key(&self, key: &PublicKey) -> bool {
        match self {
            Self::Jwk(jwk) => jwk.public_key() == key,
            Self::Thumbprint(thumbprint) => *thumbprint == Thumbprint::of(key),
            Self::Certificate(_) | Self::KeyId(_) => false,
        }
    }
}

fn thumbprint(value: Value<'_>) -> Result<Thumbprint, ClaimsError> {
    let text = value.as_str().ok_or(ClaimsError::WrongType("cnf"))?;
    text.parse().map_err(|_| ClaimsError::Confirmation)
}

fn key_id(value: Value<'_>) -> Result<Box<str>, ClaimsError> {
    let text = value.as_str().ok_or(ClaimsError::WrongType("cnf"))?;
    if is_key_id(&text) { Ok(text.into()) } else { Err(ClaimsError::Confirmation) }
}
