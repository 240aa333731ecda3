//! Event logs: what was measured into PCRs while a machine was started.

mod error;
mod replay;

pub use self::error::EventLogError;
pub use self::replay::{ReplayedEvent, ReplayedLog};

use super::PcrBank;
use super::reader::Reader;

/// The log of a firmware, in the crypto-agile format of the TCG PC Client Platform Firmware Profile, with nothing in it believed.
///
/// Anybody can write a log: not even its events are shown. [`replay`](Self::replay) compares it with PCRs that were quoted, and shows what they
/// stand for. Logs in the older format, which have SHA-1 alone, are refused.
///
/// A log is at most 1 MiB long and has at most 16384 events.
#[derive(Clone)]
pub struct EventLog<'a> {
    banks: Vec<PcrBank>,
    /// From where the TPM was started: what PCR 0 began with.
    locality: u8,
    /// Those that were extended into a PCR, in their order.
    events: Vec<Event<'a>>,
}

#[derive(Clone)]
struct Event<'a> {
    pcr: u8,
    kind: u32,
    /// By bank, in the order of [`PcrBank::ALL`].
    digests: [Option<&'a [u8]>; 3],
    data: &'a [u8],
}

impl Event<'_> {
    fn digest(&self, bank: PcrBank) -> Option<&[u8]> {
        PcrBank::ALL.iter().zip(self.digests).find(|(of, _)| **of == bank).and_then(|(_, digest)| digest)
    }
}

impl<'a> EventLog<'a> {
    /// Reads all of `bytes`.
    ///
    /// Every event has to have one digest of each bank that the log says it has, so that it can be replayed in each of them.
    ///
    /// # Errors
    ///
    /// [`EventLogError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EventLogError> {
        if bytes.len() > MAX_LOG {
            return Err(EventLogError::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let algorithms = read_header(&mut reader)?;
        let banks = algorithms.iter().filter_map(|(id, _)| PcrBank::from_id(*id)).collect();
        let mut log = Self { banks, locality: 0, events: Vec::new() };
        let (mut count, mut has_locality) = (0_u32, false);
        while !reader.is_empty() {
            count += 1;
            if count > MAX_EVENTS {
                return Err(EventLogError::TooManyEvents);
            }
            let (pcr, event) = read_event(&mut reader, &algorithms)?;
            if event.kind != EV_NO_ACTION {
                if pcr > LAST_PCR {
                    return Err(EventLogError::Malformed);
                }
                log.events.push(event);
            } else if let Some(locality) = startup_locality(pcr, &event)? {
                // It says what PCR 0 began with: once, and before anything was extended into it.
                if has_locality || log.events.iter().any(|event| event.pcr == 0) {
                    return Err(EventLogError::Locality);
                }
                (log.locality, has_locality) = (locality, true);
            }
        }
        Ok(log)
    }

    /// The banks for which it has digests, of those that are accepted.
    #[must_use]
    pub fn banks(&self) -> &[PcrBank] {
        &self.banks
    }
}

/// Shows no event.
impl std::fmt::Debug for EventLog<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog")
            .field("banks", &self.banks)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// The first event is in the older format, and says what follows: the hash functions, each with the length of its digests. It is not extended.
fn read_header(reader: &mut Reader<'_>) -> Result<Vec<(u16, u16)>, EventLogError> {
    let fields = |reader: &mut Reader<'_>| {
        let (pcr, kind) = (reader.u32_le()?, reader.u32_le()?);
        let digest: [u8; 20] = reader.array()?;
        Some((pcr, kind, digest))
    };
    let (pcr, kind, digest) = fields(reader).ok_or(EventLogError::Malformed)?;
    let len = reader.u32_le().and_then(|len| usize::try_from(len).ok());
    let data = len.and_then(|len| reader.take(len)).ok_or(EventLogError::Malformed)?;
    if (pcr, kind, digest) != (0, EV_NO_ACTION, [0; 20]) || !data.starts_with(SPEC_ID) {
        return Err(EventLogError::NotAgile);
    }
    let mut data = Reader::new(data);
    let algorithms = read_spec_id(&mut data).ok_or(EventLogError::Malformed)?;
    let is_sound = |(id, len): &(u16, u16)| {
        let expected = match *id {
            SHA1 => Some(20),
            id => PcrBank::from_id(id).map(|bank| bank.hash().output_len()),
        };
        *len > 0 && *len <= MAX_DIGEST && expected.is_none_or(|expected| expected == usize::from(*len))
    };
    let mut ids: Vec<_> = algorithms.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    if data.is_empty() && algorithms.iter().all(is_sound) && ids.len() == algorithms.len() {
        Ok(algorithms)
    } else {
        Err(EventLogError::Malformed)
    }
}

/// `TCG_EfiSpecIDEvent`
fn read_spec_id(data: &mut Reader<'_>) -> Option<Vec<(u16, u16)>> {
    data.take(SPEC_ID.len())?;
    let _platform_class = data.u32_le()?;
    let [_minor, major, _errata, _uintn_size]: [u8; 4] = data.array()?;
    let count = data.u32_le()?;
    if major != 2 || count == 0 || count > MAX_ALGORITHMS {
        return None;
    }
    let mut algorithms = Vec::new();
    for _ in 0..count {
        algorithms.push((data.u16_le()?, data.u16_le()?));
    }
    let vendor_info = data.u8()?;
    data.take(vendor_info.into())?;
    Some(algorithms)
}

/// `TCG_PCR_EVENT2`
fn read_event<'a>(
    reader: &mut Reader<'a>,
    algorithms: &[(u16, u16)],
) -> Result<(u32, Event<'a>), EventLogError> {
    let fields = |reader: &mut Reader<'_>| Some((reader.u32_le()?, reader.u32_le()?, reader.u32_le()?));
    let (pcr, kind, count) = fields(reader).ok_or(EventLogError::Malformed)?;
    if usize::try_from(count) != Ok(algorithms.len()) {
        return Err(EventLogError::Digests);
    }
    let mut seen = Vec::with_capacity(algorithms.len());
    let mut digests = [None; 3];
    for _ in 0..count {
        let id = reader.u16_le().ok_or(EventLogError::Malformed)?;
        let len = algorithms.iter().find(|(of, _)| *of == id).map(|(_, len)| *len);
        let len = len.filter(|_| !seen.contains(&id)).ok_or(EventLogError::Digests)?;
        seen.push(id);
        let digest = reader.take(len.into()).ok_or(EventLogError::Malformed)?;
        for (bank, slot) in PcrBank::ALL.iter().zip(&mut digests) {
            if bank.id() == id {
                *slot = Some(digest);
            }
        }
    }
    let len = reader.u32_le().and_then(|len| usize::try_from(len).ok());
    let data = len.and_then(|len| reader.take(len)).ok_or(EventLogError::Malformed)?;
    // What is not extended may name any PCR; what is, is checked by the caller.
    let index = u8::try_from(pcr).unwrap_or(u8::MAX);
    Ok((pcr, Event { pcr: index, kind, digests, data }))
}

/// `TCG_EfiStartupLocalityEvent`
fn startup_locality(pcr: u32, event: &Event<'_>) -> Result<Option<u8>, EventLogError> {
    let Some(rest) = event.data.strip_prefix(STARTUP_LOCALITY) else { return Ok(None) };
    match (pcr, rest) {
        (0, [locality @ (0 | 3 | 4)]) => Ok(Some(*locality)),
        _ => Err(EventLogError::Locality),
    }
}

const SPEC_ID: &[u8] = b"Spec ID Event03\0";

const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";

/// What is not extended into a PCR.
const EV_NO_ACTION: u32 = 3;

const SHA1: u16 = 0x0004;

/// ATT-5
const MAX_LOG: usize = 1024 * 1024;

const MAX_EVENTS: u32 = 16_384;

const MAX_ALGORITHMS: u32 = 16;

const MAX_DIGEST: u16 = 64;

/// Of a PC client.
const LAST_PCR: u32 = 23;
