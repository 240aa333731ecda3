//! Keys that are agreed on, and secrets that are sent to the owner of a key.

use core::fmt;

use zeroize::Zeroizing;

use crate::public::{KeyError, PublicNumbers};

/// What an ephemeral key and the key of a peer have in common: [`Backend::agree`](super::Backend::agree) makes one.
pub struct Agreement {
    ephemeral: PublicNumbers,
    shared: Zeroizing<Vec<u8>>,
}

impl Agreement {
    pub(super) fn new(ephemeral: PublicNumbers, shared: Zeroizing<Vec<u8>>) -> Self {
        Self { ephemeral, shared }
    }

    /// The ephemeral public key, for the peer. Its private key is gone already.
    #[must_use]
    pub fn ephemeral(&self) -> &PublicNumbers {
        &self.ephemeral
    }

    /// The x coordinate of the common point, in full length: nothing to use as a key, only to derive one from.
    #[must_use]
    pub fn shared_x(&self) -> &[u8] {
        &self.shared
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agreement").field("ephemeral", &self.ephemeral).finish_non_exhaustive()
    }
}

/// Why a secret could not be encrypted to a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The backend failed, or the system has no randomness to give.
    #[error("the backend failed to encrypt")]
    Backend,
    /// The key is no RSA key, one that is refused everywhere, or one that the backend cannot encrypt to.
    #[error("nothing can be encrypted to the key")]
    Key(#[source] KeyError),
    /// The secret is longer than the key can take.
    #[error("the secret is too long for the key")]
    TooLong,
}

impl EncryptError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Backend => "encrypt_failed",
            Self::Key(error) => error.code(),
            Self::TooLong => "encrypt_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Backend | Self::TooLong => "TPM-44",
            Self::Key(error) => error.rule(),
        }
    }
}
