//! Banks of PCRs, and the values in them.

use std::fmt;

use aims_keys::Backend;
use aims_keys::backend::HashAlgorithm;

use crate::hex::hexadecimal;

/// A bank of PCRs, named by its hash function. Banks of weaker ones, SHA-1 above all, prove nothing and have no value here (TPM-25).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum PcrBank {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl PcrBank {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The one with this `TPM_ALG_ID`.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|bank| bank.id() == id)
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bank| bank.name() == name)
    }

    /// Its `TPM_ALG_ID`.
    #[must_use]
    pub fn id(self) -> u16 {
        super::public::hash_id(self.hash())
    }

    /// The one with this hash function.
    #[must_use]
    pub fn from_hash(hash: HashAlgorithm) -> Option<Self> {
        Self::ALL.into_iter().find(|bank| bank.hash() == hash)
    }

    /// Its name in selectors and evidence, such as `sha256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Its hash function.
    #[must_use]
    pub fn hash(self) -> HashAlgorithm {
        match self {
            Self::Sha256 => HashAlgorithm::Sha256,
            Self::Sha384 => HashAlgorithm::Sha384,
            Self::Sha512 => HashAlgorithm::Sha512,
        }
    }

    /// The digest of what comes in pieces.
    pub(super) fn digest(self, pieces: &[&[u8]], backend: Backend) -> PcrValue {
        let mut hasher = backend.hasher(self.hash());
        for piece in pieces {
            hasher.update(piece);
        }
        PcrValue::of(self, hasher.finish().as_ref())
    }
}

impl fmt::Display for PcrBank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of a PCR, or what was extended into one: a digest by the hash function of its bank.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PcrValue {
    bank: PcrBank,
    /// As many bytes as the hash has, and zeros.
    bytes: [u8; 64],
}

impl PcrValue {
    /// These bytes, if they are as many as the bank has.
    #[must_use]
    pub fn new(bank: PcrBank, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == bank.hash().output_len()).then(|| Self::of(bank, bytes))
    }

    /// The value of a PCR that nothing was extended into: zeros, and the locality from which the TPM was started.
    pub(super) fn initial(bank: PcrBank, locality: u8) -> Self {
        let mut bytes = [0; 64];
        if let Some(last) = bytes.get_mut(bank.hash().output_len() - 1) {
            *last = locality;
        }
        Self { bank, bytes }
    }

    fn of(bank: PcrBank, digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        Self { bank, bytes }
    }

    /// The bank it is of.
    #[must_use]
    pub fn bank(&self) -> PcrBank {
        self.bank
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.bank.hash().output_len()).unwrap_or_default()
    }

    /// What `TPM2_PCR_Extend` makes of it.
    pub(super) fn extended(&self, with: &[u8], backend: Backend) -> Self {
        self.bank.digest(&[self.as_bytes(), with], backend)
    }
}

/// In hexadecimal digits.
impl fmt::Display for PcrValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(self.as_bytes()))
    }
}

impl fmt::Debug for PcrValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.bank)
    }
}
