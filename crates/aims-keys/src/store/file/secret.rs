//! What a file store is sealed with.

use core::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::store::{StoreError, disk};

/// What the files of a store are sealed with.
#[derive(Debug)]
pub struct Sealing(pub(super) Kind);

pub(super) enum Kind {
    Host(HostKey),
    Passphrase {
        passphrase: Passphrase,
        /// Of new files.
        cost: Argon2Cost,
        /// Of files that are opened, at most: each number by itself.
        ceiling: Argon2Cost,
    },
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
    ///
    /// A file says itself what it costs to open, before anything shows that we wrote it. None may ask for more memory,
    /// passes or lanes than the larger of this cost and the [default](Argon2Cost::default), unless
    /// [`files_up_to`](Self::files_up_to) says so.
    #[must_use]
    pub fn passphrase_with_cost(passphrase: Passphrase, cost: Argon2Cost) -> Self {
        Self(Kind::Passphrase { passphrase, cost, ceiling: cost.or_larger(Argon2Cost::default()) })
    }

    /// Also opens files that ask for up to this much memory, this many passes and lanes: those of a store that once had a
    /// higher cost. It never lowers what a file may ask for, and says nothing to a host key.
    #[must_use]
    pub fn files_up_to(mut self, cost: Argon2Cost) -> Self {
        if let Kind::Passphrase { ceiling, .. } = &mut self.0 {
            *ceiling = ceiling.or_larger(cost);
        }
        self
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(_) => f.write_str("host key"),
            Self::Passphrase { cost, ceiling, .. } => {
                write!(f, "passphrase, {cost:?}, files up to {ceiling:?}")
            }
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

/// 32 random bytes of the host: in a file that only its owner can read (mode 0600), or from elsewhere.
///
/// The file is a plain one, no symbolic link, and belongs to the user of this process or to root. So does the directory
/// around it, which nobody else may write to, unless its sticky bit keeps files safe from others there.
///
/// They are overwritten when they are dropped, and never shown.
pub struct HostKey(Zeroizing<[u8; LEN]>);

impl HostKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Permissions`] when file or directory are not as said above, [`StoreError::Corrupt`] when the file does
    /// not hold 32 bytes or all are zero, [`StoreError::Io`] when it cannot be read.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = file.as_ref();
        let corrupt = || StoreError::Corrupt { file: file.to_owned() };

        disk::check_place(file)?;
        let bytes = disk::read(file, LEN, disk::Owner::UsOrRoot)?;
        if bytes.len() != LEN {
            return Err(corrupt());
        }
        // Not by way of an array that nobody overwrites.
        let mut key = Zeroizing::new([0; LEN]);
        key.copy_from_slice(&bytes);
        Self::from_bytes(key).map_err(|_| corrupt())
    }

    /// Takes a key that came some other way: from a service manager, or unsealed by a TPM. All of its bytes are random; it
    /// is no password.
    ///
    /// # Errors
    ///
    /// [`StoreError::HostKeyZero`] when all bytes are zero: nobody filled them.
    pub fn from_bytes(key: Zeroizing<[u8; LEN]>) -> Result<Self, StoreError> {
        if key.iter().fold(0, |any, byte| any | byte) == 0 {
            return Err(StoreError::HostKeyZero);
        }
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
        disk::check_place(file)?;
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

    /// Whether no number is above that of `ceiling`.
    pub(super) fn is_within(self, ceiling: Self) -> bool {
        self.memory_kib <= ceiling.memory_kib && self.passes <= ceiling.passes && self.lanes <= ceiling.lanes
    }

    /// The larger of both, each number by itself.
    fn or_larger(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            passes: self.passes.max(other.passes),
            lanes: self.lanes.max(other.lanes),
        }
    }
}

/// 64 MiB, 3 passes, 4 lanes: the second recommended option of RFC 9106 §4.
impl Default for Argon2Cost {
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

const LEN: usize = 32;
