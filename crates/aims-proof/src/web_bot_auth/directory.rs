//! Documents with the keys of bots.

use aims_credential::Fetched;
use aims_jose::json::{Limits, Number, Object, Value};
use aims_jose::{Jwk, JwkError, Thumbprint};
use aims_keys::{Algorithm, Backend, PublicKey, UnixTime};

use super::algorithms::algorithm_of;
use super::possession::{self, Possession, PossessionError};
use super::test_keys::is_test_key;
use super::{DIRECTORY_MEDIA_TYPE, Discovery, KeySource};

/// The keys that a document has: a directory, or a JWK Set (HS-WBA-06).
///
/// A key that cannot be used is [skipped](Self::skipped). What casts doubt on the whole document refuses it: a private or a symmetric key
/// in it, or more keys than anybody needs.
#[derive(Clone, Debug, Default)]
pub struct KeyDirectory {
    keys: Vec<DirectoryKey>,
    skipped: Vec<SkippedDirectoryKey>,
    possessions: Vec<Result<Possession, PossessionError>>,
}

/// A key as a directory has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirectoryKey {
    key: PublicKey,
    thumbprint: Thumbprint,
    not_before: Option<UnixTime>,
    not_after: Option<UnixTime>,
    shown_until: Option<UnixTime>,
}

impl DirectoryKey {
    /// A key without bounds in time.
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        let thumbprint = Thumbprint::of(&key);
        Self { key, thumbprint, not_before: None, not_after: None, shown_until: None }
    }

    /// `nbf`: counts from this time on.
    #[must_use]
    pub fn not_before(mut self, time: UnixTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// `exp`: counts until this time.
    #[must_use]
    pub fn not_after(mut self, time: UnixTime) -> Self {
        self.not_after = Some(time);
        self
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// What signatures name it by.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// From when on, and until when, it counts.
    #[must_use]
    pub fn times(&self) -> (Option<UnixTime>, Option<UnixTime>) {
        (self.not_before, self.not_after)
    }

    /// Until when the answer that brought it shows that its holder wants it there: a signature by this very key was over the document and
    /// the authority that served it (HS-WBA-09).
    #[must_use]
    pub fn shown_until(&self) -> Option<UnixTime> {
        self.shown_until
    }

    /// Whether it counts at `now`.
    #[must_use]
    pub fn counts_at(&self, now: UnixTime) -> bool {
        self.not_before.is_none_or(|begin| begin <= now) && self.not_after.is_none_or(|end| now < end)
    }
}

/// A key of a document that counts for nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SkippedDirectoryKey {
    /// Its place in the document, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: DirectoryKeyError,
}

impl KeyDirectory {
    /// The longest document that is read, in bytes.
    pub const MAX_LEN: usize = 64 * 1024;

    /// The most keys that a document may have.
    pub const MAX_KEYS: usize = 64;

    /// Reads a document that was fetched for `source`, and looks at what signs it.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`].
    pub fn of(
        source: &KeySource,
        fetched: &Fetched,
        now: UnixTime,
        backend: Backend,
    ) -> Result<Self, DirectoryError> {
        let is_directory = source.discovery() == Discovery::Directory;
        if is_directory && fetched.media_type() != Some(DIRECTORY_MEDIA_TYPE) {
            return Err(DirectoryError::MediaType);
        }
        let text = str::from_utf8(fetched.body()).map_err(|_| DirectoryError::Encoding)?;
        let mut directory = Self::parse(text, source.discovery(), backend)?;
        if is_directory {
            directory.possessions = possession::verify(source, fetched, &directory, now, backend);
            for shown in directory.possessions.iter().flatten() {
                let mut keys = directory.keys.iter_mut();
                if let Some(key) = keys.find(|key| key.thumbprint == shown.thumbprint) {
                    key.shown_until = key.shown_until.max(Some(shown.expires));
                }
            }
        }
        Ok(directory)
    }

    /// Reads the text alone.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`].
    pub fn parse(text: &str, discovery: Discovery, backend: Backend) -> Result<Self, DirectoryError> {
        if text.len() > Self::MAX_LEN {
            return Err(DirectoryError::TooLarge);
        }
        let limits = Limits::new().bytes(Self::MAX_LEN);
        let object = Object::parse(text, &limits).map_err(|error| DirectoryError::Keys(error.into()))?;
        let elements = object.get("keys").and_then(|keys| keys.as_array());
        let mut directory = Self::default();
        for (index, element) in elements.ok_or(DirectoryError::Keys(JwkError::Set))?.enumerate() {
            if index >= Self::MAX_KEYS {
                return Err(DirectoryError::TooLarge);
            }
            match read(element, discovery, backend) {
                Ok(key) if directory.get(&key.thumbprint).is_some() => {
                    directory
                        .skipped
                        .push(SkippedDirectoryKey { index, reason: DirectoryKeyError::Repeated });
                }
                Ok(key) => directory.keys.push(key),
                Err(DirectoryKeyError::Jwk(error @ (JwkError::Private | JwkError::Symmetric))) => {
                    return Err(DirectoryError::Keys(error));
                }
                Err(reason) => directory.skipped.push(SkippedDirectoryKey { index, reason }),
            }
        }
        Ok(directory)
    }

    /// The key with this thumbprint. It is computed from each key: what a document says of its keys counts for nothing.
    #[must_use]
    pub fn get(&self, thumbprint: &Thumbprint) -> Option<&DirectoryKey> {
        self.keys.iter().find(|key| key.thumbprint == *thumbprint)
    }

    /// The keys, as they stand there.
    #[must_use]
    pub fn keys(&self) -> &[DirectoryKey] {
        &self.keys
    }

    /// What was left out, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedDirectoryKey] {
        &self.skipped
    }

    /// What became of each signature over the answer (HS-WBA-09).
    pub fn possessions(&self) -> &[Result<Possession, PossessionError>] {
        &self.possessions
    }
}

fn read(
    element: Value<'_>,
    discovery: Discovery,
    backend: Backend,
) -> Result<DirectoryKey, DirectoryKeyError> {
    let algorithm = algorithm_of(element);
    // A leak is looked for in keys of any algorithm.
    let bound = *algorithm.as_ref().unwrap_or(&Algorithm::Ed25519);
    let jwk = Jwk::from_value_bound(element, bound, backend);
    if let Err(error @ (JwkError::Private | JwkError::Symmetric)) = jwk {
        return Err(DirectoryKeyError::Jwk(error));
    }
    algorithm.map_err(DirectoryKeyError::Jwk)?;
    let jwk = jwk.map_err(DirectoryKeyError::Jwk)?;
    let time = |name: &str| match element.get(name) {
        None => Ok(None),
        Some(time) => {
            let seconds = time.as_number().and_then(Number::as_u64);
            seconds.map(|seconds| Some(UnixTime::from_secs(seconds))).ok_or(DirectoryKeyError::Times)
        }
    };
    let (not_before, not_after) = (time("nbf")?, time("exp")?);
    let key = DirectoryKey { not_before, not_after, ..DirectoryKey::new(jwk.public_key().clone()) };
    if is_test_key(&key.thumbprint) {
        return Err(DirectoryKeyError::TestKey);
    }
    // Other JWK Sets have other readers, to whom `kid` is a label.
    match jwk.key_id() {
        Some(kid) if discovery == Discovery::Directory && !key.thumbprint.matches(kid) => {
            Err(DirectoryKeyError::KeyId)
        }
        _ => Ok(key),
    }
}

/// Why a document is not one with keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// It is not UTF-8.
    #[error("the directory is not UTF-8")]
    Encoding,
    /// It is not a JWK Set, or has a key in it that must not be there.
    #[error("the directory is not a set of public keys: {0}")]
    Keys(#[source] JwkError),
    /// It was not served as a directory.
    #[error("the directory has another media type")]
    MediaType,
    /// It is longer than allowed, or has more keys.
    #[error("the directory is too large")]
    TooLarge,
}

impl DirectoryError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding => "directory_encoding",
            Self::Keys(error) => error.code(),
            Self::MediaType => "directory_media_type",
            Self::TooLarge => "directory_too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Encoding | Self::MediaType => "HS-WBA-06",
            Self::Keys(error) => error.rule(),
            Self::TooLarge => "HS-WBA-08",
        }
    }
}

/// Why a key of a document counts for nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryKeyError {
    /// It is no key that may be used.
    #[error(transparent)]
    Jwk(JwkError),
    /// Its `kid` is not its thumbprint, which it must be in a directory.
    #[error("the key goes by another name than its thumbprint")]
    KeyId,
    /// It is there twice.
    #[error("the key is there twice")]
    Repeated,
    /// It is a key that is published with its private half.
    #[error("the private half of the key is published")]
    TestKey,
    /// `nbf` or `exp` is not a number of seconds.
    #[error("a time of the key is not a number of seconds")]
    Times,
}

impl DirectoryKeyError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Jwk(error) => error.code(),
            Self::KeyId => "directory_key_id",
            Self::Repeated => "directory_key_repeated",
            Self::TestKey => "test_key",
            Self::Times => "directory_key_times",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Jwk(error) => error.rule(),
            Self::KeyId => "HS-WBA-02",
            Self::Repeated | Self::Times => "HS-WBA-06",
            Self::TestKey => "HS-WBA-11",
        }
    }
}
