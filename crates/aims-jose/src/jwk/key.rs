//! One public key.

use aims_keys::{Algorithm, Backend, PublicKey, PublicNumbers};

use super::members::{Members, SIGNATURES, VERIFY};
use super::{JwkError, Thumbprint};
use crate::base64url;
use crate::json::{Limits, Object, ObjectWriter, Value};
use crate::jws::is_key_id;

/// A public JSON Web Key: a checked [`PublicKey`], and the identifier it goes by.
///
/// ```
/// use aims_jose::Jwk;
/// use aims_keys::backend;
///
/// // RFC 8037 appendix A.2
/// let jwk = Jwk::parse(
///     r#"{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
///     backend::ring(),
/// )?;
/// assert_eq!(jwk.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jwk {
    key: PublicKey,
    kid: Option<Box<str>>,
}

impl Jwk {
    /// Reads a public key that names its algorithm.
    ///
    /// # Errors
    ///
    /// [`JwkError`] names the first check that failed; [`JwkError::AlgorithmMissing`] when there is no `alg`.
    pub fn parse(text: &str, backend: Backend) -> Result<Self, JwkError> {
        let object = Object::parse(text, &Limits::new())?;
        Self::from_value(object.as_value(), None, backend)
    }

    /// Reads a public key and binds it to `algorithm`, which its `alg`, if there is one, must be.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`JwkError::AlgorithmMismatch`].
    pub fn parse_as(text: &str, algorithm: Algorithm, backend: Backend) -> Result<Self, JwkError> {
        let object = Object::parse(text, &Limits::new())?;
        Self::from_value(object.as_value(), Some(algorithm), backend)
    }

    /// Reads a public key that stands in a larger document, such as `cnf`. `algorithm` as in
    /// [`parse_as`](Self::parse_as); without one the key must have `alg`.
    ///
    /// # Errors
    ///
    /// As [`parse_as`](Self::parse_as).
    pub fn from_value(
        value: Value<'_>,
        algorithm: Option<Algorithm>,
        backend: Backend,
    ) -> Result<Self, JwkError> {
        Self::from_value_for(SIGNATURES, value, algorithm, backend)
    }

    /// As [`from_value`](Self::from_value), for a format whose keys have a `use` of their own in place of `sig`, such as
    /// `jwt-svid` in the bundles of SPIFFE.
    ///
    /// # Errors
    ///
    /// As [`parse_as`](Self::parse_as).
    pub fn from_value_for(
        usage: &str,
        value: Value<'_>,
        algorithm: Option<Algorithm>,
        backend: Backend,
    ) -> Result<Self, JwkError> {
        let members = Members::of(value)?;
        members.check_public(usage, VERIFY)?;
        let kid = members.key_id()?;
        let algorithm = members.algorithm(algorithm)?;
        let key = PublicKey::load(members.public(algorithm)?, algorithm, backend)?;
        Ok(Self { key, kid })
    }

    /// As [`from_value`](Self::from_value), for a format with names of its own for algorithms: `alg` is not looked at, and the caller
    /// says what it stands for.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn from_value_bound(
        value: Value<'_>,
        algorithm: Algorithm,
        backend: Backend,
    ) -> Result<Self, JwkError> {
        let members = Members::of(value)?;
        members.check_public(SIGNATURES, VERIFY)?;
        let kid = members.key_id()?;
        let key = PublicKey::load(members.public(algorithm)?, algorithm, backend)?;
        Ok(Self { key, kid })
    }

    /// A key without an identifier.
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        Self { key, kid: None }
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

    /// The key itself.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key's thumbprint (RFC 7638, SHA-256).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.key)
    }

    /// The key as JSON, in one fixed order of members, `alg` and `kid` included.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut writer = ObjectWriter::new();
        self.write(&mut writer);
        // INVARIANT: the names differ, the only thing `finish` can object to.
        writer.finish().unwrap_or_default()
    }

    /// Writes the members of the key into an object, such as `jwk` in a `cnf` claim.
    pub fn write(&self, writer: &mut ObjectWriter) {
        writer.str("alg", self.key.algorithm().name());
        if let Some(kid) = &self.kid {
            writer.str("kid", kid);
        }
        Self::write_numbers(self.key.numbers(), writer);
    }

    /// Writes `kty` and the numbers alone, of a key that is bound to no algorithm.
    pub fn write_numbers(numbers: &PublicNumbers, writer: &mut ObjectWriter) {
        match numbers {
            PublicNumbers::Ed25519 { x } => {
                writer.str("crv", "Ed25519").str("kty", "OKP").str("x", &base64url::encode(x));
            }
            PublicNumbers::MlDsa { public } => {
                writer.str("kty", "AKP").str("pub", &base64url::encode(public));
            }
            PublicNumbers::P256 { x, y } => {
                writer.str("crv", "P-256").str("kty", "EC");
                writer.str("x", &base64url::encode(x)).str("y", &base64url::encode(y));
            }
            PublicNumbers::P384 { x, y } => {
                writer.str("crv", "P-384").str("kty", "EC");
                writer.str("x", &base64url::encode(x)).str("y", &base64url::encode(y));
            }
            PublicNumbers::Rsa { n, e } => {
                writer.str("e", &base64url::encode(e)).str("kty", "RSA").str("n", &base64url::encode(n));
            }
            // `PublicNumbers` may grow with the crate below; a key of a kind that has no JWK form has no numbers here.
            _ => {}
        }
    }
}
