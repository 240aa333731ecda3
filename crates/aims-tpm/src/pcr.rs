//! Platform configuration registers: what a machine has measured since it was switched on.

use core::fmt;

use crate::error::TpmError;

/// A bank of PCRs: one value for each register, by one hash function. Not every TPM keeps every bank.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum PcrBank {
    /// SHA-256: what to use.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl PcrBank {
    /// The number of the hash function (`TPM_ALG_ID`).
    #[must_use]
    pub fn algorithm_id(self) -> u16 {
        match self {
            Self::Sha256 => 0x000b,
            Self::Sha384 => 0x000c,
            Self::Sha512 => 0x000d,
        }
    }

    /// The length of a value in bytes.
    #[must_use]
    pub fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(crate) fn from_id(id: u16) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|bank| bank.algorithm_id() == id)
    }
}

/// PCRs of one bank, each once.
///
/// ```
/// use aims_tpm::{PcrBank, PcrSelection};
///
/// let pcrs = PcrSelection::new(PcrBank::Sha256, &[7, 0, 4])?;
/// assert_eq!(pcrs.indices().collect::<Vec<_>>(), [0, 4, 7]);
/// assert!(PcrSelection::new(PcrBank::Sha256, &[]).is_err());
/// # Ok::<(), aims_tpm::TpmError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct PcrSelection {
    bank: PcrBank,
    /// Bit i is PCR i. INVARIANT: not zero, and below 2^24.
    bits: u32,
}

impl PcrSelection {
    /// Selects these registers.
    ///
    /// # Errors
    ///
    /// [`TpmError::PcrSelection`] when there is none, or one above 23.
    pub fn new(bank: PcrBank, indices: &[u8]) -> Result<Self, TpmError> {
        let mut bits = 0;
        for &index in indices {
            if index > LAST {
                return Err(TpmError::PcrSelection);
            }
            bits |= 1 << index;
        }
        Self::from_bits(bank, bits).ok_or(TpmError::PcrSelection)
    }

    /// The bank.
    #[must_use]
    pub fn bank(self) -> PcrBank {
        self.bank
    }

    /// The registers, in ascending order.
    pub fn indices(self) -> impl Iterator<Item = u8> + use<> {
        let bits = self.bits;
        (0..=LAST).filter(move |index| bits & (1 << index) != 0)
    }

    pub(crate) fn from_bits(bank: PcrBank, bits: u32) -> Option<Self> {
        (bits != 0 && bits < 1 << (LAST + 1)).then_some(Self { bank, bits })
    }

    pub(crate) fn bits(self) -> u32 {
        self.bits
    }

    /// Registers that any software can reset guard nothing.
    pub(crate) fn refuse_resettable(self) -> Result<(), TpmError> {
        if self.indices().any(|index| RESETTABLE.contains(&index)) {
            return Err(TpmError::PcrResettable);
        }
        Ok(())
    }
}

impl fmt::Debug for PcrSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.bank)?;
        f.debug_set().entries(self.indices()).finish()
    }
}

/// The value of a PCR.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PcrValue {
    /// The bank.
    pub bank: PcrBank,
    /// The register.
    pub index: u8,
    /// Its value, of the length of the bank's hash function.
    pub digest: Vec<u8>,
}

const LAST: u8 = 23;
const RESETTABLE: [u8; 2] = [16, 23];
