//! A key to encrypt to.

use core::fmt;

use aims_keys::{Algorithm, PublicNumbers};

use super::KeyManagement;
use super::primitives::Sealer;
use crate::json::{Limits, Object, ObjectWriter, Value};
use crate::jwk::members::{Members, Operations};
use crate::jwk::{Jwk, JwkError, read_set};
use crate::jws::is_key_id;

/// The public key of a recipient, bound to one algorithm, and the identifier it goes by.
///
/// It exists only if it passed the checks of `docs/spec/jose.md` section 5, like any public key: a point on its curve, or an
/// RSA modulus of 2048 to 8192 bits and an exponent of at least 65537. Cloning is cheap.
///
/// ```
/// use aims_jose::jwe::EncryptionKey;
///
/// // RFC 7517 appendix A.1, with an `alg`
/// let key = EncryptionKey::parse(
///     r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
///         "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","alg":"ECDH-ES+A256KW","kid":"1"}"#,
/// )?;
/// assert_eq!(key.key_id(), Some("1"));
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
#[derive(Clone)]
pub struct EncryptionKey {
    algorithm: KeyManagement,
    kid: Option<Box<str>>,
    numbers: PublicNumbers,
    sealer: Sealer,
}

impl EncryptionKey {
    /// Reads a JWK that names its algorithm.
    ///
    /// # Errors
    ///
    /// [`JwkError`] names the first check that failed. `use`, if it is there, must be `enc`; `key_ops` must hold `deriveKey`
    /// or `deriveBits` for EC, `wrapKey` or `encrypt` for RSA.
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        Self::parse_with(text, None)
    }

    /// Reads a JWK and binds it to `algorithm`, which its `alg`, if there is one, must be.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`JwkError::AlgorithmMismatch`].
    pub fn parse_as(text: &str, algorithm: KeyManagement) -> Result<Self, JwkError> {
        Self::parse_with(text, Some(algorithm))
    }

    /// Reads a recipient's JWK Set, and takes the first key that can be encrypted to by `algorithm`, if there is one.
    ///
    /// A key that has neither `use` nor `alg` is none: it may be for signatures.
    ///
    /// # Errors
    ///
    /// [`JwkError::Json`], [`JwkError::Set`], [`JwkError::TooLarge`]; [`JwkError::Private`] or [`JwkError::Symmetric`] when such
    /// a key is in the set; [`JwkError::DuplicateKeyId`] when a second key goes by the same `kid`.
    pub fn from_set(text: &str, algorithm: KeyManagement) -> Result<Option<Self>, JwkError> {
        let mut found: Option<Self> = None;
        read_set(text, |_, element| {
            let members = Members::of(element)?;
            let key = match Self::from_members(&members, Some(algorithm)) {
                Ok(key) if members.says_its_purpose() => key,
                Err(reason @ (JwkError::Private | JwkError::Symmetric)) => return Err(reason),
                _ => return Ok(()),
            };
            match &found {
                None => found = Some(key),
                Some(first) if first.kid.is_some() && first.kid == key.kid => {
                    return Err(JwkError::DuplicateKeyId);
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Checks numbers, such as those of a certificate, and binds them to `algorithm`.
    ///
    /// # Errors
    ///
    /// [`JwkError::KeyType`] when they are not those of a key for the algorithm; [`JwkError::Key`] when they fail a check.
    pub fn new(numbers: PublicNumbers, algorithm: KeyManagement) -> Result<Self, JwkError> {
        match (algorithm, &numbers) {
            (KeyManagement::EcdhEsA256Kw, PublicNumbers::P256 { .. } | PublicNumbers::P384 { .. })
            | (KeyManagement::RsaOaep256, PublicNumbers::Rsa { .. }) => {}
            _ => return Err(JwkError::KeyType),
        }
        numbers.check()?;
        let sealer = Sealer::load(&numbers, algorithm)?;
        Ok(Self { algorithm, kid: None, numbers, sealer })
    }

    /// Gives the key an identifier.
    ///
    /// # Errors
    ///
    /// [`JwkError::KeyId`] when it is empty, longer than 256 bytes, or has control characters.
    pub fn with_key_id(self, kid: &str) -> Result<Self, JwkError> {
        if !is_key_id(kid) {
            return Err(JwkError::KeyId);
        }
        Ok(Self { kid: Some(kid.into()), ..self })
    }

    /// The algorithm that the key is bound to.
    #[must_use]
    pub fn algorithm(&self) -> KeyManagement {
        self.algorithm
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The checked numbers.
    #[must_use]
    pub fn numbers(&self) -> &PublicNumbers {
        &self.numbers
    }

    /// The key as JSON, in one fixed order of members, `alg`, `kid` and `use` included.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut writer = ObjectWriter::new();
        self.write(&mut writer);
        // INVARIANT: the names differ, the only thing `finish` can object to.
        writer.finish().unwrap_or_default()
    }

    /// Writes the members of the key into an object, such as one in a set that has signature keys as well.
    pub fn write(&self, writer: &mut ObjectWriter) {
        writer.str("alg", self.algorithm.name());
        if let Some(kid) = &self.kid {
            writer.str("kid", kid);
        }
        writer.str("use", ENCRYPTION);
        Jwk::write_numbers(&self.numbers, writer);
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    fn parse_with(text: &str, bound: Option<KeyManagement>) -> Result<Self, JwkError> {
        let object = Object::parse(text, &Limits::new())?;
        let value: Value<'_> = object.as_value();
        Self::from_members(&Members::of(value)?, bound)
    }

    fn from_members(members: &Members<'_>, bound: Option<KeyManagement>) -> Result<Self, JwkError> {
        // What must not be published at all, before what is not wanted here.
        members.refuse_symmetric()?;
        members.refuse_private()?;
        let algorithm = algorithm(members, bound)?;
        members.check_public(ENCRYPTION, operations(algorithm, false))?;
        let key = Self::new(members.public(alike(members, algorithm))?, algorithm)?;
        Ok(Self { kid: members.key_id()?, ..key })
    }
}

/// Shows the algorithm and the identifier.
impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The key's own `alg`, which must be the caller's if the caller bound one.
pub(super) fn algorithm(
    members: &Members<'_>,
    bound: Option<KeyManagement>,
) -> Result<KeyManagement, JwkError> {
    members.algorithm_by(bound, |a, b| a == b)
}

/// The signature algorithm whose keys consist of the same numbers.
pub(super) fn alike(members: &Members<'_>, algorithm: KeyManagement) -> Algorithm {
    match algorithm {
        KeyManagement::EcdhEsA256Kw if members.is_on("P-384") => Algorithm::Es384,
        KeyManagement::EcdhEsA256Kw => Algorithm::Es256,
        KeyManagement::RsaOaep256 => Algorithm::Ps256,
    }
}

/// What `key_ops` may hold (JO-JWE-10).
pub(super) fn operations(algorithm: KeyManagement, private: bool) -> Operations {
    const SEAL: &[&str] = &["wrapKey", "encrypt"];
    const OPEN: &[&str] = &["unwrapKey", "decrypt"];
    match (algorithm, private) {
        (KeyManagement::EcdhEsA256Kw, _) => Operations { needed: &["deriveKey", "deriveBits"], related: &[] },
        (KeyManagement::RsaOaep256, false) => Operations { needed: SEAL, related: OPEN },
        (KeyManagement::RsaOaep256, true) => Operations { needed: OPEN, related: SEAL },
    }
}

/// The `use` of encryption keys (RFC 7517 §4.2).
pub(super) const ENCRYPTION: &str = "enc";
