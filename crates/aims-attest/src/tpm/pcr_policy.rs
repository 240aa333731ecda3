//! What the PCRs of a machine have to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{PcrBank, PcrError, PcrValue, PcrValues};

/// The values that PCRs have to have: of each that is named, one of those that are listed for it.
///
/// It has a name and a version, which appraisals and records say (ATT-125): a change of its values is a policy of another version.
///
/// ```
/// use aims_attest::tpm::{PcrBank, PcrPolicy};
///
/// let policy = PcrPolicy::builder("edge-nodes", 3)
///     .require(PcrBank::Sha256, 0, [[0x11; 32], [0x12; 32]])
///     .require(PcrBank::Sha256, 7, [[0x77; 32]])
///     .build()?;
/// assert_eq!(policy.id(), "edge-nodes@3");
///
/// // Whoever runs on the machine can reset PCR 16.
/// let refused = PcrPolicy::builder("lab", 1).require(PcrBank::Sha256, 16, [[0; 32]]).build().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("pcr_resettable", "TPM-25"));
/// # Ok::<(), aims_attest::tpm::PcrPolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PcrPolicy {
    id: String,
    required: BTreeMap<(PcrBank, u8), BTreeSet<PcrValue>>,
}

impl PcrPolicy {
    /// Starts from its name, and from which version of it this is.
    pub fn builder(name: &str, version: u32) -> PcrPolicyBuilder {
        let policy = Self { id: format!("{name}@{version}"), required: BTreeMap::new() };
        let is_named = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
        PcrPolicyBuilder(if is_named { Ok(policy) } else { Err(PcrPolicyError::Name) })
    }

    /// The name and the version, as `name@version`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether these are values that it allows: each PCR that it names is there, with one of its values.
    ///
    /// # Errors
    ///
    /// [`PcrError::Missing`] of a PCR that is not there, [`PcrError::Digest`] of a value that is not listed.
    pub fn check(&self, values: &PcrValues) -> Result<(), PcrError> {
        match self.mismatches(values).next() {
            Some(PcrMismatch { found: Some(_), .. }) => Err(PcrError::Digest),
            Some(_) => Err(PcrError::Missing),
            None => Ok(()),
        }
    }

    /// The PCRs that are not as it asks for, by bank, then by PCR.
    ///
    /// ```
    /// use aims_attest::tpm::{PcrBank, PcrPolicy, PcrValues};
    ///
    /// let policy = PcrPolicy::builder("edge-nodes", 3)
    ///     .require(PcrBank::Sha256, 4, [[0x44; 32]])
    ///     .require(PcrBank::Sha256, 7, [[0x77; 32]])
    ///     .build()?;
    /// let mut values = PcrValues::new();
    /// values.insert(PcrBank::Sha256, 7, &[0x78; 32])?;
    /// let wrong: Vec<_> = policy.mismatches(&values).map(|one| (one.index(), one.found().is_some())).collect();
    /// assert_eq!(wrong, [(4, false), (7, true)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mismatches<'a>(&'a self, values: &'a PcrValues) -> impl Iterator<Item = PcrMismatch<'a>> {
        self.required.iter().filter_map(|(&(bank, index), allowed)| {
            let found = values.get(bank, index);
            let is_allowed = found.is_some_and(|value| allowed.contains(value));
            (!is_allowed).then_some(PcrMismatch { bank, index, found, allowed })
        })
    }
}

/// A PCR that is not as a [`PcrPolicy`] asks for. Its text has both values: it is for the log of whoever has the policy.
#[derive(Clone, Copy, Debug)]
pub struct PcrMismatch<'a> {
    bank: PcrBank,
    index: u8,
    found: Option<&'a PcrValue>,
    allowed: &'a BTreeSet<PcrValue>,
}

impl<'a> PcrMismatch<'a> {
    /// The bank.
    #[must_use]
    pub fn bank(&self) -> PcrBank {
        self.bank
    }

    /// The PCR.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Its value; none where it was not quoted.
    #[must_use]
    pub fn found(&self) -> Option<&'a PcrValue> {
        self.found
    }

    /// The values that it may have, at least one.
    pub fn allowed(&self) -> impl Iterator<Item = &'a PcrValue> + use<'a> {
        self.allowed.iter()
    }
}

impl fmt::Display for PcrMismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PCR {}:{} ", self.bank, self.index)?;
        match self.found {
            Some(value) => write!(f, "is {value}, and has to be ")?,
            None => write!(f, "was not quoted, and has to be ")?,
        }
        let (mut shown, hidden) =
            (self.allowed.iter().take(MAX_SHOWN), self.allowed.len().saturating_sub(MAX_SHOWN));
        if let Some(first) = shown.next() {
            write!(f, "{first}")?;
        }
        shown.try_for_each(|value| write!(f, " or {value}"))?;
        if hidden > 0 { write!(f, " or {hidden} more") } else { Ok(()) }
    }
}

/// What a [`PcrPolicy`] asks for.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PcrPolicyBuilder(Result<PcrPolicy, PcrPolicyError>);

impl PcrPolicyBuilder {
    /// Asks that this PCR has one of these values. Asked twice about one PCR, it adds to the values.
    pub fn require(
        mut self,
        bank: PcrBank,
        index: u8,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Self {
        if let Ok(policy) = &mut self.0
            && let Err(error) = add(policy, bank, index, values)
        {
            self.0 = Err(error);
        }
        self
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`PcrPolicyError`]: the first thing that was wrong, or nothing was asked for.
    pub fn build(self) -> Result<PcrPolicy, PcrPolicyError> {
        self.0.and_then(
            |policy| if policy.required.is_empty() { Err(PcrPolicyError::Empty) } else { Ok(policy) },
        )
    }
}

fn add(
    policy: &mut PcrPolicy,
    bank: PcrBank,
    index: u8,
    values: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Result<(), PcrPolicyError> {
    if is_resettable(index) {
        return Err(PcrPolicyError::Resettable);
    }
    if index > LAST_PCR {
        return Err(PcrPolicyError::Index);
    }
    let values = values.into_iter().map(|value| PcrValue::new(bank, value.as_ref()));
    let values: BTreeSet<_> = values.collect::<Option<_>>().ok_or(PcrPolicyError::Length)?;
    if values.is_empty() {
        return Err(PcrPolicyError::Empty);
    }
    policy.required.entry((bank, index)).or_default().extend(values);
    Ok(())
}

/// Software can reset PCR 16, for debugging, and PCR 23, for applications: they prove nothing about how a machine was started.
pub(super) fn is_resettable(index: u8) -> bool {
    matches!(index, 16 | 23)
}

/// Why there is no such [`PcrPolicy`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PcrPolicyError {
    /// It asks for nothing, or for a PCR without a value that it may have.
    #[error("the policy names no PCR, or no value of one")]
    Empty,
    /// A TPM of a platform has 24 PCRs.
    #[error("there is no such PCR")]
    Index,
    /// A value is not as long as those of its bank.
    #[error("the value of a PCR has a length that is not that of its bank")]
    Length,
    /// It has no name, or one that is longer than 128 bytes or has control characters.
    #[error("the policy has no proper name")]
    Name,
    /// Software can reset PCRs 16 and 23.
    #[error("the PCR can be reset by software, and proves nothing")]
    Resettable,
}

impl PcrPolicyError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "pcr_policy_empty",
            Self::Index => "pcr_index",
            Self::Length => "pcr_length",
            Self::Name => "pcr_policy_name",
            Self::Resettable => "pcr_resettable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Empty | Self::Name => "ATT-125",
            Self::Index | Self::Length | Self::Resettable => "TPM-25",
        }
    }
}

const MAX_NAME: usize = 128;

/// Of the values that a PCR may have, in a text.
const MAX_SHOWN: usize = 2;

/// Of a PC client.
const LAST_PCR: u8 = 23;
