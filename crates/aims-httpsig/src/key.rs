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
/// It is a type of its own, which nothing else takes. A policy takes signatures by shared secrets only if it [says so](crate::Policy::allowing_shared_secrets).
///
/// ```
/// use aims_httpsig::{Component, Context, NewSignature, Policy, RawMessage, SharedSecret, SignatureFields, Tag};
/// use aims_keys::{AlgorithmSet, UnixTime, backend};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = SharedSecret::new(b"as many random bytes as this text".to_vec(), backend::ring())?;
/// let now = UnixTime::from_secs(1_790_000_000);
/// let request = RawMessage::request("GET", "/orders").with_scheme("https").with_authority("shop.example");
/// let covered = [Component::method(), Component::target_uri()];
/// let signed = NewSignature::covering(covered.clone())
///     .created(now)
///     .hmac_algorithm()
///     .prepare(&Context::request(&request))?
///     .sign_shared(&secret)?;
/// let request = request.with_header("signature-input", signed.signature_input()).with_header("signature", signed.signature());
///
/// // No key pair will do.
/// let policy = Policy::new(Tag::Absent, covered, AlgorithmSet::EMPTY).allowing_shared_secrets();
/// let context = Context::request(&request);
/// let fields = SignatureFields::of(&context)?;
/// let verified = fields.select(&policy, now)?.verify(&secret)?;
/// assert_eq!(verified.value(&Component::method()), Some("GET"));
/// # Ok(()) }
/// ```
pub struct SharedSecret {
    secret: Zeroizing<Vec<u8>>,
    backend: Backend,
}

impl SharedSecret {
    /// These bytes, as a `Vec` or in a `Zeroizing` of the crate `zeroize`; they are overwritten when the secret is dropped.
    ///
    /// # Errors
    ///
    /// [`SecretTooShort`] for fewer than 32.
    pub fn new(secret: impl Into<Zeroizing<Vec<u8>>>, backend: Backend) -> Result<Self, SecretTooShort> {
        let secret = secret.into();
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

/// The algorithm that goes by a name in the registry of HTTP signature algorithms, `hmac-sha256` aside: what a key that was filed under that name is loaded for.
///
/// What a signature says in `alg` is no reason to load a key for that algorithm (HS-ALG-01).
#[must_use]
pub fn registered_algorithm(name: &str) -> Option<Algorithm> {
    // From the end: Ed25519 goes by its own name, not by that of EdDSA.
    Algorithm::ALL.into_iter().rev().find(|algorithm| registered_name(*algorithm) == Some(name))
}

pub(crate) const HMAC: &str = "hmac-sha256";

/// As long as a tag.
const MIN_SECRET: usize = 32;
