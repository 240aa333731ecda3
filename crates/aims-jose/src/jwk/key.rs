//! One public key.

use aims_keys::{Algorithm, Backend, PublicKey, PublicNumbers};

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
        let object = Object::parse(text, &JWK_LIMITS)?;
        Self::from_value(object.as_value(), None, backend)
    }

    /// Reads a public key and binds it to `algorithm`, which its `alg`, if there is one, must be.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`JwkError::AlgorithmMismatch`].
    pub fn parse_as(text: &str, algorithm: Algorithm, backend: Backend) -> Result<Self, JwkError> {
        let object = Object::parse(text, &JWK_LIMITS)?;
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
        let members = JwkMembers::read(value)?;
        let algorithm = members.algorithm(algorithm)?;
        let numbers = members.numbers(algorithm)?;
        let key = PublicKey::load(numbers, algorithm, backend)?;
        Ok(Self { key, kid: members.kid.map(Into::into) })
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
        write_numbers(self.key.numbers(), writer);
    }
}

/// Writes `kty` and the numbers, in the order that thumbprints want as well.
pub(super) fn write_numbers(numbers: &PublicNumbers, writer: &mut ObjectWriter) {
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

/// The members of a JWK that mean something for a public signature key; the others are ignored.
struct JwkMembers<'a> {
    kid: Option<String>,
    kty: Value<'a>,
    alg: Option<Value<'a>>,
    crv: Option<Value<'a>>,
    x: Option<Value<'a>>,
    y: Option<Value<'a>>,
    n: Option<Value<'a>>,
    e: Option<Value<'a>>,
    public: Option<Value<'a>>,
}

impl<'a> JwkMembers<'a> {
    fn read(jwk: Value<'a>) -> Result<Self, JwkError> {
        let members = jwk.as_object().ok_or(JwkError::KeyType)?;
        let (mut kid, mut kty, mut alg, mut crv) = (None, None, None, None);
        let (mut x, mut y, mut n, mut e, mut public) = (None, None, None, None, None);
        let (mut usage, mut operations, mut private) = (None, None, false);
        for (name, value) in members {
            match &*name.as_str() {
                "kty" => kty = Some(value),
                "alg" => alg = Some(value),
                "kid" => kid = Some(value),
                "crv" => crv = Some(value),
                "x" => x = Some(value),
                "y" => y = Some(value),
                "n" => n = Some(value),
                "e" => e = Some(value),
                "pub" => public = Some(value),
                "use" => usage = Some(value),
                "key_ops" => operations = Some(value),
                "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "priv" => private = true,
                _ => {}
            }
        }

        let kty = kty.ok_or(JwkError::KeyType)?;
        // Before the leak is looked for: `k` is all of a symmetric key.
        if kty.is_str("oct") {
            return Err(JwkError::Symmetric);
        }
        if private {
            return Err(JwkError::Private);
        }
        if usage.is_some_and(|usage| !usage.is_str("sig")) {
            return Err(JwkError::Use);
        }
        if let Some(operations) = operations {
            check_operations(operations)?;
        }
        let kid = match kid {
            Some(kid) => Some(kid.as_str().filter(|kid| is_key_id(kid)).ok_or(JwkError::KeyId)?.into_owned()),
            None => None,
        };
        Ok(Self { kid, kty, alg, crv, x, y, n, e, public })
    }

    /// The algorithm of the key: its own `alg`, which must be the caller's if the caller bound one.
    fn algorithm(&self, bound: Option<Algorithm>) -> Result<Algorithm, JwkError> {
        let Some(alg) = self.alg else {
            return bound.ok_or(JwkError::AlgorithmMissing);
        };
        let alg = alg.as_str().ok_or(JwkError::AlgorithmMissing)?;
        let alg: Algorithm = alg.parse().map_err(|_| JwkError::UnknownAlgorithm)?;
        match bound {
            Some(bound) if !bound.is_same_algorithm(alg) => Err(JwkError::AlgorithmMismatch),
            _ => Ok(alg),
        }
    }

    fn numbers(&self, algorithm: Algorithm) -> Result<PublicNumbers, JwkError> {
        match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => {
                self.require("OKP", Some("Ed25519"))?;
                Ok(PublicNumbers::Ed25519 { x: fixed("x", self.x)? })
            }
            Algorithm::Es256 => {
                self.require("EC", Some("P-256"))?;
                Ok(PublicNumbers::P256 { x: fixed("x", self.x)?, y: fixed("y", self.y)? })
            }
            Algorithm::Es384 => {
                self.require("EC", Some("P-384"))?;
                Ok(PublicNumbers::P384 { x: fixed("x", self.x)?, y: fixed("y", self.y)? })
            }
            Algorithm::Ps256 | Algorithm::Rs256 => {
                self.require("RSA", None)?;
                Ok(PublicNumbers::Rsa { n: number("n", self.n)?, e: number("e", self.e)? })
            }
            Algorithm::MlDsa44 | Algorithm::MlDsa65 => {
                self.require("AKP", None)?;
                if self.alg.is_none() {
                    // JO-KEY-06: `kty` does not tell the parameter sets apart.
                    return Err(JwkError::AlgorithmMissing);
                }
                Ok(PublicNumbers::MlDsa { public: number("pub", self.public)? })
            }
            _ => Err(JwkError::UnknownAlgorithm),
        }
    }

    fn require(&self, kty: &str, crv: Option<&str>) -> Result<(), JwkError> {
        if !self.kty.is_str(kty) {
            return Err(JwkError::KeyType);
        }
        match crv {
            Some(crv) if !self.crv.is_some_and(|curve| curve.is_str(crv)) => Err(JwkError::Curve),
            _ => Ok(()),
        }
    }
}

/// `key_ops` allows `verify`, and no kind of use that a signature key must not have besides (RFC 7517 §4.3).
fn check_operations(operations: Value<'_>) -> Result<(), JwkError> {
    let mut verify = false;
    for operation in operations.as_array().ok_or(JwkError::KeyOperations)? {
        match operation.as_str().as_deref() {
            Some("verify") if !verify => verify = true,
            Some("sign") => {}
            _ => return Err(JwkError::KeyOperations),
        }
    }
    if verify { Ok(()) } else { Err(JwkError::KeyOperations) }
}

/// A number of exactly `N` bytes.
fn fixed<const N: usize>(name: &'static str, value: Option<Value<'_>>) -> Result<[u8; N], JwkError> {
    let text = text(name, value)?;
    let mut bytes = [0; N];
    if base64url::decoded_len(text.len()) != Some(N) {
        return Err(JwkError::Length);
    }
    base64url::decode_into(&*text, &mut bytes).map_err(JwkError::Base64)?;
    Ok(bytes)
}

/// A number of any length up to the largest that any algorithm has.
fn number(name: &'static str, value: Option<Value<'_>>) -> Result<Vec<u8>, JwkError> {
    let text = text(name, value)?;
    if text.len() > MAX_NUMBER_TEXT {
        return Err(JwkError::Length);
    }
    base64url::decode(&*text).map_err(JwkError::Base64)
}

fn text<'a>(name: &'static str, value: Option<Value<'a>>) -> Result<std::borrow::Cow<'a, str>, JwkError> {
    value.and_then(|value| value.as_str()).ok_or(JwkError::Member(name))
}

/// An RSA modulus of 8192 bits, or an ML-DSA-65 key of 1952 bytes, and some more.
const MAX_NUMBER_TEXT: usize = 4096;

const JWK_LIMITS: Limits = Limits::new();
