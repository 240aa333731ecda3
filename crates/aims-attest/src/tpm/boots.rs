//! Clocks and counters of TPMs, which never go back.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use super::{ClockInfo, TpmName};

/// What was last seen of the clock of each TPM (TPM-26).
///
/// Of two quotes the older one is refused after the younger one, if it is older by more than a challenge lives ([`ClockInfo::after`]).
pub trait BootCounters: fmt::Debug + Send + Sync {
    /// Compares with what was last seen of the TPM that has this attestation key, by [`ClockInfo::after`], and remembers the outcome, in one step: of two calls at
    /// once, one sees what the other has remembered.
    ///
    /// It is called for evidence whose signature was verified, and for none else. As [`TpmDevices`](super::TpmDevices), it answers from memory.
    ///
    /// # Errors
    ///
    /// [`BootError`]; then nothing is remembered.
    fn advance(&self, ak: &TpmName, seen: ClockInfo) -> Result<Boot, BootError>;
}

impl<T: BootCounters + ?Sized> BootCounters for std::sync::Arc<T> {
    fn advance(&self, ak: &TpmName, seen: ClockInfo) -> Result<Boot, BootError> {
        (**self).advance(ak, seen)
    }
}

/// What happened to a TPM since it was last seen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Boot {
    /// It was not seen before.
    First,
    /// It was reset: the machine was started again, and what was found before does not hold any more.
    Rebooted,
    /// It was not reset.
    Same,
}

impl Boot {
    /// A stable name for claims and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Rebooted => "rebooted",
            Self::Same => "same",
        }
    }
}

impl ClockInfo {
    /// Whether a TPM of which `last` was seen can say this now, what happened in between, and what is to be remembered.
    ///
    /// # Errors
    ///
    /// [`BootError::Back`] when the TPM was reset less often than before, was resumed less often since the same reset, or has an earlier clock since the same reset although it says
    /// that the clock cannot have gone back: earlier by more than five minutes, the longest that a challenge is answered. Within that, two who use one TPM are heard in another order
    /// than the TPM has heard them, which is the fault of neither; how old a quote is, is told by its challenge.
    pub fn after(self, last: Self) -> Result<(Boot, Self), BootError> {
        if self.reset_count != last.reset_count {
            return if self.reset_count > last.reset_count {
                Ok((Boot::Rebooted, self))
            } else {
                Err(BootError::Back)
            };
        }
        if self.restart_count < last.restart_count
            || (self.safe && self.clock < last.clock.saturating_sub(OUT_OF_ORDER))
        {
            return Err(BootError::Back);
        }
        Ok((Boot::Same, Self { clock: self.clock.max(last.clock), ..self }))
    }
}

/// In milliseconds: no challenge lives longer.
const OUT_OF_ORDER: u64 = 300_000;

/// Counters in memory, of a bounded number of TPMs. They are forgotten with the process: a replay from before it is then told by its challenge alone.
pub struct MemoryBootCounters {
    seen: Mutex<HashMap<TpmName, ClockInfo>>,
    capacity: usize,
}

impl MemoryBootCounters {
    /// For so many TPMs at most: of more, none is let in, since forgetting one would let it go back.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { seen: Mutex::default(), capacity }
    }
}

impl BootCounters for MemoryBootCounters {
    fn advance(&self, ak: &TpmName, seen: ClockInfo) -> Result<Boot, BootError> {
        let mut remembered = self.seen.lock().map_err(|_| BootError::Unavailable)?;
        if let Some(last) = remembered.get_mut(ak) {
            let (boot, next) = seen.after(*last)?;
            *last = next;
            return Ok(boot);
        }
        if remembered.len() >= self.capacity {
            return Err(BootError::Full);
        }
        remembered.insert(ak.clone(), seen);
        Ok(Boot::First)
    }
}

/// Shows none of the TPMs.
impl fmt::Debug for MemoryBootCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBootCounters").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// Why the clock of a TPM is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// It went back.
    #[error("the clock or a counter of the TPM went back")]
    Back,
    /// There is no room for another TPM.
    #[error("there is no room for the counters of another TPM")]
    Full,
    /// What was last seen cannot be told.
    #[error("the counters of the TPM cannot be looked up")]
    Unavailable,
}

impl BootError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Back => "tpm_clock_back",
            Self::Full => "tpm_counters_full",
            Self::Unavailable => "unavailable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-26"
    }
}
