//! Digests of content (RFC 9530): `Content-Digest`, `Repr-Digest`.

use std::fmt;

use aims_keys::Backend;
use aims_keys::backend::{HashAlgorithm, Hasher};

use crate::sf::{BareItem, Dictionary, Limits, Member, ParseError};

/// The digests that a message says its content has (`Content-Digest`), or the representation that it is about (`Repr-Digest`): those that count.
///
/// The two fields look alike. Content is what is in this message, after content coding; a representation is all of a resource in one form, of which a message
/// may hold a part, or nothing.
///
/// ```
/// use aims_httpsig::Digests;
/// use aims_keys::backend;
///
/// let body = br#"{"hello": "world"}"#;
/// let field = Digests::field(body, backend::ring());
/// assert_eq!(field, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
/// Digests::parse(field.as_bytes())?.verify(body, backend::ring())?;
/// # Ok::<(), aims_httpsig::DigestError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Digests {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

impl Digests {
    /// Reads a field; several lines joined with `, `. Deprecated and unknown algorithms count for nothing (HS-DIG-02).
    ///
    /// # Errors
    ///
    /// [`DigestError`] when it is malformed, or nothing in it counts.
    pub fn parse(field: &[u8]) -> Result<Self, DigestError> {
        let dictionary = Dictionary::parse(field, &LIMITS).map_err(DigestError::Malformed)?;
        let digests =
            Self { sha256: digest(&dictionary, "sha-256")?, sha512: digest(&dictionary, "sha-512")? };
        if digests.sha256.is_none() && digests.sha512.is_none() {
            return Err(DigestError::NoneSupported);
        }
        Ok(digests)
    }

    /// The value of either field for this content: its SHA-256.
    #[must_use]
    pub fn field(content: &[u8], backend: Backend) -> String {
        Self::field_by(HashAlgorithm::Sha256, content, backend)
    }

    /// The same by this algorithm. Several are joined with `, `. One that digests are not registered for, such as SHA-384, counts as SHA-256.
    #[must_use]
    pub fn field_by(algorithm: HashAlgorithm, content: &[u8], backend: Backend) -> String {
        let algorithm = match algorithm {
            HashAlgorithm::Sha512 => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        };
        let mut hasher = backend.hasher(algorithm);
        hasher.update(content);
        let digest = BareItem::Bytes(hasher.finish().as_ref().to_vec().into());
        format!("{}={digest}", key(algorithm))
    }

    /// The algorithm that somebody wants digests by, from `Want-Content-Digest` or `Want-Repr-Digest`: of those that count the one it likes best, SHA-256 of two that it
    /// likes alike. `None` when it wants none of them.
    ///
    /// ```
    /// use aims_httpsig::Digests;
    /// use aims_keys::backend::HashAlgorithm;
    ///
    /// assert_eq!(Digests::wanted(b"sha-512=3, sha-256=10, unixsum=0")?, Some(HashAlgorithm::Sha256));
    /// assert_eq!(Digests::wanted(b"sha-512=3, sha-256=0")?, Some(HashAlgorithm::Sha512));
    /// assert_eq!(Digests::wanted(b"sha=10")?, None);
    /// # Ok::<(), aims_httpsig::DigestError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DigestError::Malformed`]; [`DigestError::Form`] when a weight is no whole number from 0 to 10.
    pub fn wanted(field: &[u8]) -> Result<Option<HashAlgorithm>, DigestError> {
        let dictionary = Dictionary::parse(field, &LIMITS).map_err(DigestError::Malformed)?;
        let weight = |member: &Member<'_>| {
            let weight = member.as_item().and_then(|item| item.bare().as_integer());
            weight.filter(|weight| (0..=10).contains(weight)).ok_or(DigestError::Form)
        };
        for (_, member) in dictionary.iter() {
            weight(member)?;
        }
        let mut wanted = None;
        for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
            let Some(member) = dictionary.get(key(algorithm)) else { continue };
            let weight = weight(member)?;
            if weight > 0 && wanted.is_none_or(|(most, _)| weight > most) {
                wanted = Some((weight, algorithm));
            }
        }
        Ok(wanted.map(|(_, algorithm)| algorithm))
    }

    /// Checks whole content.
    ///
    /// # Errors
    ///
    /// [`DigestError::Mismatch`] when any digest is of something else (HS-DIG-03).
    pub fn verify(&self, content: &[u8], backend: Backend) -> Result<(), DigestError> {
        let mut check = self.check(backend);
        check.update(content);
        check.finish()
    }

    /// Checks content that comes in pieces.
    #[must_use]
    pub fn check(&self, backend: Backend) -> DigestCheck {
        let hasher = |wanted: bool, algorithm| wanted.then(|| backend.hasher(algorithm));
        DigestCheck {
            sha256: hasher(self.sha256.is_some(), HashAlgorithm::Sha256),
            sha512: hasher(self.sha512.is_some(), HashAlgorithm::Sha512),
            expected: self.clone(),
        }
    }
}

/// Content on its way.
#[derive(Clone)]
pub struct DigestCheck {
    sha256: Option<Hasher>,
    sha512: Option<Hasher>,
    expected: Digests,
}

impl DigestCheck {
    /// Takes in more.
    pub fn update(&mut self, content: &[u8]) {
        for hasher in [&mut self.sha256, &mut self.sha512].into_iter().flatten() {
            hasher.update(content);
        }
    }

    /// Whether that was all of it, and the right content.
    ///
    /// # Errors
    ///
    /// [`DigestError::Mismatch`].
    pub fn finish(self) -> Result<(), DigestError> {
        let is = |hasher: Option<Hasher>, expected: Option<&[u8]>| match (hasher, expected) {
            (Some(hasher), Some(expected)) => is_equal(hasher.finish().as_ref(), expected),
            (None, None) => true,
            _ => false,
        };
        let sha256 = is(self.sha256, self.expected.sha256.as_ref().map(<[u8; 32]>::as_slice));
        let sha512 = is(self.sha512, self.expected.sha512.as_ref().map(<[u8; 64]>::as_slice));
        if sha256 && sha512 { Ok(()) } else { Err(DigestError::Mismatch) }
    }
}

impl fmt::Debug for DigestCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestCheck").field("expected", &self.expected).finish_non_exhaustive()
    }
}

/// Why content is not what its digest says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// A digest is not the byte sequence that its algorithm has.
    #[error("a digest has another form than its algorithm")]
    Form,
    /// The field is not a dictionary.
    #[error("the digest field is malformed")]
    Malformed(#[source] ParseError),
    /// The content is other content.
    #[error("the content does not have this digest")]
    Mismatch,
    /// There is no digest by an algorithm that counts.
    #[error("no digest is by an algorithm that counts")]
    NoneSupported,
}

impl DigestError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form => "digest_form",
            Self::Malformed(_) => "digest_malformed",
            Self::Mismatch => "digest_mismatch",
            Self::NoneSupported => "digest_unsupported",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Form | Self::Malformed(_) => "HS-DIG-01",
            Self::Mismatch => "HS-DIG-03",
            Self::NoneSupported => "HS-DIG-02",
        }
    }
}

/// As the registry of digest algorithms has it.
fn key(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Sha512 => "sha-512",
        _ => "sha-256",
    }
}

fn digest<const LEN: usize>(
    dictionary: &Dictionary<'_>,
    key: &str,
) -> Result<Option<[u8; LEN]>, DigestError> {
    let Some(member) = dictionary.get(key) else { return Ok(None) };
    let bytes = member.as_item().and_then(|item| item.bare().as_bytes());
    bytes.and_then(|bytes| bytes.try_into().ok()).map(Some).ok_or(DigestError::Form)
}

/// Takes as long whatever the difference is.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(one, other).into()
}

const LIMITS: Limits = Limits::new().bytes(8 * 1024).members(32).parameters(8).items(8);
