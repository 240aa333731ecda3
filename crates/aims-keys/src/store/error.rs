//! Why a store could not do what it was asked.

use core::time::Duration;
use std::io;
#[cfg(all(feature = "key-files", unix))]
use std::path::Path;
use std::path::PathBuf;

use super::KeyId;
use crate::public::KeyError;

/// Why a store could not do what it was asked (TPM-44). It may name a file, and never holds a passphrase, a PIN, a handle
/// of a device or a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There are several keys of this name: a device keeps names that are not unique.
    #[error("there are several keys named {id}")]
    Ambiguous {
        /// The name.
        id: KeyId,
    },
    /// The authorization value is wrong.
    #[error("the authorization of the key store failed")]
    AuthFailed,
    /// The store wants an authorization value and got none.
    #[error("the key store requires authorization")]
    AuthRequired,
    /// The store failed; nothing more is known that would not tell too much.
    #[error("the key store failed")]
    Backend,
    /// The store is busy.
    #[error("the key store is busy")]
    Busy {
        /// When to try again, if the device says so.
        retry_after: Option<Duration>,
    },
    /// The file is damaged, cut short, or not a key file of a version known here. It was left as it is.
    #[error("the key file {} is damaged or not a key file", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
    },
    /// The cost asked for as an option is out of bounds.
    #[error("the cost of the passphrase is out of bounds")]
    Cost,
    /// The device has no room for the key: others use it too, or a program that ended left its own behind.
    #[error("the device of the key store is full: others use it, or something was left in it")]
    DeviceFull,
    /// The device or service is not reachable any more.
    #[error("the device of the key store is gone")]
    DeviceGone,
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// There is a key of this name; it was left as it is.
    #[error("there is a key named {id} already")]
    Exists {
        /// The name.
        id: KeyId,
    },
    /// The file asks for work out of bounds before it would open. It was left as it is.
    #[error("the key file {} demands a cost of the passphrase that is out of bounds", file.display())]
    FileCost {
        /// The file.
        file: PathBuf,
    },
    /// The file asks for more work, before it would open, than this store does. It was left as it is.
    #[error("the key file {} demands more than the highest cost of the passphrase set for files", file.display())]
    FileCostCeiling {
        /// The file.
        file: PathBuf,
    },
    /// All bytes of the host key are zero.
    #[error("the host key is zero")]
    HostKeyZero,
    /// The operating system refused. What was to be written may stand all the same: see `FileStore`.
    #[error("{}: {kind}", file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// The key was refused.
    #[error("the key was refused: {0}")]
    Key(#[source] KeyError),
    /// Too many failed authorizations: the device refuses all.
    #[error("the device of the key store is locked out")]
    LockedOut,
    /// There is no key of this name.
    #[error("there is no key named {id}")]
    NotFound {
        /// The name.
        id: KeyId,
    },
    /// The key file is that of another device, or of another state of this one: it was wrapped there, and opens nowhere else.
    #[error("the key file {} belongs to another device", file.display())]
    OtherDevice {
        /// The file.
        file: PathBuf,
    },
    /// The file or directory is not one, belongs to another user, or can be read or changed by others.
    #[error("{} must be a plain file or directory of our own that nobody else can access", file.display())]
    Permissions {
        /// The file or directory.
        file: PathBuf,
    },
    /// A policy of the device refuses this.
    #[error("a policy of the key store refuses this")]
    Policy,
    /// The file does not open with this passphrase or host key: it was sealed with another, for a key of another name, or
    /// was altered.
    #[error("the key file {} does not open: another passphrase or host key, or altered", file.display())]
    Sealed {
        /// The file.
        file: PathBuf,
    },
    /// The device did not answer in time. What was asked may still be done.
    #[error("the device of the key store did not answer in time")]
    Timeout,
    /// The store has no keys for this algorithm.
    #[error("the key store does not support the algorithm")]
    UnsupportedAlgorithm,
    /// The key is not one for this use.
    #[error("the key is not for this use")]
    WrongUse,
}

impl StoreError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "key_ambiguous",
            Self::AuthFailed => "auth_failed",
            Self::AuthRequired => "auth_required",
            Self::Backend => "store_backend",
            Self::Busy { .. } => "store_busy",
            Self::Corrupt { .. } => "key_file_corrupt",
            Self::Cost => "passphrase_cost",
            Self::DeviceFull => "device_full",
            Self::DeviceGone => "device_gone",
            Self::EmptyPassphrase => "passphrase_empty",
            Self::Exists { .. } => "key_exists",
            Self::FileCost { .. } => "key_file_cost",
            Self::FileCostCeiling { .. } => "key_file_cost_ceiling",
            Self::HostKeyZero => "host_key_zero",
            Self::Io { .. } => "store_io",
            Self::Key(error) => error.code(),
            Self::LockedOut => "locked_out",
            Self::NotFound { .. } => "key_not_found",
            Self::OtherDevice { .. } => "key_of_other_device",
            Self::Permissions { .. } => "store_permissions",
            Self::Policy => "device_policy",
            Self::Sealed { .. } => "key_file_sealed",
            Self::Timeout => "store_timeout",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::WrongUse => "wrong_use",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Key(error) => error.rule(),
            _ => "TPM-44",
        }
    }

    #[cfg(all(feature = "key-files", unix))]
    pub(super) fn io(file: &Path, error: &io::Error) -> Self {
        Self::Io { file: file.to_owned(), kind: error.kind() }
    }
}

/// What a backend cannot do, a store cannot do; the rest are faults of the key.
impl From<KeyError> for StoreError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unsupported => Self::UnsupportedAlgorithm,
            KeyError::Random => Self::Backend,
            error => Self::Key(error),
        }
    }
}
