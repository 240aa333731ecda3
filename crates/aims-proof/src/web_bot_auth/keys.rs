//! Whoever knows the keys of bots.

use std::fmt;
use std::sync::Arc;

use aims_credential::FetchError;
use aims_jose::Thumbprint;
use aims_keys::{BoxFuture, PublicKey, UnixTime};

use super::{DirectoryError, DirectoryKey, KeySource};

/// What knows which keys a URL provides. [`Directories`](super::Directories) fetches them; an implementation of one's own may ask whoever
/// polls for several servers.
///
/// A key is looked up by the pair of source and key, and by nothing less (HS-WBA-07): a key that one URL provides says nothing about any
/// other.
pub trait BotKeys: fmt::Debug + Send + Sync {
    /// The key with this thumbprint, if the source provides it.
    ///
    /// # Errors
    ///
    /// The future yields [`DiscoveryError`]: it does not, or nobody can say.
    fn key<'a>(
        &'a self,
        source: &'a KeySource,
        thumbprint: &'a Thumbprint,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<BotKey, DiscoveryError>>;
}

impl<K: BotKeys + ?Sized> BotKeys for Arc<K> {
    fn key<'a>(
        &'a self,
        source: &'a KeySource,
        thumbprint: &'a Thumbprint,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<BotKey, DiscoveryError>> {
        (**self).key(source, thumbprint, now)
    }
}

/// Asks nobody: for sites that have the keys of the bots that they know.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoDiscovery;

impl BotKeys for NoDiscovery {
    fn key<'a>(
        &'a self,
        _: &'a KeySource,
        _: &'a Thumbprint,
        _: UnixTime,
    ) -> BoxFuture<'a, Result<BotKey, DiscoveryError>> {
        Box::pin(std::future::ready(Err(DiscoveryError::Unknown)))
    }
}

/// A key that a URL provides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BotKey {
    key: PublicKey,
    not_after: Option<UnixTime>,
    as_of: UnixTime,
}

impl BotKey {
    /// A key that was known at `as_of` to be provided by the URL that was asked about.
    #[must_use]
    pub fn new(key: &DirectoryKey, as_of: UnixTime) -> Self {
        Self { key: key.public_key().clone(), not_after: key.times().1, as_of }
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Until when it counts, as its directory says.
    #[must_use]
    pub fn not_after(&self) -> Option<UnixTime> {
        self.not_after
    }

    /// When it was last seen there.
    #[must_use]
    pub fn as_of(&self) -> UnixTime {
        self.as_of
    }
}

/// Why a key is not known to be one of a URL. It says nothing about the signer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Too much is fetched at the moment.
    #[error("too many directories are asked for")]
    Busy,
    /// What was fetched has no keys.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Nothing was fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The directory is there, and does not have the key; or it has it for another time.
    #[error("the directory does not have the key")]
    NotProvided,
    /// The directory has the key, and the key has not signed the directory, which was asked for.
    #[error("the directory does not show that it has the key")]
    NotShown,
    /// The URL is none that is asked here.
    #[error("the URL is none that is asked here")]
    Unknown,
    /// Nobody here can find keys in this way.
    #[error("keys are not found in this way here")]
    Unsupported,
}

impl DiscoveryError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "discovery_busy",
            Self::Directory(error) => error.code(),
            Self::Fetch(error) => error.code(),
            Self::NotProvided => "key_not_provided",
            Self::NotShown => "key_not_shown",
            Self::Unknown => "agent_unknown",
            Self::Unsupported => "discovery_unsupported",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Busy | Self::Unknown => "HS-WBA-08",
            Self::Directory(error) => error.rule(),
            Self::Fetch(error) => error.rule(),
            Self::NotProvided => "HS-WBA-07",
            Self::NotShown => "HS-WBA-09",
            Self::Unsupported => "HS-WBA-03",
        }
    }
}
