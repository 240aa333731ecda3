//! The members of a JWK, before they become a key.

use std::borrow::Cow;
use std::str::FromStr;

use aims_keys::{Algorithm, PrivateNumbers, PublicNumbers};
use zeroize::Zeroizing;

use super::JwkError;
use crate::base64url;
use crate::json::Value;
use crate::jws::is_key_id;

/// The members of a JWK that mean something for a signature key; the others are ignored.
#[derive(Default)]
pub(crate) struct Members<'a> {
    kty: Option<Value<'a>>,
    alg: Option<Value<'a>>,
    kid: Option<Value<'a>>,
    usage: Option<Value<'a>>,
    operations: Option<Value<'a>>,
    crv: Option<Value<'a>>,
    x: Option<Value<'a>>,
    y: Option<Value<'a>>,
    n: Option<Value<'a>>,
    e: Option<Value<'a>>,
    public: Option<Value<'a>>,
    secret: Secret<'a>,
}

/// Members that stand in private keys only. `Debug` of a [`Value`] shows none of their text.
#[derive(Default)]
struct Secret<'a> {
    d: Option<Value<'a>>,
    p: Option<Value<'a>>,
    q: Option<Value<'a>>,
    dp: Option<Value<'a>>,
    dq: Option<Value<'a>>,
    qi: Option<Value<'a>>,
    oth: Option<Value<'a>>,
    seed: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(jwk: Value<'a>) -> Result<Self, JwkError> {
        let mut members = Self::default();
        for (name, value) in jwk.as_object().ok_or(JwkError::NotAnObject)? {
            members.see(&name.as_str(), value);
        }
        Ok(members)
    }

    pub(crate) fn see(&mut self, name: &str, value: Value<'a>) {
        let slot = match name {
            "alg" => &mut self.alg,
            "crv" => &mut self.crv,
            "d" => &mut self.secret.d,
            "dp" => &mut self.secret.dp,
            "dq" => &mut self.secret.dq,
            "e" => &mut self.e,
            "key_ops" => &mut self.operations,
            "kid" => &mut self.kid,
            "kty" => &mut self.kty,
            "n" => &mut self.n,
            "oth" => &mut self.secret.oth,
            "p" => &mut self.secret.p,
            "priv" => &mut self.secret.seed,
            "pub" => &mut self.public,
            "q" => &mut self.secret.q,
            "qi" => &mut self.secret.qi,
            "use" => &mut self.usage,
            "x" => &mut self.x,
            "y" => &mut self.y,
            _ => return,
        };
        *slot = Some(value);
    }

    /// The checks of a public key that need no algorithm (JO-ALG-05, JO-KEY-02, JO-KEY-03).
    pub(crate) fn check_public(&self, usage: &str, operations: Operations) -> Result<(), JwkError> {
        // Before the leak is looked for: all of a symmetric key is secret.
        self.refuse_symmetric()?;
        self.refuse_private()?;
        self.check_use(usage, operations)
    }

    /// The checks of a private key that need no algorithm (JO-ALG-05, JO-KEY-02).
    pub(crate) fn check_private(&self, usage: &str, operations: Operations) -> Result<(), JwkError> {
        self.refuse_symmetric()?;
        if self.secret.oth.is_some() {
            return Err(JwkError::MultiPrime);
        }
        self.check_use(usage, operations)
    }

    /// A member of a private key among those of a public one is a leak.
    pub(crate) fn refuse_private(&self) -> Result<(), JwkError> {
        if self.secret.is_there() { Err(JwkError::Private) } else { Ok(()) }
    }

    /// The key's identifier.
    pub(crate) fn key_id(&self) -> Result<Option<Box<str>>, JwkError> {
        let Some(kid) = self.kid else { return Ok(None) };
        let kid = kid.as_str().filter(|kid| is_key_id(kid)).ok_or(JwkError::KeyId)?;
        Ok(Some(kid.into()))
    }

    /// The algorithm of the key: its own `alg`, which must be the caller's if the caller bound one.
    pub(super) fn algorithm(&self, bound: Option<Algorithm>) -> Result<Algorithm, JwkError> {
        self.algorithm_by(bound, Algorithm::is_same_algorithm)
    }

    /// As [`algorithm`](Self::algorithm), of any kind; `same` tells whether two names stand for one algorithm.
    pub(crate) fn algorithm_by<A: Copy + FromStr>(
        &self,
        bound: Option<A>,
        same: fn(A, A) -> bool,
    ) -> Result<A, JwkError> {
        let Some(alg) = self.alg else {
            return bound.ok_or(JwkError::AlgorithmMissing);
        };
        let alg = alg.as_str().ok_or(JwkError::AlgorithmMissing)?;
        let alg = alg.parse().map_err(|_| JwkError::UnknownAlgorithm)?;
        match bound {
            Some(bound) if !same(bound, alg) => Err(JwkError::AlgorithmMismatch),
            _ => Ok(alg),
        }
    }

    /// Whether `crv` is this curve.
    pub(crate) fn is_on(&self, crv: &str) -> bool {
        self.crv.is_some_and(|received| received.is_str(crv))
    }

    /// Whether the key has a `use` or an `alg`, and so says what it is for.
    #[cfg(feature = "jwe")]
    pub(crate) fn says_its_purpose(&self) -> bool {
        self.usage.is_some() || self.alg.is_some()
    }

    pub(crate) fn public(&self, algorithm: Algorithm) -> Result<PublicNumbers, JwkError> {
        let read = Read(algorithm);
        match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => {
                self.require("OKP", Some("Ed25519"))?;
                Ok(PublicNumbers::Ed25519 { x: read.fixed("x", self.x)? })
            }
            Algorithm::Es256 => {
                self.require("EC", Some("P-256"))?;
                Ok(PublicNumbers::P256 { x: read.fixed("x", self.x)?, y: read.fixed("y", self.y)? })
            }
            Algorithm::Es384 => {
                self.require("EC", Some("P-384"))?;
                Ok(PublicNumbers::P384 { x: read.fixed("x", self.x)?, y: read.fixed("y", self.y)? })
            }
            Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256 => {
                self.require("RSA", None)?;
                Ok(PublicNumbers::Rsa { n: read.number("n", self.n)?, e: read.number("e", self.e)? })
            }
            Algorithm::MlDsa44 | Algorithm::MlDsa65 => {
                self.require("AKP", None)?;
                if self.alg.is_none() {
                    // JO-KEY-06: `kty` does not tell the parameter sets apart.
                    return Err(JwkError::AlgorithmMissing);
                }
                Ok(PublicNumbers::MlDsa { public: read.number("pub", self.public)? })
            }
            _ => Err(JwkError::UnknownAlgorithm),
        }
    }

    pub(crate) fn private(&self, algorithm: Algorithm) -> Result<PrivateNumbers, JwkError> {
        let read = Read(algorithm);
        let Secret { d, p, q, dp, dq, qi, seed, oth: _ } = self.secret;
        match self.public(algorithm)? {
            PublicNumbers::Ed25519 { x } => {
                Ok(PrivateNumbers::Ed25519 { seed: read.secret_fixed("d", d)?, x })
            }
            PublicNumbers::MlDsa { public } => {
                Ok(PrivateNumbers::MlDsa { seed: read.secret_fixed("priv", seed)?, public })
            }
            PublicNumbers::P256 { x, y } => Ok(PrivateNumbers::P256 { d: read.secret_fixed("d", d)?, x, y }),
            PublicNumbers::P384 { x, y } => Ok(PrivateNumbers::P384 { d: read.secret_fixed("d", d)?, x, y }),
            PublicNumbers::Rsa { n, e } => Ok(PrivateNumbers::Rsa {
                n,
                e,
                d: read.secret_number("d", d)?,
                p: read.secret_number("p", p)?,
                q: read.secret_number("q", q)?,
                dp: read.secret_number("dp", dp)?,
                dq: read.secret_number("dq", dq)?,
                qi: read.secret_number("qi", qi)?,
            }),
            _ => Err(JwkError::UnknownAlgorithm),
        }
    }

    /// All of a symmetric key is secret, and it opens what others seal with it.
    pub(crate) fn refuse_symmetric(&self) -> Result<(), JwkError> {
        if self.kty.is_some_and(|kty| kty.is_str("oct")) { Err(JwkError::Symmetric) } else { Ok(()) }
    }

    fn check_use(&self, expected: &str, allowed: Operations) -> Result<(), JwkError> {
        if self.usage.is_some_and(|usage| !usage.is_str(expected)) {
            return Err(JwkError::Use);
        }
        self.operations.map_or(Ok(()), |operations| allowed.check(operations))
    }

    fn require(&self, kty: &str, crv: Option<&str>) -> Result<(), JwkError> {
        if !self.kty.is_some_and(|received| received.is_str(kty)) {
            return Err(JwkError::KeyType);
        }
        match crv {
            Some(crv) if !self.is_on(crv) => Err(JwkError::Curve),
            _ => Ok(()),
        }
    }
}

impl Secret<'_> {
    fn is_there(&self) -> bool {
        let Self { d, p, q, dp, dq, qi, oth, seed } = self;
        [d, p, q, dp, dq, qi, oth, seed].into_iter().any(Option::is_some)
    }
}

/// What `key_ops` may hold (RFC 7517 §4.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operations {
    /// One of these is there.
    pub(crate) needed: &'static [&'static str],
    /// What goes with them; there is nothing else.
    pub(crate) related: &'static [&'static str],
}

impl Operations {
    /// `key_ops` names what is needed, nothing twice, and no use that such a key must not have besides.
    fn check(self, operations: Value<'_>) -> Result<(), JwkError> {
        let known = || self.needed.iter().chain(self.related);
        let mut seen: Vec<&str> = Vec::new();
        for operation in operations.as_array().ok_or(JwkError::KeyOperations)? {
            let operation = known().find(|known| operation.is_str(known)).ok_or(JwkError::KeyOperations)?;
            if seen.contains(operation) {
                return Err(JwkError::KeyOperations);
            }
            seen.push(operation);
        }
        if seen.iter().any(|seen| self.needed.contains(seen)) { Ok(()) } else { Err(JwkError::KeyOperations) }
    }
}

/// Of a private signature key.
pub(super) const SIGN: Operations = Operations { needed: &["sign"], related: &["verify"] };

/// Of a public signature key.
pub(super) const VERIFY: Operations = Operations { needed: &["verify"], related: &["sign"] };

/// Reads numbers of a key of this algorithm.
#[derive(Clone, Copy)]
struct Read(Algorithm);

impl Read {
    /// A public number of exactly `N` bytes.
    fn fixed<const N: usize>(
        self,
        name: &'static str,
        value: Option<Value<'_>>,
    ) -> Result<[u8; N], JwkError> {
        let mut bytes = [0; N];
        self.fill(&public_text(name, value)?, &mut bytes)?;
        Ok(bytes)
    }

    /// A public number of any length up to the largest that any algorithm has.
    fn number(self, name: &'static str, value: Option<Value<'_>>) -> Result<Vec<u8>, JwkError> {
        let text = public_text(name, value)?;
        let mut bytes = vec![0; self.number_len(&text)?];
        self.fill(&text, &mut bytes)?;
        Ok(bytes)
    }

    fn secret_fixed<const N: usize>(
        self,
        name: &'static str,
        value: Option<Value<'_>>,
    ) -> Result<Zeroizing<[u8; N]>, JwkError> {
        let mut bytes = Zeroizing::new([0; N]);
        self.fill(secret_text(name, value)?, &mut *bytes)?;
        Ok(bytes)
    }

    fn secret_number(
        self,
        name: &'static str,
        value: Option<Value<'_>>,
    ) -> Result<Zeroizing<Vec<u8>>, JwkError> {
        let text = secret_text(name, value)?;
        let mut bytes = Zeroizing::new(vec![0; self.number_len(text)?]);
        self.fill(text, &mut bytes)?;
        Ok(bytes)
    }

    fn number_len(self, text: &str) -> Result<usize, JwkError> {
        if text.len() > MAX_NUMBER_TEXT {
            return Err(JwkError::Length(self.0));
        }
        base64url::decoded_len(text.len()).ok_or(JwkError::Base64(base64url::Base64Error::Length))
    }

    /// Decodes a number of exactly the length of `bytes`.
    fn fill(self, text: &str, bytes: &mut [u8]) -> Result<(), JwkError> {
        if base64url::decoded_len(text.len()) != Some(bytes.len()) {
            return Err(JwkError::Length(self.0));
        }
        base64url::decode_into(text, bytes).map(drop).map_err(JwkError::Base64)
    }
}

fn public_text<'a>(name: &'static str, value: Option<Value<'a>>) -> Result<Cow<'a, str>, JwkError> {
    value.and_then(|value| value.as_str()).ok_or(JwkError::Member(name))
}

/// Base64url needs no escapes, and to remove them would take a copy that nobody overwrites.
fn secret_text<'a>(name: &'static str, value: Option<Value<'a>>) -> Result<&'a str, JwkError> {
    value.and_then(|value| value.as_raw_str()).ok_or(JwkError::Member(name))
}

/// The `use` of signature keys (RFC 7517 §4.2).
pub(super) const SIGNATURES: &str = "sig";

/// An RSA modulus of 8192 bits, or an ML-DSA-65 key of 1952 bytes, and some more.
const MAX_NUMBER_TEXT: usize = 4096;
