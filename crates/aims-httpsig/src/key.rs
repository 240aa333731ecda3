//! Keys, and the names of algorithms (RFC 9421 section 3.3).

use std::fmt;

use aims_keys::{Algorithm, Backend, PublicKey};
use zeroize::Zeroizing;

/// What a signature is verified with: a public key, or a secret that both sides have. One is never taken for the other (HS-ALG-02).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum VerifyingKey<'k> {
    /// A public key, bound to one algorithm.
    Public(&'k PublicKey),
    /// A shared secret, for `hmac-sha256`.
    Shared(&'k SharedSecret),
}

impl<'k> From<&'k PublicKey> for VerifyingKey<'k> {
    fn from(key: &'k PublicKey) -> Self {
        Self::Public(key)
    }
}

impl<'k> From<&'k SharedSecret> for VerifyingKey<'k> {
    fn from(secret: &'k SharedSecret) -> Self {
        Self::Shared(secret)
    }
}

/// A secret for `hmac-sha256`, of at least 32 bytes. Whoever can verify with it can sign with it: prefer key pairs.
///
/// It is a type of its own, which nothing else takes.
pub struct SharedSecret {
    secret: Zeroizing<Vec<u8>>,
    backend: Backend,
}

impl SharedSecret {
    /// These bytes.
    ///
    /// # Errors
    ///
    /// [`SecretTooShort`] for fewer than 32.
    pub fn new(secret: Zeroizing<Vec<u8>>, backend: Backend) -> Result<Self, SecretTooShort> {
        if secret.len() < MIN_SECRET { Err(SecretTooShort) } else { Ok(Self { secret, backend }) }
    }

    pub(crate) fn tag(&self, base: &[u8]) -> [u8; 32] {
        self.backend.hmac_sha256(&self.secret, base)
    }

    /// In constant time.
    pub(crate) fn verify(&self, base: &[u8], tag: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.tag(base).as_slice(), tag).into()
    }
}

/// Shows no secret.
impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret").finish_non_exhaustive()
    }
}

/// A shared secret is shorter than what it makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a shared secret has at least 32 bytes")]
#[expect(clippy::exhaustive_structs, reason = "there is one reason")]
pub struct SecretTooShort;

impl SecretTooShort {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "secret_too_short"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "HS-ALG-02"
    }
}

/// The name of an algorithm in the registry of HTTP signature algorithms, if it has one there.
#[must_use]
pub fn registered_name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => Some("ed25519"),
        Algorithm::Es256 => Some("ecdsa-p256-sha256"),
        Algorithm::Es384 => Some("ecdsa-p384-sha384"),
        Algorithm::Ps512 => Some("rsa-pss-sha512"),
        Algorithm::Rs256 => Some("rsa-v1_5-sha256"),
        _ => None,
    }
}

pub(crate) const HMAC: &str = "hmac-sha256";

/// As long as a tag.
const MIN_SECRET: usize = 32;
