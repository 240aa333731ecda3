//! Which PCRs were quoted, and whether claimed values are those.

use std::collections::BTreeMap;

use aims_keys::Backend;

use super::{PcrBank, PcrValue};

/// The PCRs of one bank that a quote is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PcrSelection {
    algorithm: u16,
    /// PCR i is bit i.
    bits: u32,
}

impl PcrSelection {
    pub(super) fn of(algorithm: u16, bits: u32) -> Self {
        Self { algorithm, bits }
    }

    /// The bank; none if it is of SHA-1 or of another hash function that is not accepted.
    #[must_use]
    pub fn bank(&self) -> Option<PcrBank> {
        PcrBank::from_id(self.algorithm)
    }

    /// The `TPM_ALG_ID` of the bank.
    #[must_use]
    pub fn algorithm_id(&self) -> u16 {
        self.algorithm
    }

    /// Whether this PCR is in it.
    #[must_use]
    pub fn contains(&self, index: u8) -> bool {
        self.bits.checked_shr(index.into()).is_some_and(|bits| bits & 1 == 1)
    }

    /// The PCRs, in ascending order.
    pub fn indices(&self) -> impl Iterator<Item = u8> + use<> {
        let selection = *self;
        (0..32).filter(move |index| selection.contains(*index))
    }
}

/// Values of PCRs, as somebody claims them: a digest that a TPM signed shows whether they are.
///
/// ```
/// use aims_attest::tpm::{PcrBank, PcrValues};
///
/// let mut values = PcrValues::new();
/// values.insert(PcrBank::Sha256, 7, &[0xab; 32])?;
/// assert_eq!(values.get(PcrBank::Sha256, 7).unwrap().as_bytes(), [0xab; 32]);
/// assert_eq!(values.insert(PcrBank::Sha256, 7, &[0xab; 32]).unwrap_err().code(), "pcr_twice");
/// # Ok::<(), aims_attest::tpm::PcrError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PcrValues(BTreeMap<(PcrBank, u8), PcrValue>);

impl PcrValues {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of one PCR.
    ///
    /// # Errors
    ///
    /// [`PcrError`]: there is one already, no TPM has the PCR, or the value is as long as no value of the bank.
    pub fn insert(&mut self, bank: PcrBank, index: u8, value: &[u8]) -> Result<(), PcrError> {
        if index > MAX_PCR {
            return Err(PcrError::Index);
        }
        let value = PcrValue::new(bank, value).ok_or(PcrError::Length)?;
        match self.0.insert((bank, index), value) {
            None => Ok(()),
            Some(_) => Err(PcrError::Twice),
        }
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, bank: PcrBank, index: u8) -> Option<&PcrValue> {
        self.0.get(&(bank, index))
    }

    /// All of them: by bank, then by PCR.
    pub fn iter(&self) -> impl Iterator<Item = (PcrBank, u8, &PcrValue)> {
        self.0.iter().map(|((bank, index), value)| (*bank, *index, value))
    }

    /// The banks.
    pub fn banks(&self) -> impl Iterator<Item = PcrBank> {
        PcrBank::ALL.into_iter().filter(|bank| self.iter().any(|(of, _, _)| of == *bank))
    }

    /// Whether these are the values of exactly the PCRs that were quoted, all in banks that are accepted, and have the digest that was signed (TPM-25).
    ///
    /// `hash` is the hash function of the signature.
    ///
    /// # Errors
    ///
    /// [`PcrError`].
    pub fn check(&self, quoted: &super::Quoted<'_>, hash: PcrBank, backend: Backend) -> Result<(), PcrError> {
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(self.0.len());
        for selection in quoted.selections() {
            let bank = selection.bank().ok_or(PcrError::WeakBank)?;
            for index in selection.indices() {
                pieces.push(self.get(bank, index).ok_or(PcrError::Missing)?.as_bytes());
            }
        }
        // A bank is selected once, so nothing was counted twice.
        if pieces.is_empty() {
            return Err(PcrError::Missing);
        }
        if pieces.len() != self.0.len() {
            return Err(PcrError::NotQuoted);
        }
        if hash.digest(&pieces, backend).as_bytes() == quoted.digest() {
            Ok(())
        } else {
            Err(PcrError::Digest)
        }
    }
}

/// Why values of PCRs are not taken for those that were quoted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PcrError {
    /// They have another digest than the one that was signed.
    #[error("the values of the PCRs do not have the digest that was quoted")]
    Digest,
    /// No TPM has the PCR.
    #[error("there is no such PCR")]
    Index,
    /// The value is not as long as those of its bank.
    #[error("the value of a PCR has a length that is not that of its bank")]
    Length,
    /// A PCR was quoted whose value is missing, or none was quoted.
    #[error("the value of a PCR that was quoted is missing")]
    Missing,
    /// A value is of a PCR that was not quoted.
    #[error("there is a value of a PCR that was not quoted")]
    NotQuoted,
    /// There are two values of one PCR.
    #[error("there are two values of a PCR")]
    Twice,
    /// A bank of SHA-1, or of another hash function that is not accepted, was quoted.
    #[error("a bank of PCRs was quoted whose hash function is not accepted")]
    WeakBank,
}

impl PcrError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Digest => "pcr_digest",
            Self::Index => "pcr_index",
            Self::Length => "pcr_length",
            Self::Missing => "pcr_missing",
            Self::NotQuoted => "pcr_not_quoted",
            Self::Twice => "pcr_twice",
            Self::WeakBank => "pcr_weak_bank",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-25"
    }
}

/// The selections of a quote have 32 bits.
const MAX_PCR: u8 = 31;
