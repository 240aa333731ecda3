//! Thumbprints of keys (RFC 7638) and their URI form (RFC 9278).

use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use aims_keys::PublicKey;
use subtle::ConstantTimeEq;

use super::key::write_numbers;
use crate::base64url;
use crate::json::ObjectWriter;

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
        let mut members = ObjectWriter::new();
        if matches!(key.numbers(), aims_keys::PublicNumbers::MlDsa { .. }) {
            // AKP keys are of one parameter set, which `alg` tells.
            members.str("alg", key.algorithm().name());
        }
        write_numbers(key.numbers(), &mut members);
        // INVARIANT: the names differ, the only thing `finish` can object to.
        Self(key.backend().sha256(members.finish().unwrap_or_default().as_bytes()))
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

const URI_PREFIX: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";
