//! Sets of public keys.

use aims_keys::{Algorithm, AlgorithmSet, Backend};

use super::{Jwk, JwkError};
use crate::json::{Limits, Object, ObjectWriter, Value};
use crate::jws::{Header, JwsError};

/// The signature keys of one issuer, found by `kid`.
///
/// Keys that cannot be used here (another use, an unknown type or algorithm, numbers that fail a check) are
/// [skipped](Self::skipped) and reported. What casts doubt on the whole set refuses it: a private or a symmetric key in it,
/// or two keys with one name.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    /// INVARIANT: sorted by `kid`; no two with the same `kid` and algorithm.
    keys: Vec<Jwk>,
    skipped: Vec<SkippedKey>,
}

impl JwkSet {
    /// Reads a JWK Set; every key must name its algorithm.
    ///
    /// # Errors
    ///
    /// [`JwkError::Json`], [`JwkError::Set`], [`JwkError::TooLarge`], and for the set as a whole
    /// [`JwkError::Private`], [`JwkError::Symmetric`] or [`JwkError::DuplicateKeyId`].
    pub fn parse(text: &str, backend: Backend) -> Result<Self, JwkError> {
        Self::parse_with(text, None, backend)
    }

    /// Reads a JWK Set; keys that name no algorithm are bound to `algorithm`, and those of another are skipped.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_as(text: &str, algorithm: Algorithm, backend: Backend) -> Result<Self, JwkError> {
        Self::parse_with(text, Some(algorithm), backend)
    }

    /// Reads the JWK Set that an issuer publishes, of which `algorithms` are accepted. A key that names no algorithm, as those of many servers do, counts for each of
    /// these that its kind can be used with; one that names another is skipped. There are at most 64 keys (ACT-6).
    ///
    /// ```
    /// use aims_jose::JwkSet;
    /// use aims_keys::{Algorithm, AlgorithmSet, backend};
    ///
    /// let text = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    ///     "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    /// let keys = JwkSet::parse_for(text, AlgorithmSet::STANDARD, backend::ring())?;
    /// assert_eq!(keys.find("a", Algorithm::Es256)?.public_key().algorithm(), Algorithm::Es256);
    /// assert!(JwkSet::parse_for(text, AlgorithmSet::of(&[Algorithm::Ed25519]), backend::ring())?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_for(text: &str, algorithms: AlgorithmSet, backend: Backend) -> Result<Self, JwkError> {
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        read_set(text, |index, element| {
            if index >= MAX_PUBLISHED {
                return Err(JwkError::TooLarge);
            }
            let mut bound: Vec<Jwk> = Vec::new();
            let mut reason = JwkError::AlgorithmMismatch;
            for algorithm in algorithms.iter() {
                // Two names of one algorithm do not make two keys.
                let is_bound = |key: &Jwk| key.public_key().algorithm().is_same_algorithm(algorithm);
                if bound.iter().any(is_bound) {
                    continue;
                }
                match Jwk::from_value(element, Some(algorithm), backend) {
                    Ok(key) => bound.push(key),
                    Err(reason @ (JwkError::Private | JwkError::Symmetric)) => return Err(reason),
                    Err(other) => reason = other,
                }
            }
            if bound.is_empty() {
                skipped.push(SkippedKey { index, kid: kid(element), reason });
            }
            keys.extend(bound);
            Ok(())
        })?;
        Ok(Self { skipped, ..Self::new(keys)? })
    }

    fn parse_with(text: &str, algorithm: Option<Algorithm>, backend: Backend) -> Result<Self, JwkError> {
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        read_set(text, |index, element| {
            match Jwk::from_value(element, algorithm, backend) {
                Ok(key) => keys.push(key),
                Err(reason @ (JwkError::Private | JwkError::Symmetric)) => return Err(reason),
                Err(reason) => skipped.push(SkippedKey { index, kid: kid(element), reason }),
            }
            Ok(())
        })?;
        Ok(Self { skipped, ..Self::new(keys)? })
    }

    /// A set of these keys.
    ///
    /// # Errors
    ///
    /// [`JwkError::DuplicateKeyId`] when two have the same `kid` and algorithm.
    pub fn new(mut keys: Vec<Jwk>) -> Result<Self, JwkError> {
        keys.sort_by(|a, b| a.key_id().cmp(&b.key_id()));
        let named_alike = |a: &Jwk, b: &Jwk| {
            a.key_id().is_some()
                && a.key_id() == b.key_id()
                && a.public_key().algorithm().is_same_algorithm(b.public_key().algorithm())
        };
        for (at, key) in keys.iter().enumerate() {
            let behind = keys.iter().skip(at + 1).take_while(|other| other.key_id() == key.key_id());
            // Keys with one name are at most as many as there are algorithms, or the set is refused here.
            if behind.take(Algorithm::ALL.len()).any(|other| named_alike(key, other)) {
                return Err(JwkError::DuplicateKeyId);
            }
        }
        Ok(Self { keys, skipped: Vec::new() })
    }

    /// The key that the header of a token names.
    ///
    /// # Errors
    ///
    /// [`JwsError::KeyIdMissing`], and as [`find`](Self::find).
    pub fn find_for(&self, header: &Header) -> Result<&Jwk, JwsError> {
        self.find(header.key_id().ok_or(JwsError::KeyIdMissing)?, header.algorithm())
    }

    /// The key that goes by `kid` and is bound to `algorithm`.
    ///
    /// # Errors
    ///
    /// [`JwsError::UnknownKey`] when no key goes by `kid`, [`JwsError::AlgorithmMismatch`] when those that do are bound to
    /// another algorithm.
    pub fn find(&self, kid: &str, algorithm: Algorithm) -> Result<&Jwk, JwsError> {
        let first = self.keys.partition_point(|key| key.key_id() < Some(kid));
        let mut named = self.keys.iter().skip(first).take_while(|key| key.key_id() == Some(kid)).peekable();
        let bound_to = named.peek().ok_or(JwsError::UnknownKey)?.public_key().algorithm();
        named
            .find(|key| key.public_key().algorithm().is_same_algorithm(algorithm))
            .ok_or(JwsError::AlgorithmMismatch { header: algorithm, key: bound_to })
    }

    /// The key that the header of a token names; for a token that names none, the one key of the set.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find) and [`only`](Self::only).
    pub fn find_for_or_only(&self, header: &Header) -> Result<&Jwk, JwsError> {
        if header.key_id().is_some() {
            return self.find_for(header);
        }
        let only = self.only()?;
        let (algorithm, bound) = (header.algorithm(), only.public_key().algorithm());
        if bound.is_same_algorithm(algorithm) {
            Ok(only)
        } else {
            Err(JwsError::AlgorithmMismatch { header: algorithm, key: bound })
        }
    }

    /// The one key of the set, for tokens without `kid`.
    ///
    /// # Errors
    ///
    /// [`JwsError::UnknownKey`] unless there is exactly one: keys are never tried in turn.
    pub fn only(&self) -> Result<&Jwk, JwsError> {
        match self.keys.as_slice() {
            [key] => Ok(key),
            _ => Err(JwsError::UnknownKey),
        }
    }

    /// The keys, ordered by `kid`.
    pub fn iter(&self) -> impl Iterator<Item = &Jwk> {
        self.keys.iter()
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used: then nothing verifies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The elements that were left out when the set was read, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The set as JSON, ready to publish.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut writer = ObjectWriter::new();
        writer.array("keys", |keys| {
            for key in &self.keys {
                keys.object(|members| key.write(members));
            }
        });
        // INVARIANT: the names of one key differ, the only thing `finish` can object to.
        writer.finish().unwrap_or_default()
    }
}

/// An element of a set that counts for nothing, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// Its place in the array, from 0.
    pub index: usize,
    /// Its `kid`, if it has one.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub reason: JwkError,
}

/// Goes through the elements of a JWK Set, of which there are not too many.
pub(crate) fn read_set(
    text: &str,
    mut visit: impl FnMut(usize, Value<'_>) -> Result<(), JwkError>,
) -> Result<(), JwkError> {
    if text.len() > MAX_SET_TEXT {
        return Err(JwkError::TooLarge);
    }
    let set = Object::parse(text, &SET_LIMITS)?;
    let elements = set.get("keys").and_then(|keys| keys.as_array()).ok_or(JwkError::Set)?;
    for (index, element) in elements.enumerate() {
        if index >= MAX_KEYS {
            return Err(JwkError::TooLarge);
        }
        visit(index, element)?;
    }
    Ok(())
}

fn kid(element: Value<'_>) -> Option<String> {
    let kid = element.get("kid")?.as_str()?;
    crate::jws::is_key_id(&kid).then(|| kid.into_owned())
}

/// ACT-6: of one issuer.
const MAX_PUBLISHED: usize = 64;

/// A set is fetched and read now and then, not with each token: it may be larger than one.
const MAX_SET_TEXT: usize = 1024 * 1024;

const MAX_KEYS: usize = 1000;

const SET_LIMITS: Limits = Limits::new().bytes(MAX_SET_TEXT).string(64 * 1024);
