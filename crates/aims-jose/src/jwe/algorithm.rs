//! How the content key reaches the recipient.

use core::fmt;
use core::str::FromStr;

/// A key management algorithm (RFC 7518 §4), by its registered name: a closed list.
///
/// It has no member in common with [`Algorithm`](aims_keys::Algorithm), so a signature key cannot be steered into decrypting.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyManagement {
    /// `ECDH-ES+A256KW`: a shared secret with an ephemeral key on P-256 or P-384 wraps the content key (RFC 7518 §4.6).
    EcdhEsA256Kw,
    /// `RSA-OAEP-256`: the content key encrypted under RSA, OAEP with SHA-256 for both of its hashes (RFC 7518 §4.3).
    RsaOaep256,
}

impl KeyManagement {
    /// The registered name, as it stands in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The exact registered name; anything else, other case included, is an [`UnknownKeyManagement`].
impl FromStr for KeyManagement {
    type Err = UnknownKeyManagement;

    fn from_str(name: &str) -> Result<Self, UnknownKeyManagement> {
        match name {
            "ECDH-ES+A256KW" => Ok(Self::EcdhEsA256Kw),
            "RSA-OAEP-256" => Ok(Self::RsaOaep256),
            _ => Err(UnknownKeyManagement),
        }
    }
}

/// The name is not that of a key management algorithm there is code for; `dir`, `RSA1_5` and `ES256` all end here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the algorithm is not a known key management algorithm")]
#[non_exhaustive]
pub struct UnknownKeyManagement;

impl UnknownKeyManagement {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "unknown_algorithm"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "JO-JWE-03"
    }
}
