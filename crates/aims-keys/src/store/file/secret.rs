//! What a file store is sealed with.

use core::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::disk;
use crate::backend::Backend;
use crate::store::StoreError;

/// What the files of a store are sealed with.
#[derive(Debug)]
pub struct Sealing(pub(super) Kind);

pub(super) enum Kind {
    Host(HostKey),
    Passphrase(Passphrase, Argon2Cost),
}

impl Sealing {
    /// By a key of the host, that is kept apart from the store: on another disk, or given by a service manager.
    #[must_use]
    pub fn host_key(key: HostKey) -> Self {
        Self(Kind::Host(key))
    }

    /// By a passphrase, stretched by Argon2id at the [default cost](Argon2Cost::default) for new files.
    #[must_use]
    pub fn passphrase(passphrase: Passphrase) -> Self {
        Self::passphrase_with_cost(passphrase, Argon2Cost::default())
    }

    /// By a passphrase, stretched by Argon2id at this cost for new files; older files keep their own.
    #[must_use]
    pub fn passphrase_with_cost(passphrase: Passphrase, cost: Argon2Cost) -> Self {
        Self(Kind::Passphrase(passphrase, cost))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(_) => f.write_str("host key"),
            Self::Passphrase(_, cost) => write!(f, "passphrase, {cost:?}"),
        }
    }
}

/// A passphrase. It is overwritten when it is dropped, and never shown.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as it is: its bytes count, without any normalization.
    ///
    /// # Errors
    ///
    /// [`StoreError::EmptyPassphrase`] when it is empty.
    pub fn new(passphrase: impl Into<Zeroizing<String>>) -> Result<Self, StoreError> {
        let passphrase = passphrase.into();
        if passphrase.is_empty() {
            return Err(StoreError::EmptyPassphrase);
        }
        Ok(Self(passphrase))
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Shows nothing.
impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// 32 random bytes of the host, in a file that only its owner can read (mode 0600).
///
/// They are overwritten when they are dropped, and never shown.
pub struct HostKey(Zeroizing<[u8; LEN]>);

impl HostKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Permissions`] when others than the owner may access the file, [`StoreError::Corrupt`] when it does
    /// not hold 32 bytes, [`StoreError::Io`] when it cannot be read.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = file.as_ref();
        let bytes = disk::read(file, LEN)?;
        if bytes.len() != LEN {
            return Err(StoreError::Corrupt { file: file.to_owned() });
        }
        // Not by way of an array that nobody overwrites.
        let mut key = Zeroizing::new([0; LEN]);
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    /// Reads the key from its file, after making one there when there is no such file. Of several processes that do so at
    /// once, one makes the key and all read it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`StoreError::Backend`] when the system has no randomness.
    pub fn open_or_create(file: impl AsRef<Path>, backend: Backend) -> Result<Self, StoreError> {
        let file = file.as_ref();
        if !file.exists() {
            let mut key = Zeroizing::new([0; LEN]);
            backend.fill_random(key.as_mut_slice())?;
            disk::create(file, key.as_slice(), backend)?;
        }
        Self::open(file)
    }

    pub(super) fn expose(&self) -> &[u8; LEN] {
        &self.0
    }
}

/// Shows nothing.
impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostKey(..)")
    }
}

/// How much work one guess at a passphrase is: the parameters of Argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Argon2Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Argon2Cost {
    /// Memory in KiB (7 MiB to 1 GiB), passes over it (1 to 16) and lanes (1 to 16).
    ///
    /// # Errors
    ///
    /// [`StoreError::Cost`] when one is out of bounds, or memory times passes is below 35 MiB or above 4 GiB.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, StoreError> {
        let work = u64::from(memory_kib) * u64::from(passes);
        if !(7 << 10..=1 << 20).contains(&memory_kib)
            || !(1..=16).contains(&passes)
            || !(1..=16).contains(&lanes)
            || !(35 << 10..=4 << 20).contains(&work)
        {
            return Err(StoreError::Cost);
        }
        Ok(Self { memory_kib, passes, lanes })
    }
}

/// 64 MiB, 3 passes, 4 lanes: the second recommended option of RFC 9106 §4.
impl Default for Argon2Cost {
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

const LEN: usize = 32;
