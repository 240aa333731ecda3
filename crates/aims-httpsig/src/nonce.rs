//! Nonces count once.

use std::fmt;

use aims_keys::UnixTime;

/// Remembers nonces, so that a message counts once. Whoever implements it says how: in memory, in a database that several servers share.
pub trait NonceStore: fmt::Debug + Send + Sync {
    /// Remembers a nonce until this time, if nobody did before: in one step, so that of two at once one is the first.
    ///
    /// `scope` is whose nonce it is: a thumbprint, an identifier; nothing, where nonces count once whoever sends them.
    ///
    /// # Errors
    ///
    /// [`NonceError`].
    fn remember(&self, scope: &[u8], nonce: &str, until: UnixTime, now: UnixTime) -> Result<(), NonceError>;
}

/// Why a nonce does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceError {
    /// It was there before.
    #[error("the nonce was used before")]
    Replayed,
    /// Nobody can say: the store has no room, or does not answer.
    #[error("the nonce cannot be remembered")]
    Unavailable,
}

impl NonceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Replayed => "replay",
            Self::Unavailable => "nonce_store_unavailable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "HS-PAR-05"
    }
}
