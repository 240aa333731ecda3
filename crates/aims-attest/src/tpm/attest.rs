//! `TPMS_ATTEST`: what a TPM says about itself, and signs.

use super::TpmReadError;
use super::pcr::PcrSelection;
use super::reader::Reader;

/// A `TPMS_ATTEST` as it was signed, of one of the two kinds that are read here: nothing in it is believed before its signature is verified.
///
/// ```
/// use aims_attest::tpm::Attest;
///
/// let refused = Attest::parse(b"\x00TCG\x80\x18").unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("tpm_magic", "TPM-21"));
/// ```
#[derive(Clone, Debug)]
pub struct Attest<'a> {
    qualified_signer: &'a [u8],
    extra_data: &'a [u8],
    clock: ClockInfo,
    firmware_version: u64,
    attested: Attested<'a>,
}

/// What is attested.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attested<'a> {
    /// `TPM2_Certify`: an object is in this TPM.
    Certify(Certified<'a>),
    /// `TPM2_Quote`: PCRs have these values.
    Quote(Quoted<'a>),
}

/// The object that a TPM has.
#[derive(Clone, Copy, Debug)]
pub struct Certified<'a> {
    name: &'a [u8],
    qualified_name: &'a [u8],
}

/// The PCRs that were quoted.
#[derive(Clone, Debug)]
pub struct Quoted<'a> {
    selections: Vec<PcrSelection>,
    digest: &'a [u8],
}

/// The clock of a TPM and how often it was started (`TPMS_CLOCK_INFO`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockInfo {
    pub(super) clock: u64,
    pub(super) reset_count: u32,
    pub(super) restart_count: u32,
    pub(super) safe: bool,
}

impl<'a> Attest<'a> {
    /// Reads all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`TpmReadError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TpmReadError> {
        if bytes.len() > MAX_ATTEST {
            return Err(TpmReadError::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let magic = reader.u32().ok_or(TpmReadError::Malformed)?;
        if magic != GENERATED {
            return Err(TpmReadError::Magic);
        }
        let kind = reader.u16().ok_or(TpmReadError::Malformed)?;
        if ![CERTIFY, QUOTE].contains(&kind) {
            return Err(TpmReadError::Type);
        }
        let (qualified_signer, extra_data, clock, firmware_version) =
            read_common(&mut reader).ok_or(TpmReadError::Malformed)?;
        let attested = if kind == QUOTE {
            Attested::Quote(read_quoted(&mut reader)?)
        } else {
            Attested::Certify(read_certified(&mut reader).ok_or(TpmReadError::Malformed)?)
        };
        if !reader.is_empty() {
            return Err(TpmReadError::TrailingBytes);
        }
        Ok(Self { qualified_signer, extra_data, clock, firmware_version, attested })
    }

    /// The qualified name of the key that signs.
    #[must_use]
    pub fn qualified_signer(&self) -> &'a [u8] {
        self.qualified_signer
    }

    /// What the caller had the TPM put into it.
    #[must_use]
    pub fn extra_data(&self) -> &'a [u8] {
        self.extra_data
    }

    /// The clock, and the counters of starts.
    #[must_use]
    pub fn clock(&self) -> ClockInfo {
        self.clock
    }

    /// The version of the firmware of the TPM, as its manufacturer counts.
    #[must_use]
    pub fn firmware_version(&self) -> u64 {
        self.firmware_version
    }

    /// What is attested.
    #[must_use]
    pub fn attested(&self) -> &Attested<'a> {
        &self.attested
    }

    /// The object, if this is about one.
    ///
    /// # Errors
    ///
    /// [`TpmReadError::Type`].
    pub fn certified(&self) -> Result<&Certified<'a>, TpmReadError> {
        match &self.attested {
            Attested::Certify(certified) => Ok(certified),
            Attested::Quote(_) => Err(TpmReadError::Type),
        }
    }

    /// The PCRs, if this is about PCRs.
    ///
    /// # Errors
    ///
    /// [`TpmReadError::Type`].
    pub fn quoted(&self) -> Result<&Quoted<'a>, TpmReadError> {
        match &self.attested {
            Attested::Quote(quoted) => Ok(quoted),
            Attested::Certify(_) => Err(TpmReadError::Type),
        }
    }
}

impl<'a> Certified<'a> {
    /// The name of the object: its name algorithm, and the digest of its public area.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The name of the object and of those it is under.
    #[must_use]
    pub fn qualified_name(&self) -> &'a [u8] {
        self.qualified_name
    }
}

impl<'a> Quoted<'a> {
    /// Which PCRs.
    #[must_use]
    pub fn selections(&self) -> &[PcrSelection] {
        &self.selections
    }

    /// The digest of their values.
    #[must_use]
    pub fn digest(&self) -> &'a [u8] {
        self.digest
    }
}

impl ClockInfo {
    /// Puts one together, for stores that keep them.
    #[must_use]
    pub fn new(clock: u64, reset_count: u32, restart_count: u32, safe: bool) -> Self {
        Self { clock, reset_count, restart_count, safe }
    }

    /// Milliseconds in which the TPM had power; they may be set forward, never back.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// How often the TPM was reset: one more with each boot.
    #[must_use]
    pub fn reset_count(&self) -> u32 {
        self.reset_count
    }

    /// How often it was resumed since.
    #[must_use]
    pub fn restart_count(&self) -> u32 {
        self.restart_count
    }

    /// Whether no higher value of the clock can have been reported before.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.safe
    }
}

type Common<'a> = (&'a [u8], &'a [u8], ClockInfo, u64);

fn read_common<'a>(reader: &mut Reader<'a>) -> Option<Common<'a>> {
    let qualified_signer = reader.sized(MAX_NAME)?;
    let extra_data = reader.sized(MAX_EXTRA_DATA)?;
    let (clock, reset_count, restart_count) = (reader.u64()?, reader.u32()?, reader.u32()?);
    // A `TPMI_YES_NO` has two values.
    let safe = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let firmware_version = reader.u64()?;
    Some((
        qualified_signer,
        extra_data,
        ClockInfo { clock, reset_count, restart_count, safe },
        firmware_version,
    ))
}

fn read_quoted<'a>(reader: &mut Reader<'a>) -> Result<Quoted<'a>, TpmReadError> {
    let count = reader.u32().ok_or(TpmReadError::Malformed)?;
    if count > MAX_SELECTIONS {
        return Err(TpmReadError::TooManySelections);
    }
    let mut selections: Vec<PcrSelection> = Vec::new();
    for _ in 0..count {
        let algorithm = reader.u16().ok_or(TpmReadError::Malformed)?;
        let len = reader.u8().ok_or(TpmReadError::Malformed)?;
        if len > MAX_SELECT {
            return Err(TpmReadError::SelectSize);
        }
        let mask = reader.take(len.into()).ok_or(TpmReadError::Malformed)?;
        // PCR i is bit i % 8 of byte i / 8.
        let bits = mask.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        if selections.iter().any(|selection| selection.algorithm_id() == algorithm) {
            return Err(TpmReadError::BankTwice);
        }
        selections.push(PcrSelection::of(algorithm, bits));
    }
    let digest = reader.sized(MAX_DIGEST).ok_or(TpmReadError::Malformed)?;
    Ok(Quoted { selections, digest })
}

fn read_certified<'a>(reader: &mut Reader<'a>) -> Option<Certified<'a>> {
    Some(Certified { name: reader.sized(MAX_NAME)?, qualified_name: reader.sized(MAX_NAME)? })
}

/// `TPM_GENERATED_VALUE`: a TPM signs no bytes of others that begin so with a restricted key (TPM-13).
const GENERATED: u32 = 0xff54_4347;

/// `TPM_ST_ATTEST_CERTIFY`
const CERTIFY: u16 = 0x8017;

/// `TPM_ST_ATTEST_QUOTE`
const QUOTE: u16 = 0x8018;

/// The longest has 16 selections, and is shorter than 500 bytes.
const MAX_ATTEST: usize = 1024;

/// The algorithm and a digest of SHA-512.
const MAX_NAME: usize = 66;

/// `TPM2B_DATA` is as long as a `TPMT_HA`.
const MAX_EXTRA_DATA: usize = 66;

const MAX_DIGEST: usize = 64;

/// TPM-20
const MAX_SELECTIONS: u32 = 16;

/// TPM-20: 32 PCRs.
const MAX_SELECT: u8 = 4;
