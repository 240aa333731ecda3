//! What is left of a log once it was compared with PCRs.

use aims_keys::Backend;

use super::super::reader::Reader;
use super::super::{PcrBank, PcrValue, PcrValues};
use super::{Event, EventLog, EventLogError};

impl<'a> EventLog<'a> {
    /// Replays it in every bank of `quoted`, and shows the events of those PCRs.
    ///
    /// `quoted` are values that a TPM signed: [`PcrValues::check`] and the signature come first. A PCR that has events in the log has to have the value that they
    /// make. So have PCRs 0 to 7, the firmware's own, if the log has none for them: then that of a fresh start. Others without events, which an operating system
    /// extends, are left alone. Events of PCRs that were not quoted are dropped: nobody vouches for them.
    ///
    /// # Errors
    ///
    /// [`EventLogError`].
    pub fn replay(&self, quoted: &PcrValues, backend: Backend) -> Result<ReplayedLog<'a>, EventLogError> {
        // Which bank vouches for a PCR: the first in which it was quoted.
        let mut vouches = [None; PCRS];
        for bank in quoted.banks() {
            let values = self.values(bank, backend)?;
            for (_, index, value) in quoted.iter().filter(|(of, _, _)| *of == bank) {
                let Some((replayed, has_events)) = values.get(usize::from(index)) else { continue };
                if (*has_events || index <= LAST_OF_FIRMWARE) && replayed != value {
                    return Err(EventLogError::Replay { bank, index });
                }
                if let Some(slot) = vouches.get_mut(usize::from(index)).filter(|_| *has_events) {
                    slot.get_or_insert(bank);
                }
            }
        }
        if vouches.iter().all(Option::is_none) {
            return Err(EventLogError::NothingQuoted);
        }
        let events = self.events.iter().filter_map(|event| {
            let bank = (*vouches.get(usize::from(event.pcr))?)?;
            ReplayedEvent::new(event, bank, backend)
        });
        Ok(ReplayedLog { events: events.collect(), backend })
    }

    /// What its events make of the PCRs of a bank, and whether there were any.
    fn values(&self, bank: PcrBank, backend: Backend) -> Result<[(PcrValue, bool); PCRS], EventLogError> {
        if !self.banks.contains(&bank) {
            return Err(EventLogError::BankMissing);
        }
        let mut values = [(PcrValue::initial(bank, 0), false); PCRS];
        if let Some((first, _)) = values.first_mut() {
            *first = PcrValue::initial(bank, self.locality);
        }
        for event in &self.events {
            let digest = event.digest(bank).ok_or(EventLogError::Digests)?;
            if let Some(slot) = values.get_mut(usize::from(event.pcr)) {
                *slot = (slot.0.extended(digest, backend), true);
            }
        }
        Ok(values)
    }
}

/// A log that made the PCRs that were quoted: [`EventLog::replay`] is the only way to one.
#[derive(Clone, Debug)]
pub struct ReplayedLog<'a> {
    events: Vec<ReplayedEvent<'a>>,
    backend: Backend,
}

/// Something that was measured into a PCR.
#[derive(Clone, Debug)]
pub struct ReplayedEvent<'a> {
    pcr: u8,
    kind: u32,
    digest: PcrValue,
    data: Option<&'a [u8]>,
}

impl<'a> ReplayedEvent<'a> {
    fn new(event: &Event<'a>, bank: PcrBank, backend: Backend) -> Option<Self> {
        let digest = PcrValue::new(bank, event.digest(bank)?)?;
        let is_covered = bank.digest(&[event.data], backend) == digest;
        Some(Self { pcr: event.pcr, kind: event.kind, digest, data: is_covered.then_some(event.data) })
    }

    /// The PCR.
    #[must_use]
    pub fn pcr(&self) -> u8 {
        self.pcr
    }

    /// What the log says the event is. The PCR does not vouch for it.
    #[must_use]
    pub fn claimed_kind(&self) -> u32 {
        self.kind
    }

    /// What was extended into the PCR.
    #[must_use]
    pub fn digest(&self) -> &PcrValue {
        &self.digest
    }

    /// What was measured, if the digest is that of the data of the event. Of many types of events it is not: their data are a comment that anybody can have written.
    #[must_use]
    pub fn data(&self) -> Option<&'a [u8]> {
        self.data
    }
}

impl<'a> ReplayedLog<'a> {
    /// The events of the PCRs that were quoted, in their order.
    #[must_use]
    pub fn events(&self) -> &[ReplayedEvent<'a>] {
        &self.events
    }

    /// Whether the firmware was set to start nothing but what is signed (UEFI Secure Boot), if PCR 7 tells.
    ///
    /// It tells by the variable `SecureBoot`, measured once before the firmware ended its measurements with a separator. The separator is known by its digest rather than by
    /// what the log calls it, since whatever runs later can extend PCR 7 too, and can rewrite the log.
    #[must_use]
    pub fn secure_boot(&self) -> Option<bool> {
        let of_policy = self.events.iter().filter(|event| event.pcr == SECURE_BOOT_PCR);
        let mut found: Vec<&[u8]> = Vec::new();
        for event in of_policy {
            if SEPARATORS.iter().any(|data| event.digest.bank().digest(&[data], self.backend) == event.digest)
            {
                return match found.as_slice() {
                    [[0]] => Some(false),
                    [[1]] => Some(true),
                    // A firmware without the variable measures it without a value.
                    _ => None,
                };
            }
            let variable = event.data.filter(|_| event.kind == EV_EFI_VARIABLE_DRIVER_CONFIG);
            found.extend(variable.and_then(secure_boot_variable));
        }
        None
    }
}

/// The value of the variable `SecureBoot`, if it is this one that was measured (`UEFI_VARIABLE_DATA`).
fn secure_boot_variable(data: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(data);
    let vendor: [u8; 16] = reader.array()?;
    let name_len = usize::try_from(reader.u64_le()?).ok()?;
    let value_len = usize::try_from(reader.u64_le()?).ok()?;
    let name = reader.take(name_len.checked_mul(2)?)?;
    let value = reader.take(value_len)?;
    let is_it = vendor == EFI_GLOBAL_VARIABLE
        && name.chunks_exact(2).eq("SecureBoot".encode_utf16().map(u16::to_le_bytes));
    (is_it && reader.is_empty()).then_some(value)
}

const PCRS: usize = 24;

const LAST_OF_FIRMWARE: u8 = 7;

const SECURE_BOOT_PCR: u8 = 7;

/// The digest of such an event is that of its data.
const EV_EFI_VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;

/// 8be4df61-93ca-11d2-aa0d-00e098032b8c
const EFI_GLOBAL_VARIABLE: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];

/// The two that are none of an error.
const SEPARATORS: [[u8; 4]; 2] = [[0; 4], [0xff; 4]];
