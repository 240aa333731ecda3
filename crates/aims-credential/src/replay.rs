//! Replay memory: what was seen must not count twice.

use aims_jose::Thumbprint;
use aims_keys::UnixTime;

/// Remembers proofs until they can no longer be replayed.
///
/// A verifier calls it last, after every other check: only a proof that would be accepted takes room.
pub trait ReplayStore: std::fmt::Debug + Send + Sync {
    /// Remembers `(sender, id)` until `until` has passed, unless it is remembered already; one step, so that of two
    /// callers with the same proof exactly one succeeds.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Replayed`] when it was seen, [`ReplayError::Full`] or [`ReplayError::Unavailable`] when that cannot
    /// be known: the proof is refused then. Nothing that still counts is forgotten to make room.
    fn remember(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError>;

    /// The same for what counts once whoever sends it, such as the nonce of a message signature (HSIG-11): `sender` is whose room it takes, and
    /// no part of what is remembered. It never stands for what [`remember`](Self::remember) remembers, or the other way round.
    ///
    /// # Errors
    ///
    /// As [`remember`](Self::remember).
    fn remember_from_anyone(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError>;
}

impl<S: ReplayStore + ?Sized> ReplayStore for std::sync::Arc<S> {
    fn remember(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        (**self).remember(sender, id, until, now)
    }

    fn remember_from_anyone(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        (**self).remember_from_anyone(sender, id, until, now)
    }
}

/// Why a proof was not admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no room to remember another proof.
    #[error("the replay memory is full")]
    Full,
    /// This sender has used this identifier before.
    #[error("the proof was used before")]
    Replayed,
    /// The memory, shared with other processes, cannot be reached.
    #[error("the replay memory is not available")]
    Unavailable,
}

impl ReplayError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "replay_store_full",
            Self::Replayed => "replay",
            Self::Unavailable => "replay_store_unavailable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "WPT-11"
    }
}
