//! Thumbprints of keys (RFC 7638) and their URI form (RFC 9278).

use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use aims_keys::{Algorithm, PublicKey, PublicNumbers};
use subtle::ConstantTimeEq;

use crate::base64url;

/// The SHA-256 thumbprint of a public key: one name per key, whoever writes it.
///
/// Computed from the numbers of the loaded key, never from the text it came in, so that two spellings cannot give two
/// thumbprints. `Display` and `FromStr` use base64url without padding. It names a key and is no secret; equality takes
/// constant time all the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialOrd)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of `key`.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(key.backend().sha256(canonical(key).as_bytes()))
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `text` is this thumbprint in base64url, compared in constant time.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        text.parse() == Ok(*self)
    }

    /// The URI form (RFC 9278): `urn:ietf:params:oauth:jwk-thumbprint:sha-256:` and the thumbprint.
    #[must_use]
    pub fn to_uri(&self) -> String {
        format!("{URI_PREFIX}{self}")
    }

    /// Reads the URI form.
    ///
    /// # Errors
    ///
    /// [`ParseThumbprintError`].
    pub fn from_uri(uri: &str) -> Result<Self, ParseThumbprintError> {
        uri.strip_prefix(URI_PREFIX).ok_or(ParseThumbprintError)?.parse()
    }
}

/// Takes as long for any two thumbprints.
impl PartialEq for Thumbprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Hash for Thumbprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl FromStr for Thumbprint {
    type Err = ParseThumbprintError;

    fn from_str(text: &str) -> Result<Self, ParseThumbprintError> {
        let mut bytes = [0; 32];
        if base64url::decoded_len(text.len()) != Some(32) {
            return Err(ParseThumbprintError);
        }
        base64url::decode_into(text, &mut bytes).map_err(|_| ParseThumbprintError)?;
        Ok(Self(bytes))
    }
}

/// The text is not a SHA-256 thumbprint in base64url without padding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not a SHA-256 thumbprint")]
#[non_exhaustive]
pub struct ParseThumbprintError;

impl ParseThumbprintError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "malformed_thumbprint"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "JO-KEY-09"
    }
}

/// The required members in their order, without white space (RFC 7638 §3): nothing in them needs escapes.
fn canonical(key: &PublicKey) -> String {
    let mut text = String::with_capacity(192);
    let mut number = |before: &str, bytes: &[u8]| {
        text.push_str(before);
        base64url::encode_into(&mut text, bytes);
    };
    match key.numbers() {
        PublicNumbers::Ed25519 { x } => number(r#"{"crv":"Ed25519","kty":"OKP","x":""#, x),
        // AKP keys are of one parameter set, which `alg` tells.
        PublicNumbers::MlDsa { public } if key.algorithm() == Algorithm::MlDsa44 => {
            number(r#"{"alg":"ML-DSA-44","kty":"AKP","pub":""#, public);
        }
        PublicNumbers::MlDsa { public } => number(r#"{"alg":"ML-DSA-65","kty":"AKP","pub":""#, public),
        PublicNumbers::P256 { x, y } => {
            number(r#"{"crv":"P-256","kty":"EC","x":""#, x);
            number(r#"","y":""#, y);
        }
        PublicNumbers::P384 { x, y } => {
            number(r#"{"crv":"P-384","kty":"EC","x":""#, x);
            number(r#"","y":""#, y);
        }
        PublicNumbers::Rsa { n, e } => {
            number(r#"{"e":""#, e);
            number(r#"","kty":"RSA","n":""#, n);
        }
        // `PublicNumbers` may grow with the crate below; a key of a kind that has no JWK form has no numbers here.
        _ => {}
    }
    text.push_str(r#""}"#);
    text
}

const URI_PREFIX: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";
